"""What cannot be applied: its bytes untouched, with reason and place, for `dead-letters`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.structs import ConsumerRecord

from agents.records import Internal, TopicCode
from stream.errors import CodecError
from stream.foreign import envelope

KEPT_OF_OVERSIZED: Final = 65_536  # bytes of a record that exceeds even the limit of `dead-letters`
ERROR_LIMIT: Final = 1024  # characters of an error that travel with the record

Headers = list[tuple[str, bytes]]
Record = tuple[bytes | None, bytes | None, Headers]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was set aside.

    `reason` is one of json, schema, type, id, timestamp, value, embedding, size, unsupported, fold.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    error: str
    #: The headers without which the value would not be understood.
    envelope: Sequence[tuple[str, bytes]] = ()

    @classmethod
    def of(cls, record: ConsumerRecord, reason: str, error: str) -> "DeadLetter":
        """Set aside a record as it was read."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.key,
            record.value,
            reason,
            error,
            envelope(record.headers),
        )

    @classmethod
    def of_forwarded(
        cls, record: ConsumerRecord, topics: Mapping[TopicCode, str], reason: str, error: str
    ) -> "DeadLetter":
        """Set aside a record of `user-input` as its publisher wrote it, with its first place.

        `topics` are the names of source topics. A record that cannot be unpacked is taken as read.
        """
        try:
            internal = Internal.unpack(record.value or b"")
        except CodecError:
            return cls.of(record, reason, error)
        place = internal.place
        topic = topics.get(place.topic, record.topic)
        return cls(
            topic,
            place.partition,
            place.offset,
            record.key,
            internal.body,
            reason,
            error,
            envelope(record.headers),
        )

    def record(self, limit: int) -> Record:
        """Return key, value and headers to send; of more than `limit` bytes the first 64 kB."""
        key, value, attached = self.key, self.value, self.envelope
        if len(key or b"") + len(value or b"") + sum(len(part) for _, part in attached) > limit:
            key = key and key[:KEPT_OF_OVERSIZED]
            value = value and value[:KEPT_OF_OVERSIZED]
            attached = ()
        return key, value, [*self._headers(), *attached]

    def _headers(self) -> Headers:
        return [
            ("reason", self.reason.encode()),
            ("topic", self.topic.encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
            ("error", self.error[:ERROR_LIMIT].encode()),
        ]
