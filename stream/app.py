"""A Faust app made from settings, on four foundations: intake, row store, fixes, fence."""

import asyncio
import inspect
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from stream.claim import claim
from stream.egress import Egress, Out
from stream.errors import StateError
from stream.faustfix import FAUST_LOG
from stream.faustfix.flush import FlushProducer
from stream.faustfix.resume import SeekFirstTableManager
from stream.faustfix.version import require_known_faust
from stream.fence import VOID, Fence, FencedProducer, fenced_producer
from stream.gather import Gatherer
from stream.intake import RunConsumer, consumer_class
from stream.lag import Lag
from stream.life import Life, Task
from stream.runs import Handler, Run, Wave, WaveHandler, WaveSchema
from stream.settings import Settings
from stream.statedir import take_state_dir
from stream.tables import MemoryBackend, RowStore, RowTable, rocks_backend, rocks_options
from stream.topics import Topic, Topics

log = logging.getLogger("headwater.worker")

Hook = Callable[[frozenset[TP]], Awaitable[None] | None]

# A request of some such batches is copied in the processor's cache: with 1 MB, each record of 1 kB
# took .7 µs longer. A longer record has a batch of its own.
_BATCH_BYTES = 262_144
# Waves that wait in an agent's queue.
_QUEUED_WAVES = 16
# A fetch takes at most this many times the longest run.
_POLL_RUNS = 4
# Of the session: a claim that takes longer would outlive the membership that it is for.
_CLAIM_SHARE = 0.6
# Kafka forgets a transactional id after 7 idle days, and with it who may write.
_CLAIM_AGAIN = 24 * 3600.0
_BACKENDS = {"rocksdb": "rocksdb://", "memory": "memory://"}


def create_app(settings: Settings, topics: Topics) -> "Foundation":
    """A worker without agents; attach them with `intake`, `table` and `task`, then `run`.

    Raises StateError on another version of Faust, or if no state directory can be had.
    """
    require_known_faust()
    return Foundation(settings, topics)


