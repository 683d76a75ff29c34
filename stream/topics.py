"""Every topic: its name, its shape, what must hold for the guarantees, creation and check."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from stream.connect import admin_client
from stream.errors import TopicError
from stream.settings import Settings

# Kafka's own default for max.message.bytes: 1 MiB and a record batch's header.
EVENT_BYTES = 1_048_588
# What headers and envelopes add to an event that is forwarded or put into dead-letters.
ENVELOPE_BYTES = 65_536
INTERNAL_BYTES = EVENT_BYTES + ENVELOPE_BYTES

_TOPIC_ALREADY_EXISTS = 36
_SEEN_POLL = 0.05
_CLEANUP = "cleanup.policy"
_TIME = "message.timestamp.type"
_SIZE = "max.message.bytes"
RETENTION = "retention.ms"

_DELETED = {_CLEANUP: "delete"}
_COMPACTED = {_CLEANUP: "compact"}
_BROKER_TIME = {_TIME: "LogAppendTime"}
_ROOM = {_SIZE: str(INTERNAL_BYTES)}


@dataclass(frozen=True)
class Topic:
    """One topic as headwater makes it, and the part of its configuration that it insists on."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    required: Mapping[str, str] = field(default_factory=dict)
    # The topic whose partition count this one must share: a hop keeps a user's or item's partition.
    same_count_as: str | None = None


class Topics:
    """All topics under one prefix, with the partitions that each has or would get."""

    def __init__(self, settings: Settings, counts: Mapping[str, int] | None = None) -> None:
        """`counts`: partitions of topics that exist already, by full name."""
        self._prefix = settings.topic_prefix
        self._default = settings.partitions
        self._counts = counts or {}
        self.events = self._topic("events", _DELETED | _BROKER_TIME, _DELETED | _BROKER_TIME)
        self.items = self._topic("items", _COMPACTED | _BROKER_TIME, _COMPACTED)
        self.users = self._topic("users", _COMPACTED | _BROKER_TIME, _COMPACTED)
        self.recommendations = self._topic(
            "recommendations", _COMPACTED | _BROKER_TIME, _COMPACTED | _BROKER_TIME
        )
        self.models = self._topic("models", _COMPACTED, _COMPACTED)
        self.dead_letters = self._topic("dead-letters", _DELETED | _BROKER_TIME | _ROOM, _DELETED)
        self.user_input = self._pair("user-input", _DELETED | _ROOM, "events", "user-rows")
        self.user_rows = self._pair("user-rows", _COMPACTED | _ROOM, "events", "user-input")
        self.item_feedback = self._pair("item-feedback", _DELETED | _ROOM, "item-vectors")
        self.item_vectors = self._pair(
            "item-vectors", _COMPACTED | _BROKER_TIME | _ROOM, "item-feedback"
        )

    def __iter__(self) -> Iterator[Topic]:
        """Every topic, those that users write and read first."""
        return (topic for topic in vars(self).values() if isinstance(topic, Topic))

    @property
    def read_once(self) -> tuple[Topic, ...]:
        """What workers read and Kafka removes by time, read or not."""
        return self.events, self.user_input, self.item_feedback

    def _topic(self, name: str, config: Mapping[str, str], required: Mapping[str, str]) -> Topic:
        full = self._prefix + name
        return Topic(full, self._counts.get(full, self._default), config, required)

    def _pair(self, name: str, config: Mapping[str, str], *partners: str) -> Topic:
        """A topic that must have its partners' partition count; the first partner names it."""
        full = self._prefix + name
        named = [self._prefix + partner for partner in partners]
        known = [self._counts[other] for other in (full, *named) if other in self._counts]
        count = known[0] if known else self._default
        required = {_CLEANUP: config[_CLEANUP]}
        return Topic(full, count, config, required, same_count_as=named[0])


@dataclass(frozen=True)
class Described:
    """A topic as it is on the broker."""

    name: str
    partitions: int
    config: Mapping[str, str]

    @property
    def retention_ms(self) -> int | None:
        """How long records are kept; None where time removes none, or Kafka does not tell."""
        kept = int(self.config.get(RETENTION, -1))
        return None if kept < 0 or "delete" not in self.config.get(_CLEANUP, "") else kept


@dataclass(frozen=True)
class Complaint:
    """What is wrong with a topic, and the command that mends it, without broker and prefix."""

    what: str
    mend: str

    def complete(self, broker: str, flags: str) -> str:
        """The command for this broker; `flags` are those of our own commands."""
        mend = self.mend.replace(".sh ", f".sh --bootstrap-server {broker} ")
        return re.sub(r"headwater topics \w+", rf"\g<0>{flags}", mend)

    def said(self, settings: Settings) -> str:
        """Sentence and command, complete where broker or prefix are not the default ones."""
        default = Settings.model_fields
        flags = "".join(
            f" --{name.replace('_', '-')} {getattr(settings, name)}"
            for name in ("broker", "topic_prefix")
            if getattr(settings, name) != default[name].default
        )
        return f"{self.what} Mend it with `{self.complete(settings.broker, flags)}`."


