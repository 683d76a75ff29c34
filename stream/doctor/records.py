"""Gathers what stands in the topics: the newest events, what waits, what was set aside."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError

from stream.decode import decode_events
from stream.doctor.facts import DeadLetters, Events, Group, Sampled, Waiting
from stream.rules import Rules
from stream.schemas import Event
from stream.settings import Settings
from stream.topics import Described, Topics

_HOUR_MS = 3_600_000
# Records of dead-letters that are looked at; a thousand say as much as a million.
_MOST_DEAD = 10_000
_COORDINATOR_SECONDS = 5.0
_READ_SECONDS = 5.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Records:
    """Looks at the topics and the group; what Kafka refuses is noted and does not end it."""

    settings: Settings
    topics: Topics
    admin: AIOKafkaAdminClient
    reader: AIOKafkaConsumer
    found: Mapping[str, Described]
    refused: dict[str, str]

    async def or_why_not(self, name: str, looking: Awaitable[Found]) -> Found | None:
        """What `looking` finds; None, and a note, where Kafka refuses."""
        try:
            return await looking
        except (KafkaError, TimeoutError) as error:
            self.refused[name] = str(error) or type(error).__name__
            return None

    async def events(self, sample: int) -> Events | None:
        """The newest events, as many of each partition."""
        there = self.found.get(self.topics.events.name)
        if there is None:
            return None
        places = _places(there)
        first = await self.reader.beginning_offsets(places)
        end = await self.reader.end_offsets(places)
        each = -(-sample // there.partitions)
        starts = {place: max(first[place], end[place] - each) for place in places}
        records = [record async for record in self._read(starts, end)]
        decoded = decode_events(
            [record.value for record in records],
            [record.timestamp for record in records],
            Rules.of(self.settings),
            [record.headers for record in records],
        )
        return Events(
            there.partitions,
            [
                Sampled(
                    record.partition,
                    record.key,
                    event.user_id,
                    record.timestamp,
                    event.timestamp_ms,
                )
                for record, event in zip(records, decoded, strict=True)
                if isinstance(event, Event)
            ],
        )

    async def group(self) -> Group:
        """The group's state and members."""
        node = await _coordinator(self.admin, self.settings.group)
        [answer] = await self.admin.describe_consumer_groups([self.settings.group], node)
        [group] = answer.to_object()["groups"]
        return Group(group["state"], [member["client_host"] for member in group["members"]])

    async def waiting(self) -> list[Waiting]:
        """What the group has not committed, and since when the first of it waits."""
        node = await _coordinator(self.admin, self.settings.group)
        done = await self.admin.list_consumer_group_offsets(self.settings.group, node)
        read = (self.topics.events, self.topics.user_input, self.topics.item_feedback,
                self.topics.items, self.topics.users)  # fmt: skip
        found = [self.found[t.name] for t in read if t.name in self.found]
        places = [place for there in found for place in _places(there)]
        first = await self.reader.beginning_offsets(places)
        end = await self.reader.end_offsets(places)
        starts = {
            place: max(first[place], done[place].offset if place in done else 0) for place in places
        }
        ahead = {place: start for place, start in starts.items() if start < end[place]}
        oldest = {
            (record.topic, record.partition): record.timestamp
            async for record in self._first_of_each(ahead)
        }
        return [
            Waiting(
                place.topic,
                place.partition,
                max(0, end[place] - starts[place]),
                oldest.get((place.topic, place.partition)),
            )
            for place in places
        ]

    async def dead_letters(self, now_ms: float) -> DeadLetters | None:
        """What was set aside in the last hour, by the header `reason`."""
        there = self.found.get(self.topics.dead_letters.name)
        if there is None:
            return None
        places = _places(there)
        since = await self.reader.offsets_for_times(
            dict.fromkeys(places, max(0, int(now_ms) - _HOUR_MS))
        )
        end = await self.reader.end_offsets(places)
        most = _MOST_DEAD // there.partitions
        starts = {place: found.offset for place, found in since.items() if found is not None}
        newest = {place: max(start, end[place] - most) for place, start in starts.items()}
        reasons = Counter([_reason(record) async for record in self._read(newest, end)])
        return DeadLetters(reasons, more=newest != starts)

    async def _read(
        self, starts: Mapping[TopicPartition, int], end: Mapping[TopicPartition, int]
    ) -> AsyncIterator[ConsumerRecord]:
        """The records from `starts` up to `end`, what comes within some seconds."""
        self._go_to({place: start for place, start in starts.items() if start < end[place]})
        until = time.monotonic() + _READ_SECONDS
        while (left := await self._left(end)) and time.monotonic() < until:
            for records in (await self.reader.getmany(*left, timeout_ms=200)).values():
                for record in records:
                    yield record

    async def _first_of_each(
        self, starts: Mapping[TopicPartition, int]
    ) -> AsyncIterator[ConsumerRecord]:
        """The first record from each start on, what comes within some seconds."""
        self._go_to(starts)
        left, until = set(starts), time.monotonic() + _READ_SECONDS
        while left and time.monotonic() < until:
            for place, records in (await self.reader.getmany(*left, timeout_ms=200)).items():
                left.discard(place)
                self.reader.pause(place)
                yield records[0]

    def _go_to(self, starts: Mapping[TopicPartition, int]) -> None:
        self.reader.assign(list(starts))
        for place, start in starts.items():
            self.reader.seek(place, start)

    async def _left(self, end: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        return [
            place
            for place in self.reader.assignment()
            if await self.reader.position(place) < end[place]
        ]


def _places(there: Described) -> list[TopicPartition]:
    return [TopicPartition(there.name, number) for number in range(there.partitions)]


def _reason(record: ConsumerRecord) -> str:
    headers: dict[str, bytes] = dict(record.headers)
    return headers.get("reason", b"unknown").decode(errors="replace")


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    """Who keeps the group; a new Kafka takes a second to make the topic of all groups' offsets."""
    until = time.monotonic() + _COORDINATOR_SECONDS
    while True:
        try:
            return int(await admin.find_coordinator(group))
        except CoordinatorNotAvailableError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.25)
