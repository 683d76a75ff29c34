"""Each defect of Faust's consumer, shown on Faust's real classes, and its cure."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from stream.app import create_app
from stream.connect import producer as kafka_producer
from stream.intake import RunConsumer
from stream.runs import RunMessage
from stream.settings import Settings
from stream.topics import Topics, ensure, verify


def consumer_of(settings: Settings, topics: Topics) -> RunConsumer:
    """A worker's consumer, made as Faust makes it, not started."""
    consumer = create_app(settings, topics).app.consumer
    assert isinstance(consumer, RunConsumer)
    return consumer


@pytest.fixture
def topics(settings: Settings) -> Topics:
    """The topics as they would be made; nothing is."""
    return Topics(settings)


@pytest.fixture
def here(topics: Topics) -> TP:
    """One partition of events."""
    return TP(topics.events.name, 0)


def message(consumer: RunConsumer, tp: TP, offset: int) -> RunMessage:
    """A message for a run that ends at `offset`, as read just now."""
    made = RunMessage(tp.topic, tp.partition, offset, 0.0, 1, [], None, None, None, 0, 0, tp)
    made.position_epoch = consumer.position_epoch
    return made


async def read(consumer: RunConsumer, tp: TP, *ends: int) -> list[RunMessage]:
    """What Faust's drain loop does with runs that end at these offsets."""
    messages = [message(consumer, tp, end) for end in ends]
    for before, after in zip((-1, *ends), messages, strict=False):
        await consumer._add_gap(tp, before + 1, after.offset)
    return messages


class TestSettledOffsets:
    def test_a_whole_run_is_committed_at_once(
        self, settings: Settings, topics: Topics, here: TP
    ) -> None:
        """Two settled runs of ten records are committed to their end in one step, not by ones."""

        async def trial() -> None:
            consumer = consumer_of(settings, topics)
            for run in await read(consumer, here, 9, 19):
                consumer.settle(run, run.position_epoch)
            assert consumer._filter_committable_offsets([here]) == {here: 20}

        asyncio.run(trial())

    def test_an_unfinished_run_is_not_committed(
        self, settings: Settings, topics: Topics, here: TP
    ) -> None:
        """Records of a run that was read but not settled stay uncommitted."""

        async def trial() -> None:
            consumer = consumer_of(settings, topics)
            first, _unfinished = await read(consumer, here, 9, 19)
            consumer.settle(first, first.position_epoch)
            assert consumer._filter_committable_offsets([here]) == {here: 10}

        asyncio.run(trial())

    def test_what_was_read_before_a_new_assignment_cannot_be_settled_after(
        self, settings: Settings, topics: Topics, here: TP
    ) -> None:
        """An acknowledgement that arrives late must not commit past what is read again."""

        async def trial() -> None:
            consumer = consumer_of(settings, topics)
            (run,) = await read(consumer, here, 9)
            consumer._forget_settled()  # as a new assignment and a seek do
            consumer.settle(run, run.position_epoch)
            assert consumer._filter_committable_offsets([here]) == {}

        asyncio.run(trial())


def test_a_message_that_faust_skips_is_not_acknowledged(
    settings: Settings, topics: Topics, here: TP
) -> None:
    """In a rebalance Faust's stream skips messages and acknowledges them; that must not count."""

    async def trial() -> None:
        consumer = consumer_of(settings, topics)
        consumer.app.topics.acking_topics.add(here.topic)
        (run,) = await read(consumer, here, 9)
        run.incref()
        run.ack(consumer)
        assert not run.acked
        assert consumer._filter_committable_offsets([here]) == {}
        assert consumer._acked[here] == []

    asyncio.run(trial())


def test_a_drained_queue_does_not_resume_a_paused_partition(
    settings: Settings, topics: Topics, here: TP
) -> None:
    """A partition that a rebalance has paused stays paused when its full queue drains."""

    async def trial() -> None:
        consumer = consumer_of(settings, topics)
        consumer._active_partitions = {here}
        consumer.on_buffer_full(here)
        consumer.pause_partitions([here])
        consumer.on_buffer_drop(here)
        assert here not in consumer._active_partitions
        consumer.resume_partitions([here])
        assert here in consumer._active_partitions

    asyncio.run(trial())