async def ensure(settings: Settings) -> list[str]:
    """Create the topics that are missing; safe when several workers do so at once.

    Returns the names that this call created. Raises TopicError if Kafka refuses one, and
    BrokerUnreachable.
    """
    created = []
    async with _admin(settings) as admin:
        # Partners come second: they take the count of a topic that someone else has just made.
        for partners in (False, True):
            found = await _describe(admin, settings)
            topics = Topics(settings, {name: there.partitions for name, there in found.items()})
            wanted = [topic for topic in topics if bool(topic.same_count_as) is partners]
            missing = [topic for topic in wanted if topic.name not in found]
            if missing:
                created += await _create(admin, missing, settings)
                await _seen(admin, settings, {topic.name for topic in missing})
    return created


async def describe(settings: Settings) -> dict[str, Described]:
    """The topics of this prefix that exist, by full name. Raises BrokerUnreachable."""
    async with _admin(settings) as admin:
        return await _describe(admin, settings)


async def verify(settings: Settings) -> Topics:
    """The topics as they are, with their true partition counts.

    Raises TopicError naming each wrong topic, what is required, what came and what to do.
    """
    found = await describe(settings)
    topics = Topics(settings, {name: there.partitions for name, there in found.items()})
    if complaints := [wrong for topic in topics if (wrong := check(topic, found))]:
        raise TopicError("\n".join(wrong.said(settings) for wrong in complaints))
    return topics


def check(topic: Topic, found: Mapping[str, Described]) -> Complaint | None:
    """What is wrong with `topic` as found on the broker; None if nothing is."""
    there = found.get(topic.name)
    if there is None:
        return Complaint(f"Topic {topic.name} does not exist.", "headwater topics create")
    other = found.get(topic.same_count_as) if topic.same_count_as else None
    if other is not None and other.partitions != there.partitions:
        return Complaint(
            f"Topic {topic.name} has {there.partitions} partitions and {other.name} has"
            f" {other.partitions}; they must have as many, or a row would have two writers."
            f" Kafka takes no partitions away. Delete {topic.name} with Kafka's own tools while no"
            " worker runs, and let it be made anew.",
            f"kafka-topics.sh --delete --topic {topic.name} && headwater topics create",
        )
    change = changes(topic, there)
    if not change:
        return None
    wanted = ", ".join(
        f"{key}={value}{' or more' if key == _SIZE else ''}" for key, value in change.items()
    )
    came = ", ".join(f"{key}={there.config.get(key, 'unknown')}" for key in change)
    return Complaint(f"Topic {topic.name} requires {wanted}, got {came}.", "headwater topics mend")


def changes(topic: Topic, there: Described) -> dict[str, str]:
    """What of the topic's configuration must be set, and to what; empty if it is as required."""
    change = {
        key: wanted for key, wanted in topic.required.items() if there.config.get(key) != wanted
    }
    if _SIZE in topic.config and int(there.config.get(_SIZE, INTERNAL_BYTES)) < INTERNAL_BYTES:
        change[_SIZE] = str(INTERNAL_BYTES)
    return change


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = await admin_client(settings)
    try:
        yield admin
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, missing: list[Topic], settings: Settings
) -> list[str]:
    wanted = [
        NewTopic(
            topic.name, topic.partitions, settings.replication, topic_configs=dict(topic.config)
        )
        for topic in missing
    ]
    answer = await admin.create_topics(wanted)
    created = []
    for name, code, *text in answer.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _TOPIC_ALREADY_EXISTS:
            reason = (text[0] if text else None) or for_code(code).__name__
            raise TopicError(f"Kafka refused to create topic {name}: {reason}")
    return created


async def _seen(admin: AIOKafkaAdminClient, settings: Settings, names: set[str]) -> None:
    """Return when the broker shows these topics: it knows of a new one a moment after making it."""
    end = time.monotonic() + settings.request_timeout
    while not names <= set(await _describe(admin, settings)):
        if time.monotonic() > end:
            raise TopicError(f"Kafka does not show what it created: {', '.join(sorted(names))}.")
        await asyncio.sleep(_SEEN_POLL)


async def _describe(admin: AIOKafkaAdminClient, settings: Settings) -> dict[str, Described]:
    ours = {topic.name for topic in Topics(settings)}
    try:
        present = [there for there in await admin.describe_topics() if there["topic"] in ours]
        configs = await _configs(admin, [there["topic"] for there in present])
    except KafkaError as error:
        raise TopicError(f"Kafka could not describe the topics: {error}") from error
    return {
        there["topic"]: Described(there["topic"], len(there["partitions"]), configs[there["topic"]])
        for there in present
        if configs.get(there["topic"])
    }


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers: list[Any] = await admin.describe_configs(asked)
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _code, _text, _kind, name, entries in answer.resources
    }
