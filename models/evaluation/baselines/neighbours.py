"""Neighbours: incremental item to item, exact and unbounded.

With C[x, j] the times that x and j lay within the last 50 events of a user, n the items' events and
a = 0 .. 49 the age of the user's last items c_a:

    score(j) = sum_a d^a C[c_a, j] / sqrt((n_{c_a} + 1) (n_j + 5))

at decay d; or liked only: C and n_j of positive events on j, and unliked c_a weighted .3. Items
without neighbours are ordered by recent popularity at a scale of 1e-6. (learner.md, "Counters".)
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import Float32s, Int64s
from models.by_user import ByUser
from models.evaluation.baselines.measures import TAIL, tail
from models.evaluation.baselines.pairs import Pairs
from models.evaluation.baselines.tuned import Tuned
from models.limits import RING

_DECAYS: Final = (0.8, 0.5, 0.65, 0.9, 0.95)
_UNLIKED: Final = 0.3


class Neighbours(Tuned):
    """Items that other users had together with this user's last ones."""

    name = "neighbours"

    def empty(self) -> None:
        """Start both matrices."""
        items = len(self.data.items)
        self._history = ByUser(self.data, len(self.data))
        self._tail = tail(items)
        self._pairs = {"all": Pairs(items), "liked": Pairs(items)}
        self._events = {which: np.zeros(items) for which in self._pairs}
        self._decays = {
            f"{which}, decay {decay:g}": (which, decay)
            for which in self._pairs
            for decay in _DECAYS
        }

    def variants(self) -> Sequence[str]:
        """All or liked events, at each decay."""
        return tuple(self._decays)

    def fold(self, window: Int64s) -> None:
        """Pair each event's item with those of the user's ring, both ways."""
        data = self.data
        past = self._history.before(window, RING)
        mine = np.repeat(window, RING)[past.ravel() >= 0]
        past = past[past >= 0]
        apart = data.item[mine] != data.item[past]
        mine, past = mine[apart], past[apart]
        for which, pairs in self._pairs.items():
            for new, old in ((mine, past), (past, mine)):
                count = slice(None) if which == "all" else data.positive[new]
                ones = np.ones(len(new[count]), dtype=np.float32)
                pairs.add(data.item[old[count]], data.item[new[count]], ones)
            events = window if which == "all" else window[data.positive[window]]
            np.add.at(self._events[which], data.item[events], 1.0)
        if "all" not in self._pairs:
            np.add.at(self._events["all"], data.item[window], 1.0)
        self._tail.add(data, window)

    def variant_scores(self, variant: str, events: Int64s) -> Float32s:
        """Sum the ring's rows with their weights: float32[m, I]."""
        which, decay = self._decays[variant]
        past = self._history.before(events, RING)
        ring = np.where(past >= 0, self.data.item[past], np.int32(-1))
        weights = decay ** np.arange(RING) / np.sqrt(self._events["all"][ring] + 1.0)
        if which == "liked":
            weights *= np.where(self.data.positive[past], 1.0, _UNLIKED)
        scores = self._pairs[which].combine(ring, weights.astype(np.float32))
        scores /= np.sqrt(self._events[which] + 5.0).astype(np.float32)
        scores += TAIL * self._tail.sums()
        return scores

    def drop_others(self) -> None:
        """Keep the chosen matrix."""
        which, _ = self._decays[self.chosen]
        self._pairs = {which: self._pairs[which]}

    def state_bytes(self) -> int:
        """Bytes of the matrix, the items' counts and the users' rings."""
        counts = sum(events.nbytes for events in self._events.values()) + self._tail.nbytes
        rings = np.dtype(np.int32).itemsize * RING * len(self.data.users)
        return sum(pairs.nbytes for pairs in self._pairs.values()) + counts + rings
