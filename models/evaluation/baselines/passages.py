"""Users' histories cut into passages, in batches, for the neural baselines to train on."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Int64s
from models.dataset import Dataset
from models.training.batches import Batch, Windows, batch, epoch
from models.training.history import History
from models.training.values import ValueRows

LENGTH: Final = 50
"""Events before an event that its prediction sees, at most."""
_NEW: Final = 35
"""Targets of a passage; the events before them, up to LENGTH in all, are only read."""
_BATCH: Final = 64
_UNLIKED: Final = 0.3
"""Weight of a target that is not positive, as for headwater's own net (learner.md)."""


class Passage(NamedTuple):
    """Some passages; a target is to be told from the inputs up to its own place.

    An input is the item before, as an index in the dataset, or I, the start, where there is none.
    """

    windows: Windows
    batch: Batch
    inputs: Int64s  # [b, t], t <= LENGTH


class Passages:
    """Events [0, end) such that each is a target once, seen from its last 15 to 50 events.

    Or from all of them where it has fewer. The cuts are drawn anew for each epoch. What no list
    could hold is no target: what the user has had, unless repeats are allowed.
    """

    def __init__(self, data: Dataset, end: int, *, repeats: bool) -> None:
        rows = ValueRows.learn(data.kind[:end], data.value[:end])
        self.history = History.of(data, end, rows)
        weight = np.where(self.history.positive, 1.0, _UNLIKED)
        if not repeats:
            weight[self.history.again] = 0.0
        self._weight: Float32s = weight.astype(np.float32)
        self._before = np.append(0, np.cumsum(weight > 0))
        self._start = len(data.items)

    def steps(self) -> int:
        """Count the batches of an epoch, about."""
        return -(-len(self.history) // (_NEW * _BATCH))

    def batches(self, draw: np.random.Generator) -> Iterator[Passage]:
        """One epoch, shuffled; passages of about equal length together."""
        for windows in epoch(self._cut(draw), _BATCH, draw):
            part = batch(self.history, windows, self._weight, _BATCH * LENGTH, draw)
            yield Passage(windows, part, self._inputs(windows, part))

    def _cut(self, draw: np.random.Generator) -> Windows:
        user = np.flatnonzero(self.history.place == 0)
        size = np.diff(np.append(user, len(self.history)))
        cut = LENGTH - draw.integers(0, _NEW, len(user))
        passages = 1 + np.maximum(-(-(size - cut) // _NEW), 0)
        which = np.arange(passages.sum()) - np.repeat(np.cumsum(passages) - passages, passages)
        user, size, cut = (np.repeat(of, passages) for of in (user, size, cut))
        stop = cut + _NEW * which
        first = np.where(which > 0, stop - _NEW, 0)
        low = np.maximum(stop - LENGTH, 0)
        windows = Windows(user, user + low, user + first, user + np.minimum(stop, size))
        return windows.at(np.flatnonzero(self._before[windows.stop] > self._before[windows.first]))

    def _inputs(self, windows: Windows, part: Batch) -> Int64s:
        history = self.history
        inputs = np.empty_like(part.item)
        inputs[:, 1:] = history.items[part.item[:, :-1]]
        before = history.items[history.item[np.maximum(windows.low - 1, 0)]]
        inputs[:, 0] = np.where(windows.low > windows.user, before, self._start)
        return inputs