def test_a_rejected_commit_is_tried_again(
    settings: Settings, topics: Topics, here: TP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the broker rejected is not recorded as committed; the next commit sends it again."""

    async def trial() -> None:
        consumer = consumer_of(settings, topics)
        consumer.fence.joined()
        answers = [False, True]
        sent: list[dict[TP, int]] = []

        async def commit(offsets: dict[TP, int]) -> bool:
            sent.append(dict(offsets))
            return answers.pop(0)

        monkeypatch.setattr(consumer._thread, "commit", commit)
        monkeypatch.setattr(consumer._thread, "assignment", lambda: {here})
        (run,) = await read(consumer, here, 9)
        consumer.settle(run, run.position_epoch)
        assert not await consumer.force_commit()
        assert await consumer.force_commit()
        assert not await consumer.force_commit()
        assert sent == [{here: 10}, {here: 10}]

    asyncio.run(trial())


def test_a_fetch_across_a_rebalance_takes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The active set empties while the fetch waits: nothing is taken, the position stays."""

    async def trial() -> None:
        await ensure(settings)
        topics = await verify(settings)
        here = TP(topics.events.name, 0)
        consumer = consumer_of(settings, topics)
        kafka = AIOKafkaConsumer(bootstrap_servers=settings.broker, auto_offset_reset="earliest")
        await kafka.start()
        kafka.assign([here])
        await publish(settings, here, 5)

        async def fetch(active: Any, timeout: float) -> Any:  # noqa: ASYNC109
            consumer.stop_flow()  # what a rebalance does while a fetch waits in the thread …
            consumer.pause_partitions([here])  # … and what empties the active set
            return await kafka._fetcher.fetched_records(active, timeout=timeout, max_records=99)

        monkeypatch.setattr(consumer._thread, "getmany", fetch)
        consumer._active_partitions = {here}
        await until(lambda: here in kafka._fetcher._records)  # the records wait in aiokafka
        assert await consumer._getmany(consumer._get_active_partitions(), 0.2) == {}
        assert await kafka.position(here) == 0
        await kafka.stop()

    asyncio.run(trial())


async def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds."""
    while not condition():  # it may change in another thread
        await asyncio.sleep(0.01)


async def publish(settings: Settings, tp: TP, count: int) -> None:
    """`count` records for one partition."""
    sender: AIOKafkaProducer = await kafka_producer(settings)
    for number in range(count):
        await sender.send(tp.topic, b"%d" % number, key=b"k", partition=tp.partition)
    await sender.stop()


def test_partitions_move_before_they_are_resumed(settings: Settings, tmp_path: Path) -> None:
    """After recovery the seek comes first: no event is fetched from a position that then moves."""

    async def trial() -> list[str]:
        await ensure(settings)
        topics = await verify(settings)
        foundation = create_app(settings, topics)
        foundation.table("users", topics.user_rows)
        seen: list[str] = []

        async def handle(run: Any) -> None:
            await foundation.egress.submit(run)

        foundation.intake(topics.events, handle)
        consumer = foundation.app.consumer
        assert isinstance(consumer, RunConsumer)
        seek, resume = consumer.perform_seek, consumer.resume_partitions

        async def perform_seek() -> None:
            await seek()
            seen.append("seek")

        def resume_partitions(tps: set[TP]) -> None:
            if any(tp.topic == topics.events.name for tp in tps):
                seen.append("resume")
            resume(tps)

        consumer.perform_seek = perform_seek  # type: ignore[method-assign]
        consumer.resume_partitions = resume_partitions  # type: ignore[method-assign,assignment]
        serving = asyncio.create_task(foundation.serve())
        await until(lambda: {"seek", "resume"} <= set(seen))
        foundation.stop()
        await serving
        return seen

    seen = asyncio.run(asyncio.wait_for(trial(), 20))
    assert seen[:2] == ["seek", "resume"]


def test_the_app_is_a_faust_app(settings: Settings, topics: Topics) -> None:
    """What the cures stand on is Faust's own app."""
    assert isinstance(create_app(settings, topics).app, faust.App)


class TestIdleIsNotHanging:
    @pytest.mark.parametrize("quiet", [301.0, None])
    def test_the_first_message_after_idle_minutes_is_no_error(
        self,
        settings: Settings,
        topics: Topics,
        here: TP,
        quiet: float | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Faust's own check says that the stream hangs; ours says nothing."""
        consumer = consumer_of(settings, topics)
        errors: list[str] = []
        now = 10_000.0
        if quiet is not None:
            consumer.app.monitor.stream_inbound_time[here] = now - quiet
        thread = consumer._thread
        thread.time_started = now - 400
        waits = SimpleNamespace(highwater=7, position=6, timestamp=now * 1000)
        assignment = SimpleNamespace(active=True, state_value=lambda _: waits)
        subscriptions = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
        thread._consumer = SimpleNamespace(_fetcher=SimpleNamespace(_subscriptions=subscriptions))
        monkeypatch.setattr(type(consumer.app.topics), "acks_enabled_for", lambda *_: True)
        monkeypatch.setattr(thread.log, "error", lambda text, *_: errors.append(text))
        AIOKafkaConsumerThread.verify_event_path(thread, now, here)
        assert ["hanging" in error for error in errors] == [True]
        thread.verify_event_path(now, here)
        assert len(errors) == 1
        thread.verify_event_path(now + 301, here)
        assert errors[1].startswith("Aiokafka stopped fetching")
