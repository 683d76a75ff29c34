"""The order of steps that makes an applied row imply durable feedback, and a commit imply rows.

A run's work has three parts: `first` (the feedback that its rows wait for), `others` (lists, dead
letters) and `rows`. The ledger is told what was acknowledged and answers what may be done now:

* a run's rows are sent when its own feedback is acknowledged and the rows of every earlier run of
  the same table partition have been sent, whatever topic that run came from;
* a run is settled (its offset may be committed) when all its parts are acknowledged and every
  earlier run of the same source partition is settled;
* the work of an older epoch is dropped as a whole.

No I/O, no clock: calls in, steps out.
"""

from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum


class Part(Enum):
    """What of a run is acknowledged on its own."""

    FIRST = "first"
    OTHERS = "others"
    ROWS = "rows"


class Step(Enum):
    """What the ledger wants done."""

    SEND_ROWS = "send rows"
    SETTLE = "settle"


@dataclass(eq=False, slots=True)
class Work:
    """One run in the ledger.

    `source` orders settling (a source partition); `lane` orders rows (a table partition; None: the
    run has no rows). `pending`: the parts that are not acknowledged yet.
    """

    epoch: int
    source: Hashable
    lane: Hashable | None
    pending: set[Part]
    rows_sent: bool = False


class Ledger:
    """Which runs are in flight, and what each may do next."""

    def __init__(self) -> None:
        self._by_source: defaultdict[Hashable, deque[Work]] = defaultdict(deque)
        self._by_lane: defaultdict[Hashable, deque[Work]] = defaultdict(deque)

    def __len__(self) -> int:
        """Runs in flight."""
        return sum(len(queue) for queue in self._by_source.values())

    def in_flight_of(self, source: Hashable) -> int:
        """Runs in flight of one source partition."""
        queue = self._by_source.get(source)
        return len(queue) if queue else 0

    def add(
        self, epoch: int, source: Hashable, lane: Hashable | None, parts: set[Part]
    ) -> tuple[Work, list[tuple[Step, Work]]]:
        """Take in a run that has `parts`; call it in the order of reading.

        Returns the run's work and the steps that follow at once.
        """
        work = Work(epoch, source, lane if Part.ROWS in parts else None, set(parts))
        self._by_source[source].append(work)
        if work.lane is not None:
            self._by_lane[work.lane].append(work)
        return work, self._steps(work)

    def acknowledged(self, work: Work, part: Part) -> list[tuple[Step, Work]]:
        """`part` of `work` is durable; returns the steps that may be taken now, in order."""
        work.pending.discard(part)
        return self._steps(work)

    def drop_older(self, epoch: int) -> list[Work]:
        """Forget every run that is not of `epoch`; returns them."""
        dropped = []
        for queues in (self._by_source, self._by_lane):
            for key, queue in list(queues.items()):
                if queues is self._by_source:
                    dropped += [work for work in queue if work.epoch != epoch]
                kept = deque(work for work in queue if work.epoch == epoch)
                if kept:
                    queues[key] = kept
                else:
                    del queues[key]
        return dropped

    def _steps(self, work: Work) -> list[tuple[Step, Work]]:
        return self._release(work.lane) + self._settle(work.source)

    def _release(self, lane: Hashable | None) -> list[tuple[Step, Work]]:
        queue = self._by_lane.get(lane)
        steps: list[tuple[Step, Work]] = []
        while queue and Part.FIRST not in queue[0].pending:
            work = queue.popleft()
            work.rows_sent = True
            steps.append((Step.SEND_ROWS, work))
        if queue is not None and not queue:
            del self._by_lane[lane]
        return steps

    def _settle(self, source: Hashable) -> list[tuple[Step, Work]]:
        queue = self._by_source.get(source)
        steps: list[tuple[Step, Work]] = []
        while queue and not queue[0].pending:
            steps.append((Step.SETTLE, queue.popleft()))
        if queue is not None and not queue:
            del self._by_source[source]
        return steps
