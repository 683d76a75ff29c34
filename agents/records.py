"""Packed bytes of `user-input` and `item-feedback`; the first byte is the layout's version."""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from stream.errors import CodecError

VERSION: Final = 1
_PLACE: Final = Struct("<BBBBiqq")  # version, kind, flags, topic, partition, offset, broker ms
_WANTS_LIST: Final = 1


class TopicCode(IntEnum):
    """The topics that a row or a record may name as its source, as one byte."""

    EVENTS = 1
    USERS = 2
    USER_INPUT = 3
    ITEMS = 4


class Kind(IntEnum):
    """What an internal record carries behind its place."""

    EVENT = 1
    PROFILE = 2
    ADAPTATION = 3
    ANNOUNCEMENT = 4
    WITHDRAWAL = 5


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands in Kafka, and when the broker took it (ms since 1970)."""

    topic: TopicCode
    partition: int
    offset: int
    broker_ms: int


@dataclass(frozen=True, slots=True)
class Internal:
    """One record of an internal topic: its kind, the record it stems from, and the body."""

    kind: Kind
    place: Place
    body: bytes
    wants_list: bool = True

    def pack(self) -> bytes:
        """Return the record's bytes: a header of 24 bytes, then the body."""
        place = self.place
        flags = _WANTS_LIST if self.wants_list else 0
        return (
            _PLACE.pack(
                VERSION,
                self.kind,
                flags,
                place.topic,
                place.partition,
                place.offset,
                place.broker_ms,
            )
            + self.body
        )

    @classmethod
    def unpack(cls, value: bytes) -> "Internal":
        """Read the bytes that `pack` wrote.

        Raises
        ------
        CodecError
            If the bytes are too short, or of another version, kind or topic.

        """
        if len(value) < _PLACE.size:
            msg = f"an internal record has {_PLACE.size} bytes or more; got {len(value)}"
            raise CodecError(msg)
        version, kind, flags, topic, partition, offset, broker_ms = _PLACE.unpack_from(value)
        if version != VERSION:
            msg = f"this release reads internal records of version {VERSION}; got {version}"
            raise CodecError(msg)
        try:
            place = Place(TopicCode(topic), partition, offset, broker_ms)
            return cls(Kind(kind), place, value[_PLACE.size :], bool(flags & _WANTS_LIST))
        except ValueError as exc:
            msg = f"an internal record of kind {kind} from topic code {topic} is not known"
            raise CodecError(msg) from exc
