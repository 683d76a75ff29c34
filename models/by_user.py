"""Events in the order of their users, to look back from any of them."""

from typing import Final

import numpy as np

from models.arrays import Int64s
from models.dataset import Dataset

NONE: Final = -1


class ByUser:
    """Events [0, end) of a dataset, sorted by user and then by time.

    event: int64[end], each as an index in the dataset. place: int64[end], how many events of the
    same user stand before each of these.
    """

    def __init__(self, data: Dataset, end: int) -> None:
        self.event: Int64s = np.argsort(data.user[:end], kind="stable")
        user, at = data.user[self.event], np.arange(end)
        new = np.r_[True, user[1:] != user[:-1]][:end]
        self.place: Int64s = at - np.maximum.accumulate(np.where(new, at, 0))
        self._at = np.empty(end, dtype=np.int64)
        self._at[self.event] = at

    def before(self, events: Int64s, depth: int) -> Int64s:
        """The `depth` events of the same user before each of m events, newest first.

        int64[m, depth]; NONE where the user has no more.
        """
        back = np.arange(1, depth + 1)
        there = back <= self.count(events)[:, None]
        return np.where(there, self.event[self._at[events][:, None] - back * there], NONE)

    def count(self, events: Int64s) -> Int64s:
        """How many events of the same user lie before each of m events."""
        return self.place[self._at[events]]
