"""Windows: runs of events that are predicted together and then learned, as a worker's run is."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from models.arrays import Int32s, Int64s
from models.compiled import column, kernel


@kernel(column(np.int32), 0, 0, 0, column(np.int64))
def _cut(user: Int32s, begin: int, end: int, size: int, start: Int64s) -> int:
    """Fill in where windows begin; returns how many there are."""
    last = np.full(user.max() + 1, -1, dtype=np.int64)
    count = 0
    for event in range(begin, end):
        first = start[count - 1] if count > 0 else -1
        if count == 0 or event - first == size or last[user[event]] >= first:
            start[count] = event
            count += 1
        last[user[event]] = event
    return count


def window_starts(user: Int32s, begin: int, end: int, size: int) -> Int64s:
    """Where windows of events [begin, end) begin, and `end` last: int64[windows + 1].

    A window has at most `size` events, and never two of one user.
    """
    starts = np.empty(end - begin + 1, dtype=np.int64)
    count = _cut(user, begin, end, size, starts) if end > begin else 0
    starts[count] = end
    return starts[: count + 1]


def windows(user: Int32s, begin: int, end: int, size: int = 64) -> Iterator[Int64s]:
    """The windows of events [begin, end), each as its events' indices."""
    for first, stop in pairwise(window_starts(user, begin, end, size).tolist()):
        yield np.arange(first, stop)
