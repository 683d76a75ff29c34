"""The items that lead for everyone: candidates for lists besides those that a walk touched."""

from typing import Final

import numpy as np

from models.arrays import Float32s, Int32s
from models.shelves import Shelves

LEADERS: Final = 256
"""A user who has had more of them than all but a list's length gets the rest by a full scan."""

_DRIFT: Final = 0.05
"""How far weights may move, in units of the largest, before the leaders are chosen anew."""


_KEPT: Final = 16
"""Choices kept: one for each gate that a worker may hold, and some that drifted."""


class Leaders:
    """The LEADERS best by the features that are alike for everyone, for each of B sets of weights.

    They are candidates alone, scored anew for each list, so they may be a little out of date:
    chosen when the features of all items were last made, or since, for weights near by.
    """

    def __init__(self) -> None:
        self._epoch = -1
        self._choices: list[tuple[Float32s, Int32s]] = []

    def choose(self, shelves: Shelves, epoch: int, weight: Float32s) -> Int32s:
        """Positions of the leaders, int32[B, up to LEADERS], for weights float32[B, features]."""
        if epoch != self._epoch:
            self._epoch, self._choices = epoch, []
        reach = _DRIFT * np.abs(weight).max()
        for near, items in self._choices:
            if np.abs(weight - near).max() <= reach:
                return items
        items = _best(shelves, weight)
        self._choices = [(weight, items), *self._choices[: _KEPT - 1]]
        return items


def _best(shelves: Shelves, weight: Float32s) -> Int32s:
    size = int(shelves.size[0])
    if size <= LEADERS:
        return np.tile(np.arange(size, dtype=np.int32), (len(weight), 1))
    score = weight @ shelves.popularity.feature[:size].T
    score[:, shelves.shown[:size] == 0] = -np.inf
    best = np.argpartition(-score, LEADERS - 1, axis=1)[:, :LEADERS]
    return np.ascontiguousarray(best, dtype=np.int32)
