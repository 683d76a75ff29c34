"""A whole worker on real Kafka: rows, feedback, commits and recovery, on memory and RocksDB."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from faust.types import TP

from stream.app import Foundation, create_app
from stream.connect import consumer as kafka_consumer
from stream.connect import producer as kafka_producer
from stream.egress import Out
from stream.errors import BrokerUnreachable, SendError
from stream.runs import Run
from stream.settings import Settings
from stream.tables import RowStore
from stream.topics import Topics, ensure, verify


@dataclass
class Worker:
    """Counts each key's events in a row and sends one feedback record per event."""

    foundation: Foundation
    topics: Topics
    table: RowStore = field(init=False)
    runs: list[tuple[TP, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = self.foundation.table("users", self.topics.user_rows)
        self.foundation.intake(self.topics.events, self.count)

    async def count(self, run: Run) -> None:
        """Handle one run."""
        self.runs.append((run.tp, run.records[0].offset, run.offset))
        keys = sorted({b"r" + (record.key or b"") for record in run.records})
        counts = {
            key: int(value or b"0")
            for key, value in zip(keys, self.table.get_many(run.partition, keys), strict=True)
        }
        for record in run.records:
            counts[b"r" + (record.key or b"")] += 1
        feedback = [(record.key, record.value, ()) for record in run.records]
        await self.foundation.egress.submit(
            run,
            table=self.table,
            rows=[(key, b"%d" % count) for key, count in counts.items()],
            first=[Out(self.topics.item_feedback.name, run.partition, feedback)],
        )


def serve(settings: Settings, trial: Callable[[Worker], Awaitable[None]]) -> None:
    """Run `trial` beside a worker; the worker is stopped gracefully afterwards."""

    async def run() -> None:
        await ensure(settings)
        topics = await verify(settings)
        worker = Worker(create_app(settings, topics), topics)
        serving = asyncio.create_task(worker.foundation.serve())
        try:
            await asyncio.wait_for(until(lambda: worker.foundation.membership.recovered), 15)
            await trial(worker)
        finally:
            worker.foundation.stop()
            await serving

    asyncio.run(asyncio.wait_for(run(), 40))


async def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds."""
    while not condition():  # it may change in another thread
        await asyncio.sleep(0.01)


async def publish(settings: Settings, topics: Topics, count: int, keys: int = 7) -> None:
    """`count` events for two partitions."""
    sender = await kafka_producer(settings)
    for number in range(count):
        await sender.send(
            topics.events.name, b"%d" % number, key=b"%d" % (number % keys), partition=number % 2
        )
    await sender.stop()


def total(worker: Worker) -> int:
    """Events that the rows know of."""
    return sum(int(value) for p in worker.table.owned() for _, value in worker.table.scan(p))


async def committed(settings: Settings, topics: Topics) -> list[int | None]:
    """The group's offsets of those two partitions."""
    reader: AIOKafkaConsumer = await kafka_consumer(
        settings, group_id=settings.group, enable_auto_commit=False
    )
    offsets = [await reader.committed(TP(topics.events.name, p)) for p in range(2)]
    await reader.stop()
    return offsets


@pytest.fixture(params=["rocksdb", "memory"])
def stored(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with either store."""
    return settings.model_copy(update={"store": request.param})


def test_rows_survive_restarts_with_and_without_local_state(
    stored: Settings, tmp_path: Path
) -> None:
    """Counts go on where they were, read from local state or from the changelog alone."""

    async def hundred_more(worker: Worker) -> None:
        before = total(worker)
        await publish(stored, worker.topics, 100)
        await asyncio.wait_for(until(lambda: total(worker) == before + 100), 10)

    serve(stored, hundred_more)
    serve(stored, hundred_more)

    async def all_there(worker: Worker) -> None:
        assert total(worker) == 200
        assert await committed(stored, worker.topics) == [100, 100]
        assert worker.runs == []

    serve(stored.model_copy(update={"state_dir": tmp_path / "elsewhere"}), all_there)


def test_nothing_is_committed_before_its_feedback_is_acknowledged(settings: Settings) -> None:
    """Rows and offsets wait for the feedback; a stop before that leaves both undone."""

    async def nothing_yet(worker: Worker) -> None:
        await publish(settings, worker.topics, 20)
        await asyncio.wait_for(until(lambda: total(worker) == 20), 10)  # the overlay
        await asyncio.sleep(1.5)  # a commit interval
        assert worker.table.offset(0) == 0  # the claim alone
        assert await committed(settings, worker.topics) == [None, None]

    serve(settings.model_copy(update={"test_feedback_delay": 60.0}), nothing_yet)

    async def done_again(worker: Worker) -> None:
        await asyncio.wait_for(until(lambda: total(worker) == 20), 10)

    serve(settings, done_again)


def test_a_send_that_fails_for_good_stops_the_worker(settings: Settings) -> None:
    """Loudly: serve raises a SendError, and nothing of the run is committed."""

    async def run() -> None:
        await ensure(settings)
        topics = await verify(settings)
        foundation = create_app(settings, topics)

        async def too_large(run: Run) -> None:
            huge = [(b"k", b"x" * 1_300_000, ())]
            await foundation.egress.submit(run, others=[Out(topics.events.name, 0, huge)])

        foundation.intake(topics.users, too_large)
        foundation.table("users", topics.user_rows)
        serving = asyncio.create_task(foundation.serve())
        await asyncio.wait_for(until(lambda: foundation.membership.recovered), 15)
        sender = await kafka_producer(settings)
        await sender.send_and_wait(topics.users.name, b"{}", key=b"u")
        await sender.stop()
        with pytest.raises(SendError, match="MessageSizeTooLarge"):
            await asyncio.wait_for(serving, 10)

    asyncio.run(run())


def test_an_empty_handler_is_enough(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A run without output is settled; start, assignment, recovery and stop are logged in words."""
    caplog.set_level(logging.INFO, "headwater")

    async def run() -> None:
        await ensure(settings)
        topics = await verify(settings)
        foundation = create_app(settings, topics)
        seen: list[str] = []
        foundation.membership.on_assigned(lambda _: seen.append("assigned"))
        foundation.membership.on_recovered(lambda _: seen.append("recovered"))
        foundation.membership.on_revoked(lambda _: seen.append("revoked"))

        async def background() -> None:
            seen.append("task")
            await asyncio.sleep(3600)

        async def nothing(run: Run) -> None:
            submission = await foundation.egress.submit(run)
            await submission.settled
            seen.append("settled")

        foundation.intake(topics.events, nothing)
        foundation.task(background)
        serving = asyncio.create_task(foundation.serve())
        await asyncio.wait_for(until(lambda: foundation.membership.recovered), 15)
        await publish(settings, topics, 10)
        await asyncio.wait_for(until(lambda: seen.count("settled") >= 2), 10)
        assert foundation.broker_reachable
        assert sum(lag.records for lag in foundation.consumer_lag().values()) == 0
        foundation.stop()
        await serving
        assert [word for word in seen if word != "settled"] == ["task", "assigned", "recovered"]
        assert await committed(settings, topics) == [5, 5]

    asyncio.run(asyncio.wait_for(run(), 40))
    text = caplog.text
    for words in ("Starting", "Assigned", "Ready", "Stopped"):
        assert words in text
    assert "Traceback" not in text


def test_without_a_broker_the_address_is_named(tmp_path: Path) -> None:
    """A worker that finds nobody says where it looked, after settings.wait seconds."""
    nowhere = Settings(broker="127.0.0.1:9", wait=0.3, state_dir=tmp_path)
    foundation = create_app(nowhere, Topics(nowhere))
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:9"):
        asyncio.run(foundation.serve())


def test_two_workers_in_one_directory_take_a_folder_each(settings: Settings) -> None:
    """RocksDB lets one process open a database: workers keep out of each other's way."""
    first = create_app(settings, Topics(settings))
    second = create_app(settings, Topics(settings))
    assert first.state_dir != second.state_dir
    assert first.state_dir.parent == second.state_dir.parent == settings.state_dir
