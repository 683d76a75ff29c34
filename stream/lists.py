"""Lists as they arrive: who was answered, and the titles of items."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream.connect import consumer
from stream.decode import decode_items
from stream.errors import TopicError
from stream.rules import Rules
from stream.schemas import Item, Recommendation, decode_recommendation
from stream.settings import Settings
from stream.topics import Topics, describe


@dataclass(frozen=True)
class Arrived:
    """A list and the broker's time of it, in epoch milliseconds."""

    recommendation: Recommendation
    broker_ms: int

    def covers(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the list's source is at or past this record, in the same partition."""
        source = self.recommendation.source
        return (
            source is not None
            and source.topic == topic
            and source.partition == partition
            and source.offset >= offset
        )


class ListWatcher:
    """Reads every list from its start on, and answers when a user's event is covered by one."""

    def __init__(self, settings: Settings) -> None:
        topics = Topics(settings)
        self.lists = 0
        self._events = topics.events.name
        self._topic = topics.recommendations.name
        self._settings = settings
        self._latest: dict[str, Arrived] = {}
        self._expected: dict[str, list[tuple[int, int, asyncio.Future[Arrived]]]] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect; lists that are published after this returns are seen. Raises TopicError."""
        self._consumer = await reader(self._settings, self._topic)
        await self._consumer.seek_to_end()
        for place in self._consumer.assignment():
            await self._consumer.position(place)
        self._task = asyncio.create_task(self._read(self._consumer))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect; what is still expected is cancelled."""
        await _stop(self._task, self._consumer)
        for waiting in self._expected.values():
            for _partition, _offset, future in waiting:
                future.cancel()

    def latest(self, user_id: str) -> Arrived | None:
        """The user's latest list that was seen here."""
        return self._latest.get(user_id)

    def expect(self, user_id: str, partition: int, offset: int) -> "asyncio.Future[Arrived]":
        """A future for the list that covers the user's event at this place of `events`."""
        future: asyncio.Future[Arrived] = asyncio.get_running_loop().create_future()
        latest = self._latest.get(user_id)
        if latest is not None and latest.covers(self._events, partition, offset):
            future.set_result(latest)
        else:
            self._expected.setdefault(user_id, []).append((partition, offset, future))
        return future

    async def _read(self, source: AIOKafkaConsumer) -> None:
        async for record in source:
            if record.value is not None:
                with contextlib.suppress(msgspec.DecodeError):
                    self._arrived(Arrived(decode_recommendation(record.value), record.timestamp))

    def _arrived(self, arrived: Arrived) -> None:
        self.lists += 1
        user_id = arrived.recommendation.user_id
        self._latest[user_id] = arrived
        still = []
        for partition, offset, future in self._expected.pop(user_id, ()):
            if not arrived.covers(self._events, partition, offset):
                still.append((partition, offset, future))
            elif not future.done():
                future.set_result(arrived)
        if still:
            self._expected[user_id] = still


async def reader(settings: Settings, *topics: str) -> AIOKafkaConsumer:
    """A consumer of all partitions of these topics of ours, from their beginning, without a group.

    Raises BrokerUnreachable, and TopicError if one does not exist.
    """
    # A consumer does not know at once what it has not subscribed to; the admin client does.
    there = await describe(settings)
    if missing := [topic for topic in topics if topic not in there]:
        raise TopicError(f"Topic {missing[0]} does not exist: run `headwater topics create`.")
    opened = await consumer(settings, auto_offset_reset="earliest", fetch_max_wait_ms=100)
    opened.assign(
        [
            TopicPartition(topic, number)
            for topic in topics
            for number in range(there[topic].partitions)
        ]
    )
    return opened


class Titles:
    """Item titles: all that were announced before it was entered, and what is announced since."""

    def __init__(self, settings: Settings) -> None:
        self._topic = Topics(settings).items.name
        self._settings = settings
        self._rules = Rules.of(settings)
        self._titles: dict[str, str] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    def __getitem__(self, item_id: str) -> str:
        """The item's title, or its id."""
        return self._titles.get(item_id, item_id)

    async def __aenter__(self) -> Self:
        """Read what is announced. Raises BrokerUnreachable, TopicError."""
        self._consumer = await reader(self._settings, self._topic)
        async for record in until_now(self._consumer):
            self._learn(record)
        self._task = asyncio.create_task(self._follow(self._consumer))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop reading."""
        await _stop(self._task, self._consumer)

    async def _follow(self, source: AIOKafkaConsumer) -> None:
        async for record in source:
            self._learn(record)

    def _learn(self, record: ConsumerRecord) -> None:
        [item] = decode_items([record.key], [record.value], [record.timestamp], self._rules)
        if isinstance(item, Item) and item.title:
            self._titles[item.item_id] = item.title


async def until_now(source: AIOKafkaConsumer) -> AsyncIterator[ConsumerRecord]:
    """Every record that stands in the assigned partitions at this moment."""
    end = await source.end_offsets(list(source.assignment()))
    while any([await source.position(place) < end[place] for place in end]):
        for records in (await source.getmany(timeout_ms=200)).values():
            for record in records:
                yield record


async def _stop(task: asyncio.Task[None] | None, source: AIOKafkaConsumer | None) -> None:
    """End a reading task and its consumer; what the task died of is raised here."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    if source is not None:
        await source.stop()
