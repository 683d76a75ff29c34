"""The wire's messages: as they are written, as they are once checked, and their limits."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

ID_BYTES = 256
EVERYONE = "*"
EARLIEST_MS = 631_152_000_000  # 1990-01-01
LATEST_AHEAD_MS = 86_400_000  # one day: a client's clock or time zone may be wrong by that much
EMBEDDING_LENGTH = 4096
QUIET_HEADER = ("headwater-lists", b"no")

Reason = Literal[
    "json", "schema", "type", "id", "timestamp", "value", "embedding", "size", "unsupported", "fold"
]
Cause = Literal["event", "profile", "item", "model"]


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One act of a user, checked. Ids have 1 to 256 bytes; `timestamp_ms` is its own time."""

    user_id: str
    type: str
    timestamp_ms: int
    item_id: str | None = None
    value: float | None = None
    event_id: str | None = None
    query: str | None = None
    items: tuple[str, ...] = ()
    list_id: str | None = None
    context: dict[str, Any] | None = None


class Item(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What was announced of an item; `withdrawn` when its value was null."""

    item_id: str
    timestamp_ms: int
    title: str | None = None
    categories: tuple[str, ...] = ()
    attributes: dict[str, Any] | None = None
    embedding: tuple[float, ...] = ()
    available: bool = True
    withdrawn: bool = False


class Profile(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is known of a user beside events."""

    user_id: str
    attributes: dict[str, Any] = {}


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that cannot be applied: its reason for dead-letters, and a sentence."""

    reason: Reason
    error: str


class ListItem(msgspec.Struct, gc=False, omit_defaults=True):
    """One place in a list; a higher score is better, and comparable only inside its list."""

    item_id: str
    score: float
    reasons: list[str] | None = None
    propensity: float | None = None
    explored: bool | None = None


class Source(msgspec.Struct, frozen=True, gc=False):
    """A record's place."""

    topic: str
    partition: int
    offset: int


class Recommendation(msgspec.Struct, gc=False, omit_defaults=True):
    """A list for one user. `source` is the last applied record of the user's row; none for `*`."""

    user_id: str
    list_id: str
    items: list[ListItem]
    cause: Cause
    model: str
    generated_at: datetime
    source: Source | None
    lag_seconds: float | None
    event_id: str | None = None
    event_time: datetime | None = None
    surfaces: dict[str, list[ListItem]] | None = None


Id = str | int
_LARGEST = 1e38
Number = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
"""What rows keep: numbers of single precision, of which none is infinite."""
Time = Annotated[datetime, msgspec.Meta(tz=True)] | int | None


class WireEvent(msgspec.Struct, gc=False):
    """An event as it is written: ids may be integers, times texts, fields null."""

    user_id: Id
    type: str
    item_id: Id | None = None
    value: Number | None = None
    timestamp: Time = None
    event_id: Id | None = None
    query: str | None = None
    items: list[Id] | None = None
    list_id: Id | None = None
    context: dict[str, Any] | None = None


class WireItem(msgspec.Struct, gc=False):
    """An announcement as it is written."""

    item_id: Id
    title: str | None = None
    categories: list[str] | None = None
    attributes: dict[str, Any] | None = None
    embedding: list[Number] | None = None
    available: bool | None = None
    timestamp: Time = None


class WireProfile(msgspec.Struct, gc=False):
    """A profile as it is written."""

    user_id: Id
    attributes: dict[str, Any] | None = None


_ENCODER = msgspec.json.Encoder()
_RECOMMENDATION = msgspec.json.Decoder(Recommendation)


def encode_event(event: Event) -> bytes:
    """The event as JSON for the wire; its time as epoch milliseconds."""
    fields = {name: getattr(event, name) for name in Event.__struct_fields__}
    fields["timestamp"] = fields.pop("timestamp_ms")
    return _ENCODER.encode(
        {name: value for name, value in fields.items() if value not in (None, ())}
    )


def encode_recommendation(recommendation: Recommendation) -> bytes:
    """The list as JSON for the wire."""
    return _ENCODER.encode(recommendation)


def decode_recommendation(value: bytes) -> Recommendation:
    """The list that `value` holds. Raises msgspec.DecodeError if it holds none."""
    return _RECOMMENDATION.decode(value)
