"""How far behind a partition's end its work is, in records and in time."""

from collections import defaultdict, deque
from typing import NamedTuple

from faust.types import TP


class Lag(NamedTuple):
    """Records of one partition that are not done, read or not."""

    records: int
    #: Broker time (ms) of the oldest run that was read and is not done; if all are, of the newest;
    #: None before the first.
    since_ms: int | None


class Reading:
    """Remembers the runs that were read until they are done; of those done the newest."""

    def __init__(self) -> None:
        # Of each run the offset after it, and the broker time of its first record.
        self._runs: defaultdict[TP, deque[tuple[int, int]]] = defaultdict(deque)

    def clear(self) -> None:
        """Positions were set anew: what was read before will be read again."""
        self._runs.clear()

    def add(self, tp: TP, after: int, broker_ms: int, done: int) -> None:
        """A run that ends before offset `after` was read; everything before `done` is done."""
        self._runs[tp].append((after, broker_ms))
        self._forget(tp, done)

    def lag(self, tp: TP, end: int, done: int) -> Lag:
        """The lag of a partition that ends at `end`, done up to `done`."""
        runs = self._forget(tp, done)
        return Lag(max(0, end - done), runs[0][1] if runs else None)

    def _forget(self, tp: TP, done: int) -> deque[tuple[int, int]]:
        runs = self._runs[tp]
        while len(runs) > 1 and runs[0][0] <= done:
            runs.popleft()
        return runs