class Foundation:
    """One worker's Faust app and what stands between it and Kafka."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self.settings = settings
        self.topics = topics
        self.fence = Fence(settings.session_timeout)
        self.egress = Egress(
            self.fence,
            settle=self._settle,
            release=self._release,
            fail=self.fail,
            feedback_delay=settings.test_feedback_delay,
        )
        self.recovered = False
        self.recovery_seconds: float | None = None
        self.rebalances = 0
        self.state_dir, self._state_lock = take_state_dir(settings.state_dir)
        self._stores: dict[str, RowStore] = {}
        self._memory: dict[str, MemoryBackend] = {}
        self._run_topics: set[str] = set()
        self._tasks: list[Task] = [self._claim_daily]
        self._gatherers: list[Gatherer] = []
        self._hooks: defaultdict[str, list[Hook]] = defaultdict(list)
        self._claimed_at = time.monotonic()
        self._assigned_at = time.monotonic()
        self._assigned_at_all = False
        self.app = self._make_app()
        self._life = Life(settings, self.app, self.fence, self._tasks, self._abandon)
        self.fence.on_change(lambda: self._life.soon(self._epoch_changed))

    # -- what agents attach

    def intake(self, topic: Topic, handler: Handler, gather_ms: int = 0) -> None:
        """Call `handler` with each run of `topic`, one at a time, a partition's in order.

        The handler submits every run to `egress` once. An exception out of it stops the worker.
        `gather_ms`: runs of a partition that arrive while an earlier one is in flight are merged,
        waiting at most so long.
        """
        take = handler
        if gather_ms:
            gatherer = Gatherer(
                handler,
                self.egress.in_flight_of,
                self._release,
                gather_ms / 1000,
                self.settings.max_run,
            )
            self._gatherers.append(gatherer)
            self._tasks.append(gatherer.serve)
            take = gatherer.put

        async def one_by_one(wave: Wave) -> None:
            for run in wave:
                await take(run)

        self.intake_waves(topic, one_by_one)

    def intake_waves(self, topic: Topic, handler: WaveHandler) -> None:
        """Call `handler` with each wave of `topic`, as `intake` does with its runs."""
        self._run_topics.add(topic.name)
        source = self.app.topic(
            topic.name, partitions=topic.partitions, schema=WaveSchema(), maxsize=_QUEUED_WAVES
        )

        async def agent(stream: Any) -> None:
            async for wave in stream.noack():
                self._track(wave)
                try:
                    await handler(wave)
                except Exception as error:  # noqa: BLE001  # nothing may be skipped silently
                    self.fail(error)
                    return

        self.app.agent(source, name=f"headwater.{topic.name}")(agent)

    def table(self, name: str, changelog: Topic) -> RowStore:
        """A table of bytes whose changelog is `changelog`."""
        rocks = self.settings.store == "rocksdb"
        table = self.app.Table(
            name,
            partitions=changelog.partitions,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=self.app.topic(
                changelog.name,
                partitions=changelog.partitions,
                key_type=bytes,
                value_type=bytes,
                key_serializer="raw",
                value_serializer="raw",
                acks=False,
                allow_empty=True,
            ),
            options=rocks_options() if rocks else None,
        )
        if rocks:
            local: Any = rocks_backend(table)  # type: ignore[arg-type]  # the app's Table is RowTable
        else:
            local = self._memory[changelog.name] = MemoryBackend()
        store = RowStore(name, changelog.name, changelog.partitions, local)
        table.rows = store  # type: ignore[attr-defined]  # RowTable's
        self._stores[changelog.name] = store
        return store

    def task(self, coroutine_function: Task) -> None:
        """Run it beside the agents, from the start to the shutdown; its exception stops us."""
        self._tasks.append(coroutine_function)

    def on_assigned(self, hook: Hook) -> None:
        """Call `hook` with all assigned partitions, before recovery."""
        self._hooks["assigned"].append(hook)

    def on_revoked(self, hook: Hook) -> None:
        """Call `hook` with the partitions that go, after the runs in hand are done."""
        self._hooks["revoked"].append(hook)

    def on_recovered(self, hook: Hook) -> None:
        """Call `hook` with all assigned partitions: tables are up to date, no run has come yet."""
        self._hooks["recovered"].append(hook)

    # -- what agents ask

    @property
    def assignment(self) -> frozenset[TP]:
        """All partitions that are assigned to this worker, changelogs too."""
        consumer = self._consumer
        if consumer is None:
            return frozenset()
        try:
            return frozenset(consumer.assignment())
        except ConsumerNotStarted:  # its thread has not come so far yet
            return frozenset()

    @property
    def epoch(self) -> int:
        """The membership of now; what is sent under it is dropped when it ends."""
        return self.fence.epoch

    async def send(self, out: Out, epoch: int | None = None) -> "asyncio.Future[float]":
        """Send what belongs to no run; the future gives unix seconds, cancelled if dropped."""
        return await self.egress.send(out, self.epoch if epoch is None else epoch)

    @property
    def broker_reachable(self) -> bool:
        """Whether the group has answered lately: two heartbeats may be missing."""
        return self.fence.silent_for < 2 * self.settings.heartbeat_interval + 1.0

    def consumer_lag(self) -> dict[TP, Lag]:
        """How far each assigned intake partition is behind: read, but not acknowledged, counts."""
        consumer = self._consumer
        if consumer is None:
            return {}
        lags = {tp: consumer.lag(tp) for tp in self.assignment if tp.topic in self._run_topics}
        return {tp: lag for tp, lag in lags.items() if lag is not None}

    def tables(self) -> Iterable[RowStore]:
        """All tables."""
        return self._stores.values()

    # -- life

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; blocks.

        Raises HeadwaterError: BrokerUnreachable after settings.wait seconds without a broker,
        SendError, StateError, or whatever an agent raised.
        """
        self._life.run()

    async def serve(self) -> None:
        """Serve until `stop`; raises as `run` does."""
        await self._life.serve()

    def stop(self) -> None:
        """End `serve`: finish the runs in hand, commit, leave the group; from any thread."""
        self._life.stop()

    def fail(self, error: BaseException) -> None:
        """Stop the worker, loudly; the first error is the one that `run` raises."""
        self._life.fail(error)

    # -- wiring

    def _make_app(self) -> faust.App:
        settings = self.settings
        app = faust.App(
            settings.group,
            broker=";".join(f"kafka://{part.strip()}" for part in settings.broker.split(",")),
            store=_BACKENDS[settings.store],
            datadir=str(self.state_dir),
            TableManager=SeekFirstTableManager,
            Table=RowTable,
            topic_partitions=settings.partitions,
            topic_replication_factor=settings.replication,
            topic_disable_leader=True,
            topic_allow_declare=False,
            table_standby_replicas=0,
            web_enabled=False,
            broker_session_timeout=settings.session_timeout,
            broker_heartbeat_interval=settings.heartbeat_interval,
            broker_commit_interval=settings.commit_interval,
            broker_max_poll_records=_POLL_RUNS * settings.max_run,
            producer_linger=settings.linger_ms / 1000,
            producer_max_batch_size=_BATCH_BYTES,
            producer_request_timeout=settings.request_timeout,
            stream_wait_empty=True,
            stream_recovery_delay=0.0,
        )
        app.transport.Consumer = consumer_class(  # type: ignore[misc]
            self.fence,
            self._run_topics,
            self._stores,
            settings.max_run,
            prepare=self._prepare,
            flowing=self._flowing,
        )
        app.transport.Producer = self._producer_class()  # type: ignore[misc]
        app.on_partitions_revoked.connect(self._revoked)
        app.on_rebalance_complete.connect(self._recovered)
        return app

    def _producer_class(self) -> type[FlushProducer]:
        # Nobody waits for a row: it may wait for company. A list may not.
        make = fenced_producer(self.fence, self._fenced, patient=self._stores)
        started = self.egress.start

        class Producer(FlushProducer):
            """Faust's producer on a fenced aiokafka one."""

            logger = FAUST_LOG

            def _new_producer(self, transactional_id: str | None = None) -> FencedProducer:
                del transactional_id
                options = {**self._settings_default(), **self._settings_auth()}
                return make(**{k: v for k, v in options.items() if k != "acks"})

            async def on_start(self) -> None:
                await super().on_start()
                started(cast("FencedProducer", self._producer))

        return Producer

    @property
    def _consumer(self) -> RunConsumer | None:
        consumer = self.app._consumer  # noqa: SLF001  # the property would make one
        return consumer if isinstance(consumer, RunConsumer) else None

    def _track(self, wave: Wave) -> None:
        """Let a rebalance wait for each run; Faust knows of the first, whose message it saw."""
        consumer = self._consumer
        if consumer is not None:
            for run in wave[1:]:
                for message in run.messages:
                    consumer.track_message(message)

    def _abandon(self) -> None:
        """The worker has failed: what is in hand will never be done."""
        if (consumer := self._consumer) is not None:
            consumer.abandon()

    def _settle(self, run: Run) -> None:
        consumer = self._consumer
        if consumer is not None:
            for message in run.messages:
                consumer.settle(message, message.position_epoch)
        for gatherer in self._gatherers:
            gatherer.settled()

    def _release(self, run: Run) -> None:
        consumer = self._consumer
        if consumer is not None:
            for message in run.messages:
                consumer.release(message)

    def _epoch_changed(self) -> None:
        self.recovered = False
        for store in self._stores.values():
            store.forget_overlay()
        self.egress.drop_older()

    def _fenced(self) -> None:
        consumer = self._consumer
        if consumer is not None:
            consumer.rejoin()

    async def _prepare(self, assigned: set[TP], epoch: int) -> bool:
        """Before Faust and its recovery see an assignment; false: join the group anew."""
        self._assigned_at = time.monotonic()
        self._assigned_at_all = True
        log.info("Assigned: %s.", spelled(assigned) or "nothing")
        for topic, backend in self._memory.items():
            backend.keep_only(tp.partition for tp in assigned if tp.topic == topic)
        try:
            await self._call("assigned", assigned)
            await self.egress.know(topic.name for topic in self.topics)
            return await self._claim({tp for tp in assigned if tp.topic in self._stores}, epoch)
        except Exception as error:  # noqa: BLE001  # aiokafka would log it and go on
            self.fail(error)
            return False

    async def _claim(self, changelogs: set[TP], epoch: int) -> bool:
        producer = self.app.producer._producer  # type: ignore[attr-defined]  # noqa: SLF001
        began = time.monotonic()
        limit = _CLAIM_SHARE * self.settings.session_timeout
        try:
            async with asyncio.timeout(limit):
                await claim(producer, self.settings.group, changelogs, epoch)
        except (TimeoutError, *VOID) as error:
            log.warning("Changelogs could not be claimed (%r): joining the group anew.", error)
            return False
        except KafkaError as error:
            self.fail(StateError(f"Kafka refuses to let this worker claim its tables: {error!r}"))
            return False
        self._claimed_at = time.monotonic()
        log.debug("Claimed %s in %.3f s.", spelled(changelogs), time.monotonic() - began)
        return True

    async def _claim_daily(self) -> None:
        """Join anew, which claims anew, before Kafka forgets the claim."""
        while True:
            await asyncio.sleep(60.0)
            if time.monotonic() - self._claimed_at > _CLAIM_AGAIN:
                self._claimed_at = time.monotonic()
                self._fenced()

    async def _revoked(self, *args: Any, **_: Any) -> None:
        revoked: set[TP] = args[1]  # after the app
        self.recovered = self._assigned_at_all = False
        if revoked:
            self.rebalances += 1
            log.info("Revoked: %s.", spelled(revoked))
            await self._call("revoked", revoked)

    async def _recovered(self, *_: Any, **__: Any) -> None:
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
        self.recovered = not self.fence.lost
        await self._call("recovered", assignment)

    def _flowing(self, offsets: Mapping[TP, int]) -> None:
        """Positions are set, runs begin to come."""
        places = sorted(offsets.items())
        starts = ", ".join(f"{tp.topic}[{tp.partition}]@{offset}" for tp, offset in places)
        log.info("Ready: reading on from %s.", starts)

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
