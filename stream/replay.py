"""Replaying a file into Kafka at the workers' pace, and waiting for the lists that it causes."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.structs import RecordMetadata

from stream.backlog import Backlog
from stream.lists import ListWatcher
from stream.publish import Headers, Kind, Outgoing, Publisher, acknowledged, prepare
from stream.rowfiles import RowFile
from stream.schemas import QUIET_HEADER, Rejected, Rules
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

    kind: Kind = "events"
    rate: float | None = None
    ahead: int = AHEAD
    quiet: bool = False
    wait_for_lists: bool = False
    timeout: float = 30.0


class Pace:
    """Holds a sender back so that it never leads the workers by more than `ahead` records."""

    def __init__(self, backlog: Backlog, ahead: int) -> None:
        self._backlog = backlog
        self._ahead = ahead
        # At most so many records are unapplied: what was last counted, and what was sent since.
        self._unapplied = ahead

    async def sending(self, count: int) -> None:
        """Return when `count` more records may be sent."""
        silent_since, lowest = time.monotonic(), None
        while self._unapplied + count > self._ahead:
            counted = await self._backlog.count()
            if counted >= 0:
                self._unapplied = counted
            if counted >= 0 and (lowest is None or counted < lowest):
                silent_since, lowest = time.monotonic(), counted
            if self._unapplied + count <= self._ahead:
                break
            if time.monotonic() - silent_since > _SILENCE_SECONDS:
                log.warning("%d records wait to be applied: is a worker running?", self._unapplied)
                silent_since = time.monotonic()
            await asyncio.sleep(_POLL_SECONDS)
        self._unapplied += count


async def replay(settings: Settings, path: Path, plan: Plan, progress: Progress) -> Report:
    """Publish a file's rows in order, then wait for the lists if the plan says so.

    Raises InputFileError, BrokerUnreachable, TopicError, SendError.
    """
    file = RowFile(path, plan.kind)
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(Publisher(settings, plan.kind))
        watcher = ListWatcher(settings) if plan.wait_for_lists else None
        if watcher is not None:
            await stack.enter_async_context(watcher)
        pace = None
        if plan.ahead and plan.kind == "events":
            pace = Pace(await stack.enter_async_context(Backlog(settings)), plan.ahead)
        sender = _Sender(publisher, Rules.of(settings), plan, pace)
        await sender.send_all(file, progress)
        if watcher is not None:
            await _wait_for_lists(watcher, sender.last_places, plan.timeout, sender.report)
    return sender.report


class _Sender:
    """One pass over a file: check, pace, send, and count what is acknowledged."""

    def __init__(self, publisher: Publisher, rules: Rules, plan: Plan, pace: Pace | None) -> None:
        self.report = Report()
        # Where each user's last event that a list answers went.
        self.last_places: dict[str, Place] = {}
        self._publisher = publisher
        self._rules = rules
        self._plan = plan
        self._pace = pace
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
        while self._waiting:
            await self._oldest_acknowledged()
        report.seconds = time.monotonic() - began

    def _prepared(self, row: bytes | Rejected) -> Outgoing | Rejected:
        if isinstance(row, Rejected):
            return row
        return prepare(self._plan.kind, row, self._rules, self._publisher.limit)

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
        if self._pace is not None:
            await self._pace.sending(1)
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
