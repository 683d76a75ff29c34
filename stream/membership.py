"""A worker's partitions: claimed when they are assigned, then recovered, and one day revoked."""

import asyncio
import inspect
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from stream.claim import claim
from stream.errors import StateError
from stream.faust_app import consumer_of
from stream.fence import VOID, Fence
from stream.settings import Settings
from stream.tables import RowStore

log = logging.getLogger("headwater.worker")

Hook = Callable[[frozenset[TP]], Awaitable[None] | None]

# Of the session: a claim that takes longer would outlive the membership that it is for.
_CLAIM_SHARE = 0.6
# Kafka forgets a transactional id after 7 idle days, and with it who may write.
_CLAIM_AGAIN = 24 * 3600.0


class Membership:
    """What happens to the partitions of one worker, and the hooks that are told of it.

    recovered: whether the tables of all assigned partitions are up to date. recovery_seconds: how
    long that took.
    """

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        fence: Fence,
        stores: Mapping[str, RowStore],
        fail: Callable[[BaseException], None],
    ) -> None:
        """`stores`: the tables by their changelogs' topics. `fail`: stops the worker."""
        self.recovered = False
        self.recovery_seconds: float | None = None
        self._app = app
        self._settings = settings
        self._fence = fence
        self._stores = stores
        self._fail = fail
        self._hooks: defaultdict[str, list[Hook]] = defaultdict(list)
        self._claimed_at = time.monotonic()
        self._assigned_at = time.monotonic()
        self._assigned_at_all = False
        app.on_partitions_revoked.connect(self._revoked)
        app.on_rebalance_complete.connect(self._rebalanced)

    def on_assigned(self, hook: Hook) -> None:
        """Call `hook` with all assigned partitions, before recovery."""
        self._hooks["assigned"].append(hook)

    def on_revoked(self, hook: Hook) -> None:
        """Call `hook` with the partitions that go, after the runs in hand are done."""
        self._hooks["revoked"].append(hook)

    def on_recovered(self, hook: Hook) -> None:
        """Call `hook` with all assigned partitions: tables are up to date, no run has come yet."""
        self._hooks["recovered"].append(hook)

    @property
    def assignment(self) -> frozenset[TP]:
        """All partitions that are assigned to this worker, changelogs too."""
        consumer = consumer_of(self._app)
        if consumer is None:
            return frozenset()
        try:
            return frozenset(consumer.assignment())
        except ConsumerNotStarted:  # its thread has not come so far yet
            return frozenset()

    def rejoin(self) -> None:
        """Join the group anew."""
        if (consumer := consumer_of(self._app)) is not None:
            consumer.rejoin()

    async def prepare(self, assigned: set[TP], epoch: int) -> bool:
        """Before Faust and its recovery see an assignment; false: join the group anew."""
        self._assigned_at = time.monotonic()
        self._assigned_at_all = True
        log.info("Assigned: %s.", spelled(assigned) or "nothing")
        try:
            await self._call("assigned", assigned)
            return await self._claim({tp for tp in assigned if tp.topic in self._stores}, epoch)
        except Exception as error:  # noqa: BLE001  # aiokafka would log it and go on
            self._fail(error)
            return False

    def flowing(self, offsets: Mapping[TP, int]) -> None:
        """Positions are set, runs begin to come."""
        places = sorted(offsets.items())
        starts = ", ".join(f"{tp.topic}[{tp.partition}]@{offset}" for tp, offset in places)
        log.info("Ready: reading on from %s.", starts)

    async def claim_daily(self) -> None:
        """Join anew, which claims anew, before Kafka forgets the claim."""
        while True:
            await asyncio.sleep(60.0)
            if time.monotonic() - self._claimed_at > _CLAIM_AGAIN:
                self._claimed_at = time.monotonic()
                self.rejoin()

    async def _claim(self, changelogs: set[TP], epoch: int) -> bool:
        producer = self._app.producer._producer  # type: ignore[attr-defined]  # noqa: SLF001
        began = time.monotonic()
        limit = _CLAIM_SHARE * self._settings.session_timeout
        try:
            async with asyncio.timeout(limit):
                await claim(producer, self._settings.group, changelogs, epoch)
        except (TimeoutError, *VOID) as error:
            log.warning("Changelogs could not be claimed (%r): joining the group anew.", error)
            return False
        except KafkaError as error:
            self._fail(StateError(f"Kafka refuses to let this worker claim its tables: {error!r}"))
            return False
        self._claimed_at = time.monotonic()
        log.debug("Claimed %s in %.3f s.", spelled(changelogs), time.monotonic() - began)
        return True

    async def _revoked(self, *args: Any, **_: Any) -> None:
        revoked: set[TP] = args[1]  # after the app
        self.recovered = self._assigned_at_all = False
        if revoked:
            log.info("Revoked: %s.", spelled(revoked))
            await self._call("revoked", revoked)

    async def _rebalanced(self, *_: Any, **__: Any) -> None:
        if not self._assigned_at_all:
            return  # revoked again meanwhile: this recovery is of an older assignment
        assignment = self.assignment
        seconds = self.recovery_seconds = time.monotonic() - self._assigned_at
        for topic, store in self._stores.items():
            store.own(tp.partition for tp in assignment if tp.topic == topic)
            if store.owned():
                log.info(
                    "Recovered table %s: %d rows read from %s in %.2f s.",
                    store.name,
                    store.restored(),
                    spelled(tp for tp in assignment if tp.topic == topic),
                    seconds,
                )
        self.recovered = not self._fence.lost
        await self._call("recovered", assignment)

    async def _call(self, event: str, partitions: Iterable[TP]) -> None:
        for hook in self._hooks[event]:
            answer = hook(frozenset(partitions))
            if inspect.isawaitable(answer):
                await answer


def spelled(partitions: Iterable[TP]) -> str:
    """Partitions in words: `headwater.events[0,1,2], headwater.items[0]`."""
    by_topic: defaultdict[str, list[int]] = defaultdict(list)
    for tp in partitions:
        by_topic[tp.topic].append(tp.partition)
    return ", ".join(
        f"{topic}[{','.join(map(str, sorted(numbers)))}]"
        for topic, numbers in sorted(by_topic.items())
    )
