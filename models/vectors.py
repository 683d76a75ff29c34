"""The net's vectors of a catalogue's items, by position."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import Float32s, Hashes, Int64s
from models.content import Content
from models.net import Net
from models.read_out import centred

_FIRST_ITEMS: Final = 1024


class Vectors:
    """What each item enters fast weights by, what users find it by, and its bias.

    These are [N, d + s], [d + d', N] and [N] (see Net.vectors).

    An item has what the snapshot knows of it by its hash; its content is added once described.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self.size = 0
        """Positions filled."""
        self.enter = np.zeros((_FIRST_ITEMS, net.size + net.adding), dtype=np.float32)
        self.leave = np.zeros((net.size + net.tastes, _FIRST_ITEMS), dtype=np.float32)
        self.bias = np.zeros(_FIRST_ITEMS, dtype=np.float32)
        self._none = np.zeros_like(self.bias)
        self._leave_sum = np.zeros(len(self.leave))
        self._bias_sum = 0.0
        self._rooms = [np.empty(0, dtype=np.float32), np.empty(0, dtype=np.float32)]

    def extend(self, hashes: Hashes) -> None:
        """Fill the next positions, for items with these hashes."""
        first, self.size = self.size, self.size + len(hashes)
        room = len(self.bias)
        while room < self.size:
            room *= 2
        if room > len(self.bias):
            more = room - len(self.bias)
            self.enter = np.pad(self.enter, ((0, more), (0, 0)))
            self.leave = np.pad(self.leave, ((0, 0), (0, more)))
            self.bias = np.pad(self.bias, (0, more))
            self._none = np.zeros_like(self.bias)
        self._set(np.arange(first, self.size), hashes, [None] * len(hashes))

    def describe(self, place: Int64s, hashes: Hashes, contents: Sequence[Content]) -> None:
        """Take what was announced of the items at some positions, all different."""
        self._leave_sum -= self.leave[:, place].sum(axis=1, dtype=np.float64)
        self._bias_sum -= self.bias[place].sum(dtype=np.float64)
        self._set(place, hashes, contents)

    def _set(self, place: Int64s, hashes: Hashes, contents: Sequence[Content | None]) -> None:
        self.enter[place], leave, self.bias[place] = self.net.vectors(hashes, contents)
        self.leave[:, place] = leave.T
        self._leave_sum += self.leave[:, place].sum(axis=1, dtype=np.float64)
        self._bias_sum += self.bias[place].sum(dtype=np.float64)

    def entering(self, place: Int64s, hashes: Hashes) -> Float32s:
        """What items enter by: float32[n, d + s]; place -1: an item that has no position."""
        enter: Float32s = self.enter[place]
        strange = np.flatnonzero(place < 0)
        if len(strange):
            enter[strange] = self.net.vectors(hashes[strange], [None] * len(strange))[0]
        return enter

    def logits(self, query: Float32s) -> tuple[Float32s, Float32s]:
        """Logits of all items, and how they suit tastes: float32[n, size] for queries [n, d + d'].

        Both less their means over the items; the latter [0, 0] without tastes. They hold until the
        next call.
        """
        size = self.net.size
        bias_mean = self._bias_sum / max(self.size, 1)
        leave_mean = self._leave_sum / max(self.size, 1)
        logit, own = self._room(0, len(query)), np.ascontiguousarray(query[:, :size])
        centred(own, self.leave[:size], self.bias, leave_mean[:size], bias_mean, logit)
        if not self.net.tastes:
            return logit, np.empty((0, 0), dtype=np.float32)
        suits, own = self._room(1, len(query)), np.ascontiguousarray(query[:, size:])
        centred(own, self.leave[size:], self._none, leave_mean[size:], 0.0, suits)
        return logit, suits

    def _room(self, which: int, n: int) -> Float32s:
        """One of two tables [n, size] to be filled, kept between calls."""
        cells = n * self.size
        if len(self._rooms[which]) < cells:
            self._rooms[which] = np.empty(cells, dtype=np.float32)
        return self._rooms[which][:cells].reshape(n, self.size)
