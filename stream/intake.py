"""Takes records out of Kafka in waves: what one fetch brought for one topic is one message.

Contains: Faust spends 130 µs on each message before an agent sees it; a wave of a thousand records
costs as much as one. During recovery a run of changelog records is applied in one batch: 100,000
rows of 1 kB in about 2 s instead of 31 s.
"""

import logging
from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, ClassVar, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faust.transport.consumer import ensure_TP
from faust.types import TP, Message

from stream.faustfix import FAUST_LOG
from stream.faustfix.acks import SettledOffsetsConsumer
from stream.faustfix.commit import AcceptedCommitConsumer
from stream.faustfix.fetch import EpochFetchConsumer
from stream.faustfix.idle import IdleIsNotHangingThread
from stream.faustfix.pressure import PausedStaysPausedConsumer
from stream.fence import Fence, watch
from stream.lag import Lag, Reading
from stream.runs import Run, RunMessage, waves
from stream.tables import RowStore

log = logging.getLogger("headwater.intake")

# Faust fixes 1500: every other request waits behind a fetch on the same connection.
_FETCH_MAX_WAIT_MS = 100


class RunConsumerThread(IdleIsNotHangingThread):
    """The thread that fetches: answers in 100 ms at the latest, and reports to the fence."""

    logger = FAUST_LOG

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001
        return consumer

    async def on_start(self) -> None:
        """Start aiokafka's consumer; the group is joined later, when Faust subscribes."""
        await super().on_start()
        watch(self._ensure_consumer()._coordinator, self._fence)  # noqa: SLF001

    def rejoin(self) -> None:
        """Ask for a new assignment; from any thread."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        self.thread_loop.call_soon_threadsafe(coordinator.request_rejoin)

    @property
    def _fence(self) -> Fence:
        consumer = self.consumer
        if not isinstance(consumer, RunConsumer):
            raise TypeError(f"needs a RunConsumer, got {type(consumer).__name__}")
        return consumer.fence


class RunConsumer(
    EpochFetchConsumer, SettledOffsetsConsumer, AcceptedCommitConsumer, PausedStaysPausedConsumer
):
    """Faust's consumer with the defects contained, yielding runs.

    The class attributes are the wiring of one worker; `consumer_class` sets them.
    """

    fence: ClassVar[Fence]
    run_topics: ClassVar[set[str]]
    stores: ClassVar[Mapping[str, RowStore]]  # by changelog topic
    max_run: ClassVar[int]
    prepare: ClassVar[Callable[[set[TP], int], Awaitable[bool]]]
    flowing: ClassVar[Callable[[Mapping[TP, int]], None]]

    _thread: RunConsumerThread

    #: The worker has failed: no run in hand will ever be done, so none is waited for.
    abandoned = False

    def abandon(self) -> None:
        """Let the consumer stop without what is in hand; from now on nothing is tracked."""
        self.abandoned = True
        self._unacked_messages.clear()

    def track_message(self, message: Any) -> None:
        """Remember a run that must be done before partitions are given up."""
        if not self.abandoned:
            super().track_message(message)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.next_offsets: dict[TP, int] = {}
        self._reading = Reading()
        self._fetching_in = self.fence.epoch

    def _new_consumer_thread(self) -> RunConsumerThread:
        return RunConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def rejoin(self) -> None:
        """Ask for a new assignment; from any thread."""
        self._thread.rejoin()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Prepare before Faust does, which reads the ends of the changelogs."""
        if not await type(self).prepare(assigned, self.fence.epoch):
            self.fence.lose()
            self.rejoin()
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Move to the committed offsets."""
        await super().perform_seek()
        committed = ((tp, self._committed_offset[tp]) for tp in self.assignment())
        self.next_offsets = {tp: offset or 0 for tp, offset in committed}
        self._reading.clear()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Let partitions flow: changelogs for a recovery, then, positions being set, the rest."""
        tps = set(tps)
        super().resume_partitions(tps)
        ours = {tp: self.next_offsets.get(tp, 0) for tp in tps if tp.topic in self.run_topics}
        if ours:
            type(self).flowing(ours)

    async def getmany(  # Faust's signature
        self,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncIterator[tuple[TP, Message]]:
        """Yield one message per run; nothing that was fetched before a rebalance or seek."""
        records, active = await self._wait_next_records(timeout)
        fetched_in = self.fetch_epoch
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        taken = {ensure_TP(tp): fetched for tp, fetched in records.items() if fetched}
        taken = {tp: fetched for tp, fetched in taken.items() if self._wanted(tp, active)}
        for message in self._messages(taken):
            # Our epochs decide what is valid; Faust's own idea of what was read would drop
            # messages after a seek backwards.
            self._read_offset[message.tp] = None
            if self.fetch_epoch != fetched_in or not self.flow_active:
                return
            yield message.tp, message

    def _wanted(self, tp: TP, active: set[TP] | None) -> bool:
        return active is None or tp in active or tp in self._buffered_partitions

    async def _getmany(  # Faust's signature
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> Any:
        # Before the fetch: what was fetched for an older membership carries its number.
        self._fetching_in = self.fence.epoch
        return await super()._getmany(active_partitions, timeout)

    def _messages(self, taken: Mapping[TP, Sequence[ConsumerRecord]]) -> Iterator[Message]:
        """What Faust gets to see: a message for each wave, the last of a changelog's records."""
        runs: defaultdict[str, list[Run]] = defaultdict(list)
        for tp, fetched in taken.items():
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            if tp.topic in self.run_topics:
                cuts = range(0, len(fetched), self.max_run)
                runs[tp.topic] += [self._run(tp, fetched[at : at + self.max_run]) for at in cuts]
                continue
            records = self._restore(tp, fetched) if tp.topic in self.stores else fetched
            yield from (self._to_message(tp, record) for record in records)
        for together in runs.values():
            for wave in waves(together, self.max_run):
                (message,) = wave[0].messages
                message.value = wave  # type: ignore[assignment]  # not bytes
                yield message

    def _run(self, tp: TP, records: Sequence[ConsumerRecord]) -> Run:
        last = records[-1]
        generation = self.app.consumer_generation_id
        message = RunMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            None,
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )
        message.position_epoch = self.position_epoch
        self.next_offsets[tp] = last.offset + 1
        self._reading.add(tp, last.offset + 1, records[0].timestamp, self._done(tp))
        return Run(tp, records, self._fetching_in, (message,))

    def lag(self, tp: TP) -> Lag | None:
        """How far the work on a partition is behind its end; None before anything is known."""
        end = cast("int | None", self.highwater(tp))  # Faust says int
        return None if end is None else self._reading.lag(tp, end, self._done(tp))

    def _done(self, tp: TP) -> int:
        """Return the offset up to which a partition is acknowledged."""
        return self._settled.get(tp) or self._committed_offset.get(tp) or 0

    def _restore(self, tp: TP, fetched: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord]:
        """Apply a run of changelog records in one batch; returns the last one.

        That one still goes Faust's ordinary way, as an offset already seen, so that its recovery
        notices the end.
        """
        recovery = self.app.tables.recovery  # type: ignore[attr-defined]  # of our TableManager
        if tp not in recovery.active_tps or not recovery.in_recovery:
            return []
        seen = recovery.active_offsets.get(tp)
        new = [record for record in fetched if seen is None or record.offset > seen]
        if new:
            rows = [(record.key, record.value) for record in new]
            self.stores[tp.topic].restore(tp.partition, rows, new[-1].offset)
            recovery.active_offsets[tp] = new[-1].offset
        return fetched[-1:]

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001  # whatever it is, the recovery seeks again
            log.debug("Seek while stopped: %r", error)

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        # An empty group takes a commit from anybody: one who has lost his membership keeps still.
        if self.fence.lost:
            return False
        return await super()._commit_offsets(offsets, start_new_transaction)


def consumer_class(
    fence: Fence,
    run_topics: set[str],
    stores: Mapping[str, RowStore],
    max_run: int,
    *,
    prepare: Callable[[set[TP], int], Awaitable[bool]],
    flowing: Callable[[Mapping[TP, int]], None],
) -> type[RunConsumer]:
    """A RunConsumer wired for one worker.

    `prepare(assigned, epoch)`: makes the broker refuse former owners; false if that failed and the
    group must be joined anew. `flowing(next offsets)`: called when runs are about to come.
    """
    wiring = {
        "logger": FAUST_LOG,
        "fence": fence,
        "run_topics": run_topics,
        "stores": stores,
        "max_run": max_run,
        "prepare": staticmethod(prepare),
        "flowing": staticmethod(flowing),
    }
    return type("Consumer", (RunConsumer,), wiring)
