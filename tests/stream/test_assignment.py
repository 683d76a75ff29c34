"""What a worker does as its partitions come and go, without a broker."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from stream import membership
from stream.app import Foundation, create_app
from stream.settings import Settings
from stream.topics import Topics


class Client:
    """In the place of Kafka's: it notes whose metadata were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    async def _wait_on_metadata(self, topic: str) -> None:
        self.asked.add(topic)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of a broker that grants every claim."""

    async def granted(*_: object) -> None:
        pass

    monkeypatch.setattr(membership, "claim", granted)
    return Client()


def worker(path: Path, client: Client) -> tuple[Foundation, Topics]:
    """A worker with a table in memory, whose producer runs."""
    settings = Settings(state_dir=path, store="memory")
    topics = Topics(settings)
    foundation = create_app(settings, topics)
    producer: Any = SimpleNamespace(client=client)
    foundation.egress.start(producer)
    return foundation, topics


async def assign(foundation: Foundation, topic: str, partitions: Iterable[int]) -> None:
    """The group gives the worker these partitions of `topic`."""
    given = {TP(topic, partition) for partition in partitions}
    assert await foundation.membership.prepare(given, foundation.epoch)


def test_rows_in_memory_go_with_their_partition(tmp_path: Path, client: Client) -> None:
    """Another worker writes them meanwhile: when the partition comes back, all are read anew."""

    async def trial() -> None:
        foundation, topics = worker(tmp_path, client)
        table = foundation.table("users", topics.user_rows)
        await assign(foundation, topics.user_rows.name, [0, 1])
        for partition in (0, 1):
            table.restore(partition, [(b"r", b"1")], 7)
        await assign(foundation, topics.user_rows.name, [1, 2])
        assert [table.offset(partition) for partition in (0, 1, 2)] == [None, 7, None]
        table.own([0, 1])
        assert [table.get(partition, b"r") for partition in (0, 1)] == [None, b"1"]

    asyncio.run(trial())


def test_all_topics_are_known_once_partitions_come(tmp_path: Path, client: Client) -> None:
    """Before any run: a submission may not wait for metadata after it has read its rows."""

    async def trial() -> None:
        foundation, topics = worker(tmp_path, client)
        assert client.asked == set()
        await assign(foundation, topics.events.name, [0])
        assert client.asked == {topic.name for topic in topics}

    asyncio.run(trial())


def test_a_recovery_of_revoked_partitions_is_none(tmp_path: Path, client: Client) -> None:
    """Faust may tell of it after they were taken away: nobody hears, no table counts as ready."""

    async def trial() -> None:
        foundation, topics = worker(tmp_path, client)
        heard: list[frozenset[TP]] = []
        foundation.membership.on_recovered(heard.append)
        foundation.fence.joined()
        await assign(foundation, topics.events.name, [0])
        await foundation.app.on_partitions_revoked.send({TP(topics.events.name, 0)})
        await foundation.app.on_rebalance_complete.send()
        assert heard == []
        assert not foundation.membership.recovered
        assert foundation.membership.recovery_seconds is None

        await assign(foundation, topics.events.name, [0])
        await foundation.app.on_rebalance_complete.send()
        assert len(heard) == 1
        assert foundation.membership.recovered

    asyncio.run(trial())
