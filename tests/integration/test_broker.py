"""The local broker: one real node, started, restarted, refused and stopped."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream import topics
from stream.broker import LocalBroker, free_port
from stream.connect import consumer, producer, wait_for_group
from stream.errors import BrokerFailed, PortTaken, UsageError
from stream.settings import Settings
from stream.topics import Topics


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A running broker of this module's own."""
    made = LocalBroker(tmp_path_factory.mktemp("own"), free_port())
    assert made.start()
    yield made
    made.stop()


def test_a_second_start_finds_it_running(local: LocalBroker) -> None:
    """Starting twice is the same as starting once, also from another process's view."""
    again = LocalBroker(local.data, local.port)
    assert again.start() is False
    assert again.status() == local.status()


def test_the_first_group_of_a_new_broker_is_waited_for(
    local: LocalBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Afterwards a consumer finds its coordinator at once, and logs no error."""
    settings = Settings(broker=local.address, topic_prefix="first.", group="first", wait=10)

    async def ask() -> int | None:
        await topics.ensure(settings)
        await wait_for_group(settings)
        reader = await consumer(settings, group_id=settings.group)
        try:
            return await reader.committed(TopicPartition(Topics(settings).events.name, 0))
        finally:
            await reader.stop()

    assert asyncio.run(ask()) is None
    assert [line for line in caplog.messages if "Coordinator" in line] == []


def test_another_port_for_the_same_folder_is_refused(local: LocalBroker) -> None:
    """One folder has one broker; the message names the address at which it runs."""
    with pytest.raises(BrokerFailed, match=local.address):
        LocalBroker(local.data, free_port()).start()


def test_it_stops_cleanly_and_restarts_with_its_data(local: LocalBroker) -> None:
    """Stopped and started again, the broker still has its topics and their records."""
    settings = Settings(broker=local.address, topic_prefix="kept.", wait=5)
    asyncio.run(_publish_one(settings))
    assert local.stop()
    assert local.status().pid is None
    assert local.start()
    assert asyncio.run(_read_one(settings)) == b"a value"


def test_topics_are_not_made_by_a_first_message(local: LocalBroker) -> None:
    """A client's message to a topic that nobody declared makes no topic."""
    settings = Settings(broker=local.address, wait=5, request_timeout=2)
    with pytest.raises(KafkaError):
        asyncio.run(_publish_to(settings, "nobody-declared-this"))
    assert "nobody-declared-this" not in asyncio.run(_topics(settings))


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A port that someone else listens at is refused before anything is written."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            LocalBroker(tmp_path / "data", port).start()
    assert not (tmp_path / "data").exists()


def test_a_stale_pid_file_harms_no_other_process(tmp_path: Path) -> None:
    """A pid that now belongs to another process is neither reported nor stopped."""
    (tmp_path / "broker.pid").write_text(f"{os.getpid()}\n")
    handler = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("a stranger was stopped"))
    try:
        stale = LocalBroker(tmp_path, free_port())
        assert stale.status().pid is None
        assert stale.stop() is False
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert not (tmp_path / "broker.pid").exists()


def test_missing_jars_are_named(tmp_path: Path) -> None:
    """A folder of jars that holds no Kafka is a wrong setting, and named."""
    with pytest.raises(UsageError, match="where no Kafka lies"):
        LocalBroker(tmp_path, free_port(), jars=tmp_path).start()


def test_a_broker_that_dies_at_the_start_shows_its_last_words(tmp_path: Path) -> None:
    """When Kafka gives up, the error carries the end of its log."""
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=77\n")
    with pytest.raises(BrokerFailed, match="did not start"):
        LocalBroker(tmp_path, free_port()).start()


async def _publish_one(settings: Settings) -> None:
    await topics.ensure(settings)
    await _publish_to(settings, topics.Topics(settings).items.name)


async def _publish_to(settings: Settings, topic: str) -> None:
    sender = await producer(settings)
    try:
        await sender.send_and_wait(topic, b"a value", key=b"k")
    finally:
        await sender.stop()


async def _read_one(settings: Settings) -> bytes:
    reader = await consumer(settings, auto_offset_reset="earliest")
    try:
        reader.subscribe([topics.Topics(settings).items.name])
        record = await asyncio.wait_for(reader.getone(), 10)
        return bytes(record.value)
    finally:
        await reader.stop()


async def _topics(settings: Settings) -> set[str]:
    reader = await consumer(settings)
    try:
        return set(await reader.topics())
    finally:
        await reader.stop()
