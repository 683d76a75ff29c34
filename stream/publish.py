"""Publishing from outside a worker: checked as a worker would, placed by murmur2, acknowledged."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from stream import topics
from stream.connect import producer
from stream.decode import decode_events, decode_items, decode_profiles
from stream.errors import SendError, TopicError
from stream.foreign import Headers, Kind
from stream.placement import Placement
from stream.rules import Rules
from stream.schemas import Event, Item, Profile, Rejected
from stream.settings import Settings
from stream.topics import EVENT_BYTES

# A record batch's own header and a record's framing, beside key, value and headers.
_FRAMING = 128


@dataclass(frozen=True)
class Outgoing:
    """A checked message. `listed` says whether a worker answers it with a list."""

    key: bytes
    value: bytes | None
    listed: bool

    @property
    def size(self) -> int:
        """Bytes that the broker will weigh, somewhat rounded up."""
        return len(self.key) + len(self.value or b"") + _FRAMING


def prepare(
    kind: Kind, value: bytes, rules: Rules, limit: int = EVENT_BYTES
) -> Outgoing | Rejected:
    """Check one message's JSON as a worker would, and that the broker takes it (`limit` bytes)."""
    now_ms = time.time_ns() // 1_000_000
    checked = _decode(kind, value, now_ms, rules)
    if isinstance(checked, Rejected):
        return checked
    outgoing = _outgoing(checked, value)
    if outgoing.size > limit:
        return Rejected("size", f"the message has {outgoing.size} bytes; Kafka takes {limit}")
    return outgoing


class Publisher:
    """Sends messages to one of `events`, `items`, `users`: in order, once, in their partitions."""

    def __init__(self, settings: Settings, kind: Kind) -> None:
        self.kind = kind
        self.topic = getattr(topics.Topics(settings), kind).name
        self.limit = EVENT_BYTES
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._placement: Placement | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises BrokerUnreachable, and TopicError if the topic does not exist."""
        there = (await topics.describe(self._settings)).get(self.topic)
        if there is None:
            raise TopicError(
                f"Topic {self.topic} does not exist: run `headwater topics create`,"
                " or start a worker, which creates it."
            )
        self.limit = int(there.config.get("max.message.bytes", EVENT_BYTES))
        self._placement = Placement(there.partitions)
        self._producer = await producer(
            self._settings, max_request_size=self.limit, linger_ms=self._settings.linger_ms
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what is still waiting and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def send(
        self, message: Outgoing, headers: Headers = ()
    ) -> "asyncio.Future[RecordMetadata]":
        """Hand a message over; the future holds its place once Kafka has acknowledged it.

        Raises SendError when the buffer stays full for as long as Kafka may take to answer.
        """
        if self._producer is None or self._placement is None:
            raise SendError("This publisher is not connected.")
        [partition] = self._placement.partitions_of([message.key])
        try:
            sent: asyncio.Future[RecordMetadata] = await self._producer.send(
                self.topic, message.value, message.key, partition, headers=list(headers)
            )
        except KafkaError as error:
            raise SendError(f"Kafka did not take a message for {self.topic}: {error}") from error
        return sent

    async def send_and_wait(self, message: Outgoing, headers: Headers = ()) -> RecordMetadata:
        """Send one message and return its acknowledged place. Raises SendError."""
        return await acknowledged(await self.send(message, headers), self.topic)


async def acknowledged(sent: "asyncio.Future[RecordMetadata]", topic: str) -> RecordMetadata:
    """The place of a sent message. Raises SendError if Kafka refused or lost it."""
    try:
        return await sent
    except KafkaError as error:
        raise SendError(f"Kafka did not acknowledge a message for {topic}: {error}") from error


def as_json(fields: Mapping[str, object]) -> bytes:
    """Fields as the wire's JSON; those without a value are left out."""
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def _decode(
    kind: Kind, value: bytes, now_ms: int, rules: Rules
) -> Event | Item | Profile | Rejected:
    if kind == "events":
        return decode_events([value], [now_ms], rules)[0]
    if kind == "items":
        return decode_items([None], [value], [now_ms], rules)[0]
    return decode_profiles([value])[0]


def _outgoing(checked: Event | Item | Profile, value: bytes) -> Outgoing:
    if isinstance(checked, Item):
        return Outgoing(checked.item_id.encode(), value, listed=False)
    listed = isinstance(checked, Profile) or checked.type != "impression"
    return Outgoing(checked.user_id.encode(), value, listed)
