"""Users' histories cut into passages, in batches, for the neural baselines to train on."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Int64s
from models.dataset import Dataset

LENGTH: Final = 50
"""Events before an event that its prediction sees, at most."""
_HALF: Final = LENGTH // 2
_BATCH: Final = 64
_UNLIKED: Final = 0.3
"""Weight of a target that is not positive, as for headwater's own net (learner.md)."""


class Batch(NamedTuple):
    """b passages; a target is to be told from the inputs up to its own place.

    An input is the item before the target, or I, the start, where there is none.
    """

    inputs: Int64s  # [b, LENGTH]
    targets: Int64s  # [b, LENGTH]
    weights: Float32s  # [b, LENGTH], 0: a target of another passage, or none


class Passages:
    """Events [0, end) such that each is a target once, seen from its last 25 to 50 events.

    Or from all of them where it has fewer. The cuts are drawn anew for each epoch.
    """

    def __init__(self, data: Dataset, end: int) -> None:
        self._data = data
        self._by_user = np.argsort(data.user[:end], kind="stable")
        self._events = np.bincount(data.user[:end], minlength=len(data.users))
        self._first = np.cumsum(self._events) - self._events

    def batches(self, draw: np.random.Generator) -> Iterator[Batch]:
        """One epoch, shuffled."""
        users = np.flatnonzero(self._events)
        cut = LENGTH - draw.integers(0, _HALF, len(users))
        passages = 1 + np.maximum(-(-(self._events[users] - cut) // _HALF), 0)
        which = np.arange(passages.sum()) - np.repeat(np.cumsum(passages) - passages, passages)
        users, cut = np.repeat(users, passages), np.repeat(cut, passages)
        stop = cut + _HALF * which
        start = np.where(which > 0, stop - _HALF, 0)
        order = draw.permutation(len(users))
        for first in range(0, len(order), _BATCH):
            some = order[first : first + _BATCH]
            yield self._batch(users[some], start[some], stop[some])

    def _batch(self, users: Int64s, start: Int64s, stop: Int64s) -> Batch:
        """Passages of the users' events up to `stop`; those from `start` on are targets."""
        data = self._data
        begin = np.maximum(stop - LENGTH, 0)
        place = begin[:, None] + np.arange(LENGTH)
        there = place < np.minimum(stop, self._events[users])[:, None]
        at = self._first[users][:, None] + np.where(there, place, 0)
        events = self._by_user[at]
        before = data.item[self._by_user[np.maximum(at - 1, 0)]]
        inputs = np.where(there & (place > 0), before, len(data.items))
        weights = np.where(data.positive[events], 1.0, _UNLIKED)
        weights *= there & (place >= start[:, None])
        targets = data.item[events].astype(np.int64)
        return Batch(inputs.astype(np.int64), targets, weights.astype(np.float32))
