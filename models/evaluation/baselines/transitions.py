"""Transitions: what users take after their last items, exact and unbounded.

With c_k the user's k-th last item and T[x, j] the sum of 1 / k over events on j whose user's k-th
last item was x, for k <= 10:

    score(j) = sum_k (1 / k) T[c_k, j] / (sum_i T[c_k, i] + 5)

over all events on j or the positive ones. Items without transitions are ordered by recent
popularity at a scale of 1e-6. (learner.md, "Counters".)
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import Float32s, Int64s
from models.by_user import ByUser
from models.evaluation.baselines.measures import TAIL, tail
from models.evaluation.baselines.pairs import Pairs
from models.evaluation.baselines.tuned import Tuned
from models.limits import DEPTH

_PRIOR: Final = 5.0
_SHARES: Final = 1.0 / np.arange(1, DEPTH + 1)


class Transitions(Tuned):
    """Items that followed this user's last ones."""

    name = "transitions"

    def empty(self) -> None:
        """Start both matrices."""
        items = len(self.data.items)
        self._history = ByUser(self.data, len(self.data))
        self._tail = tail(items)
        self._pairs = {"all": Pairs(items), "liked": Pairs(items)}
        self._out = {which: np.zeros(items) for which in self._pairs}

    def variants(self) -> Sequence[str]:
        """All or liked events."""
        return tuple(self._pairs)

    def fold(self, window: Int64s) -> None:
        """Step from each of the user's last items to the event's."""
        for which, pairs in self._pairs.items():
            events = window if which == "all" else window[self.data.positive[window]]
            past = self._history.before(events, DEPTH)
            there = past >= 0
            steps = np.broadcast_to(_SHARES, past.shape)[there]
            before = self.data.item[past[there]]
            after = np.repeat(self.data.item[events], DEPTH)[there.ravel()]
            pairs.add(before, after, steps.astype(np.float32))
            np.add.at(self._out[which], before, steps)
        self._tail.add(self.data, window)

    def variant_scores(self, variant: str, events: Int64s) -> Float32s:
        """Sum the last items' rows with their weights: float32[m, I]."""
        past = self._history.before(events, DEPTH)
        last = np.where(past >= 0, self.data.item[past], np.int32(-1))
        weights = _SHARES / (self._out[variant][last] + _PRIOR)
        scores = self._pairs[variant].combine(last, weights.astype(np.float32))
        scores += TAIL * self._tail.sums()
        return scores

    def drop_others(self) -> None:
        """Keep the chosen matrix."""
        self._pairs = {self.chosen: self._pairs[self.chosen]}
        self._out = {self.chosen: self._out[self.chosen]}

    def state_bytes(self) -> int:
        """Bytes of the matrix, the items' sums and the users' last items."""
        counts = sum(out.nbytes for out in self._out.values()) + self._tail.nbytes
        last = np.dtype(np.int32).itemsize * DEPTH * len(self.data.users)
        return sum(pairs.nbytes for pairs in self._pairs.values()) + counts + last
