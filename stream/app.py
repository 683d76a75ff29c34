"""A worker without agents: Faust's app, and what stands between it and Kafka, put together."""

import asyncio
from collections.abc import Iterable
from typing import Any

from faust.types import TP

from stream.egress import Egress, Out
from stream.faust_app import consumer_of, make_app, producer_class
from stream.faustfix.version import require_known_faust
from stream.fence import Fence
from stream.gather import Gatherer
from stream.intake import consumer_class
from stream.lag import Lag
from stream.life import Life, Task
from stream.membership import Membership
from stream.runs import Handler, Run, Wave, WaveHandler, WaveSchema
from stream.settings import Settings
from stream.statedir import take_state_dir
from stream.tables import MemoryBackend, RowStore, rocks_backend, rocks_options
from stream.topics import Topic, Topics

# Waves that wait in an agent's queue.
_QUEUED_WAVES = 16


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
        self.state_dir, self._state_lock = take_state_dir(settings.state_dir)
        self._stores: dict[str, RowStore] = {}
        self._run_topics: set[str] = set()
        self._gatherers: list[Gatherer] = []
        self.app = make_app(settings, self.state_dir)
        self.membership = Membership(self.app, settings, self.fence, self._stores, self.fail)
        self.membership.on_assigned(self._know_topics)
        self._use_own_clients()
        self._tasks: list[Task] = [self.membership.claim_daily]
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
            local = MemoryBackend()
            self.membership.on_assigned(
                lambda assigned: local.keep_only(
                    tp.partition for tp in assigned if tp.topic == changelog.name
                )
            )
        store = RowStore(name, changelog.name, changelog.partitions, local)
        table.rows = store  # type: ignore[attr-defined]  # RowTable's
        self._stores[changelog.name] = store
        return store

    def task(self, coroutine_function: Task) -> None:
        """Run it beside the agents, from the start to the shutdown; its exception stops us."""
        self._tasks.append(coroutine_function)

    # -- what agents ask

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
        consumer = consumer_of(self.app)
        if consumer is None:
            return {}
        lags = {
            tp: consumer.lag(tp)
            for tp in self.membership.assignment
            if tp.topic in self._run_topics
        }
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

    def _use_own_clients(self) -> None:
        """Put our consumer and producer in the place of Faust's."""
        self.app.transport.Consumer = consumer_class(  # type: ignore[misc]
            self.fence,
            self._run_topics,
            self._stores,
            self.settings.max_run,
            prepare=self.membership.prepare,
            flowing=self.membership.flowing,
        )
        # Nobody waits for a row: it may wait for company. A list may not.
        self.app.transport.Producer = producer_class(  # type: ignore[misc]
            self.fence, self.membership.rejoin, self._stores, self.egress.start
        )

    async def _know_topics(self, _assigned: frozenset[TP]) -> None:
        await self.egress.know(topic.name for topic in self.topics)

    def _track(self, wave: Wave) -> None:
        """Let a rebalance wait for each run; Faust knows of the first, whose message it saw."""
        consumer = consumer_of(self.app)
        if consumer is not None:
            for run in wave[1:]:
                for message in run.messages:
                    consumer.track_message(message)

    def _abandon(self) -> None:
        """The worker has failed: what is in hand will never be done."""
        if (consumer := consumer_of(self.app)) is not None:
            consumer.abandon()

    def _settle(self, run: Run) -> None:
        consumer = consumer_of(self.app)
        if consumer is not None:
            for message in run.messages:
                consumer.settle(message, message.position_epoch)
        for gatherer in self._gatherers:
            gatherer.settled()

    def _release(self, run: Run) -> None:
        consumer = consumer_of(self.app)
        if consumer is not None:
            for message in run.messages:
                consumer.release(message)

    def _epoch_changed(self) -> None:
        self.membership.recovered = False
        for store in self._stores.values():
            store.forget_overlay()
        self.egress.drop_older()
