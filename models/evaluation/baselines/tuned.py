"""A contestant that counts, in variants; the last tenth of its training part chooses one."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from models.arrays import Bools, Float32s, Float64s, Int64s
from models.dataset import Dataset
from models.evaluation.contest import Placing, ScoreContestant

TOP: Final = 10
"""Length of the lists that choose: HR@10."""
MOST_TARGETS: Final = 5_000
"""Predicted while choosing, about."""
_WINDOW: Final = 64
_CHUNK: Final = 2_048
"""Events folded at once."""


def validation_start(end: int) -> int:
    """Where the last tenth of events [0, end) begins."""
    return end - end // 10


def windows(data: Dataset, begin: int, end: int) -> Iterator[Int64s]:
    """Runs of events, at most _WINDOW and never two of one user."""
    first, users = begin, set[int]()
    for event in range(begin, end):
        if int(data.user[event]) in users or event - first == _WINDOW:
            yield np.arange(first, event)
            first, users = event, set()
        users.add(int(data.user[event]))
    if first < end:
        yield np.arange(first, end)


def hits(placing: Placing, top: int = TOP) -> Float64s:
    """Hits that lists of `top` items are expected to have for each target, ties in random order."""
    chances = np.clip((top - placing.better) / (placing.ties + 1.0), 0.0, 1.0)
    return np.where(placing.better >= 0, chances, 0.0)


def choose(found: Float64s) -> int:
    """The variant with most hits, float64[variants, users]; without a clear winner the first.

    Clear: ahead of the first by more than a standard error, of the differences between users.
    """
    best = int(found.sum(axis=1).argmax())
    ahead = found[best] - found[0]
    return best if ahead.sum() > np.sqrt((ahead**2).sum()) else 0


class Tuned(ScoreContestant):
    """One state, folded once, that scores in several variants.

    The last tenth of the training part is predicted in windows and then folded; HR@10 chooses the
    variant. There are no slow weights but the choice. On a tenth with few users the luckiest of
    many variants need not be the best, so the first one, known to be good elsewhere, is taken
    where no other is clearly ahead of it.
    """

    chosen: str

    def start(self, end: int) -> None:
        """Fold events [0, end) and choose the variant on the last tenth of them."""
        cut = validation_start(end)
        self.empty()
        for first in range(0, cut, _CHUNK):
            self.fold(np.arange(first, min(first + _CHUNK, cut)))
        self.chosen = self._choose(cut, end)
        self.drop_others()

    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """The chosen variant's scores."""
        return self.variant_scores(self.chosen, window[targets])

    def _choose(self, begin: int, end: int) -> str:
        variants = self.variants()
        found = np.zeros((len(variants), len(self.data.users)))
        every = max(1, int(self.data.positive[begin:end].sum()) // MOST_TARGETS)
        for place, window in enumerate(windows(self.data, begin, end)):
            targets = self.data.positive[window]
            if place % every == 0 and targets.any():
                found += [self._hits(variant, window, targets) for variant in variants]
            self.fold(window)
            self.context.progress(f"choosing {self.name}", int(window[-1]) + 1 - begin, end - begin)
        return variants[choose(found)]

    def _hits(self, variant: str, window: Int64s, targets: Bools) -> Float64s:
        """The users' hits, float64[U]."""
        scores = self.variant_scores(variant, window[targets])
        found = hits(Placing(*self.eligible.place(window, targets, scores)))
        users = self.data.user[window[targets]]
        return np.bincount(users, found, len(self.data.users)).astype(np.float64)

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
