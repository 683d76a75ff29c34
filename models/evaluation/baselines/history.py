"""What a user did last before an event: read off the data, since each event is learned in turn."""

from typing import Final

import numpy as np

from models.arrays import Int64s
from models.dataset import Dataset

NONE: Final = -1


class History:
    """The events of each user in order, to look back from any of them."""

    def __init__(self, data: Dataset) -> None:
        self._by_user = np.argsort(data.user, kind="stable")
        self._place = np.empty(len(data), dtype=np.int64)
        self._place[self._by_user] = np.arange(len(data))
        before = np.cumsum(np.bincount(data.user, minlength=len(data.users)))
        self._first = np.concatenate([np.zeros(1, dtype=np.int64), before])[data.user]

    def before(self, events: Int64s, depth: int) -> Int64s:
        """The `depth` events of the same user before each of m events, newest first.

        int64[m, depth]; NONE where the user has no more.
        """
        place = self._place[events][:, None] - 1 - np.arange(depth)
        there = place >= self._first[events][:, None]
        return np.where(there, self._by_user[np.maximum(place, 0)], NONE)

    def count(self, events: Int64s) -> Int64s:
        """How many events of the same user lie before each of m events."""
        count: Int64s = self._place[events] - self._first[events]
        return count
