"""Replaying a file into Kafka at the workers' pace, and waiting for the lists that it causes."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from aiokafka.structs import RecordMetadata

from stream.backlog import Backlog
from stream.foreign import Headers
from stream.lists import ListWatcher
from stream.publish import Outgoing, Publisher, acknowledged, prepare
from stream.rowfiles import RowFile
from stream.rules import Rules
from stream.schemas import QUIET_HEADER, Rejected
from stream.settings import Settings

log = logging.getLogger(__name__)

# So many records may stand unapplied: enough to keep every worker busy, few enough that counters
# are fresh when the gate learns from them.
AHEAD = 4000
_POLL_SECONDS = 0.1
_SILENCE_SECONDS = 10.0
# The producer holds so many unacknowledged messages before the oldest is waited for.
_IN_FLIGHT = 2000
_SHOWN_REFUSALS = 20
# Below this a pause costs more than it keeps to the rate.
_WORTH_SLEEPING = 0.002

# Told the fraction of the file that is read, 0 to 1, and the rows so far.
Progress = Callable[[float, int], None]
Place = tuple[int, int]


@dataclass
class Report:
    """What became of a file's rows."""

    rows: int = 0
    acknowledged: int = 0
    refused: int = 0
    refusals: list[tuple[int, Rejected]] = field(default_factory=list)
    seconds: float = 0.0
    expected_users: int = 0
    answered_users: int = 0

    def refuse(self, number: int, why: Rejected) -> None:
        """Count a refused row; the first twenty are kept with line number and reason."""
        self.refused += 1
        if len(self.refusals) < _SHOWN_REFUSALS:
            self.refusals.append((number, why))


@dataclass(frozen=True)
class Plan:
    """How to replay: `rate` in rows per second, `ahead` in records (0: without looking back)."""

    rate: float | None = None
    ahead: int = AHEAD
    quiet: bool = False
    wait_for_lists: bool = False
    timeout: float = 30.0


class Pace:
    """Holds a sender back so that it never leads the workers by more than `ahead` records."""

    def __init__(
        self, backlog: Backlog, ahead: int, settled: Callable[[], Awaitable[None]]
    ) -> None:
        """`settled` returns when all that was sent is acknowledged: only that can be counted."""
        self._backlog = backlog
        self._ahead = ahead
        self._settled = settled
        # At most so many records are unapplied: what was last counted, and what was sent since.
        self._unapplied = ahead

    async def sending_one(self) -> None:
        """Return when one more record may be sent."""
        if self._unapplied >= self._ahead:
            await self._settled()
            await self._room()
        self._unapplied += 1

    async def _room(self) -> None:
        fewest, silent_since = None, time.monotonic()
        while True:
            counted = await self._backlog.count()
            if 0 <= counted < self._ahead:
                self._unapplied = counted
                return
            now = time.monotonic()
            if fewest is None or counted < fewest:
                fewest, silent_since = counted, now
            elif now - silent_since > _SILENCE_SECONDS:
                told = (
                    f"{counted} records wait"
                    if counted >= 0
                    else "Kafka does not say how many wait"
                )
                log.warning("%s to be applied: is a worker running?", told)
                silent_since = now
            await asyncio.sleep(_POLL_SECONDS)


async def replay(settings: Settings, file: RowFile, plan: Plan, progress: Progress) -> Report:
    """Publish a file's rows in order, then wait for the lists if the plan says so.

    Raises InputFileError, BrokerUnreachable, TopicError, SendError.
    """
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(Publisher(settings, file.kind))
        watcher = ListWatcher(settings) if plan.wait_for_lists else None
        if watcher is not None:
            await stack.enter_async_context(watcher)
        sender = _Sender(publisher, Rules.of(settings), plan)
        if plan.ahead and file.kind == "events":
            backlog = await stack.enter_async_context(Backlog(settings))
            sender.pace = Pace(backlog, plan.ahead, sender.settled)
        await sender.send_all(file, progress)
        if watcher is not None:
            await _wait_for_lists(watcher, sender.last_places, plan.timeout, sender.report)
    return sender.report


class _Sender:
    """One pass over a file: check, pace, send, and count what is acknowledged."""

    def __init__(self, publisher: Publisher, rules: Rules, plan: Plan) -> None:
        self.report = Report()
        self.pace: Pace | None = None
        # Where each user's last event that a list answers went.
        self.last_places: dict[str, Place] = {}
        self._publisher = publisher
        self._rules = rules
        self._plan = plan
        self._waiting: deque[tuple[Outgoing, asyncio.Future[RecordMetadata]]] = deque()

    async def send_all(self, file: RowFile, progress: Progress) -> None:
        loud = self._last_of_each_user(file) if self._plan.quiet else None
        report, began = self.report, time.monotonic()
        for number, row in file:
            report.rows += 1
            message = self._prepared(row)
            if isinstance(message, Rejected):
                report.refuse(number, message)
            else:
                quiet = loud is not None and number not in loud
                await self._send(message, [QUIET_HEADER] if quiet else [], began)
            progress(file.fraction, report.rows)
        await self.settled()
        report.seconds = time.monotonic() - began

    async def settled(self) -> None:
        """Return when all that was sent is acknowledged. Raises SendError."""
        while self._waiting:
            await self._oldest_acknowledged()

    def _prepared(self, row: bytes | Rejected) -> Outgoing | Rejected:
        if isinstance(row, Rejected):
            return row
        return prepare(self._publisher.kind, row, self._rules, self._publisher.limit)

    def _last_of_each_user(self, file: RowFile) -> set[int]:
        """The numbers of the rows that are their user's last one which a list answers."""
        last: dict[bytes, int] = {}
        for number, row in file:
            message = self._prepared(row)
            if isinstance(message, Outgoing) and message.listed:
                last[message.key] = number
        return set(last.values())

    async def _send(self, message: Outgoing, headers: Headers, began: float) -> None:
        if self._plan.rate is not None:
            early = began + (self.report.rows - 1) / self._plan.rate - time.monotonic()
            if early > _WORTH_SLEEPING:
                await asyncio.sleep(early)
        if self.pace is not None:
            await self.pace.sending_one()
        self._waiting.append((message, await self._publisher.send(message, headers)))
        if len(self._waiting) > _IN_FLIGHT:
            await self._oldest_acknowledged()

    async def _oldest_acknowledged(self) -> None:
        message, sent = self._waiting.popleft()
        place = await acknowledged(sent, self._publisher.topic)
        self.report.acknowledged += 1
        if message.listed:
            self.last_places[message.key.decode()] = (place.partition, place.offset)


async def _wait_for_lists(
    watcher: ListWatcher, places: dict[str, Place], timeout_s: float, report: Report
) -> None:
    """Wait until every user's last event is covered; give up after `timeout_s` without progress."""
    open_ = [watcher.expect(user, *place) for user, place in places.items()]
    report.expected_users = len(open_)
    last_answer = time.monotonic()
    while open_ and time.monotonic() - last_answer < timeout_s:
        await asyncio.sleep(_POLL_SECONDS)
        still = [answer for answer in open_ if not answer.done()]
        if len(still) < len(open_):
            last_answer = time.monotonic()
        open_ = still
    report.answered_users = report.expected_users - len(open_)
