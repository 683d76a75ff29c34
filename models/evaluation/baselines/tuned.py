"""A contestant that counts, in variants; the last tenth of its training part chooses one."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import Bools, Float32s, Int64s
from models.evaluation.baselines.validation import (
    choose,
    hits_by_user,
    validation,
    validation_start,
)
from models.evaluation.contest import ScoreContestant

_CHUNK: Final = 2_048
"""Events folded at once."""


class Tuned(ScoreContestant):
    """One state, folded once, that scores in several variants.

    The last tenth of the training part is predicted in windows and then folded; HR@10 chooses the
    variant: the first one, known to be good elsewhere, where no other is clearly ahead of it.
    There are no slow weights but the choice.
    """

    chosen: str

    def start(self, end: int) -> None:
        """Fold events [0, end) and choose the variant on the last tenth of them."""
        cut = validation_start(end)
        self.empty()
        for first in range(0, cut, _CHUNK):
            self.fold(np.arange(first, min(first + _CHUNK, cut)))
        self.chosen = self._choose(end)
        self.drop_others()

    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """The chosen variant's scores."""
        return self.variant_scores(self.chosen, window[targets])

    def _choose(self, end: int) -> str:
        variants = self.variants()
        found = np.zeros((len(variants), len(self.data.users)))
        begin = validation_start(end)
        for window, targets in validation(self.data, end):
            for place, variant in enumerate(variants if targets.any() else ()):
                scores = self.variant_scores(variant, window[targets])
                found[place] += hits_by_user(self.eligible, window, targets, scores)
            self.fold(window)
            self.context.progress(f"choosing {self.name}", int(window[-1]) + 1 - begin, end - begin)
        return variants[choose(found)]

    @abstractmethod
    def empty(self) -> None:
        """Make the state of no events."""

    @abstractmethod
    def variants(self) -> Sequence[str]:
        """All variants, the one to take without clear evidence first."""

    @abstractmethod
    def variant_scores(self, variant: str, events: Int64s) -> Float32s:
        """Scores of all items for m events about to come: float32[m, I]."""

    @abstractmethod
    def drop_others(self) -> None:
        """Free what the chosen variant does not need."""
