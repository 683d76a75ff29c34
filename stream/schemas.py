"""The wire: events, items, profiles and recommendations as JSON, checked and named when wrong.

What is not of our own wire, and only that, is tried as a message of Gorse, of Metarank or in a
CloudEvents envelope (`stream.foreign`) before it is rejected.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import repeat
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec

from stream.foreign import ForeignError, Headers, Kind, enveloped, translate
from stream.settings import MAYBE_NEUTRAL, STANDARD_TYPES, Settings

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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ALWAYS_POSITIVE = frozenset({"like", "cart", "purchase", "share", "follow"})
# A character is at most four bytes, so a short string needs no encoding to be known as short.
_SURELY_SHORT = ID_BYTES // 4


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


@dataclass(frozen=True)
class Rules:
    """What the settings say about events and items."""

    types: frozenset[str] = frozenset(STANDARD_TYPES)
    positive_types: frozenset[str] = _ALWAYS_POSITIVE | MAYBE_NEUTRAL
    positive_min: float = 4.0
    embedding_size: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules that the settings give."""
        added = frozenset(settings.event_types) - frozenset(STANDARD_TYPES)
        neutral = frozenset(settings.neutral_types)
        return cls(
            types=frozenset(STANDARD_TYPES) | added,
            positive_types=(_ALWAYS_POSITIVE | MAYBE_NEUTRAL | added) - neutral,
            positive_min=settings.positive_min,
            embedding_size=settings.embedding_size,
        )

    def positive(self, event: Event) -> bool:
        """Whether the event says that the user liked the item."""
        if event.type == "rate":
            return event.value is not None and event.value >= self.positive_min
        return event.type in self.positive_types


def decode_events(
    values: Sequence[bytes | None],
    broker_times_ms: Sequence[int],
    rules: Rules,
    headers: Iterable[Headers] | None = None,
) -> list[Event | Rejected]:
    """One Event or Rejected per value, in order; never raises. Times are the broker's, in ms.

    `headers` are the records': those of a binary CloudEvent complete its value.
    """
    decode = partial(_guarded, _event, rules=rules)
    if headers is None:
        return [decode(*record) for record in zip(values, broker_times_ms, strict=True)]
    return [decode(*record) for record in zip(values, broker_times_ms, headers, strict=True)]


def decode_items(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    broker_times_ms: Sequence[int],
    rules: Rules,
    headers: Iterable[Headers] | None = None,
) -> list[Item | Rejected]:
    """One Item or Rejected per record; a null value withdraws the item that the key names."""
    decode = partial(_guarded, _item, rules=rules)
    headers = repeat((), len(values)) if headers is None else headers
    return [decode(*record) for record in zip(values, broker_times_ms, keys, headers, strict=True)]


def decode_profiles(values: Sequence[bytes | None]) -> list[Profile | Rejected]:
    """One Profile or Rejected per value; a null value is `unsupported` until forgetting exists."""
    return [_guarded(_profile, value) for value in values]


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


def moment(milliseconds: int) -> datetime:
    """Epoch milliseconds as a time in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(moment: datetime) -> int:
    """A time as epoch milliseconds, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


class _Refused(Exception):
    """A record broke a rule that JSON types cannot express."""

    def __init__(self, reason: Reason, error: str) -> None:
        super().__init__(error)
        self.reason: Reason = reason


_Id = str | int
_Time = Annotated[datetime, msgspec.Meta(tz=True)] | int | None


class WireEvent(msgspec.Struct, gc=False):
    """An event as it is written: ids may be integers, times texts, fields null."""

    user_id: _Id
    type: str
    item_id: _Id | None = None
    value: float | None = None
    timestamp: _Time = None
    event_id: _Id | None = None
    query: str | None = None
    items: list[_Id] | None = None
    list_id: _Id | None = None
    context: dict[str, Any] | None = None


class WireItem(msgspec.Struct, gc=False):
    """An announcement as it is written."""

    item_id: _Id
    title: str | None = None
    categories: list[str] | None = None
    attributes: dict[str, Any] | None = None
    embedding: list[float] | None = None
    available: bool | None = None
    timestamp: _Time = None


class WireProfile(msgspec.Struct, gc=False):
    """A profile as it is written."""

    user_id: _Id
    attributes: dict[str, Any] | None = None


_ENCODER = msgspec.json.Encoder()
_EVENT = msgspec.json.Decoder(WireEvent)
_ITEM = msgspec.json.Decoder(WireItem)
_PROFILE = msgspec.json.Decoder(WireProfile)
_RECOMMENDATION = msgspec.json.Decoder(Recommendation)

Checked = TypeVar("Checked")
Wire = TypeVar("Wire")


def _guarded(
    decode: Callable[..., Checked], value: bytes | None, *place: Any, **rules: Any
) -> Checked | Rejected:
    try:
        return decode(value, *place, **rules)
    except _Refused as refused:
        return Rejected(refused.reason, str(refused))
    except msgspec.ValidationError as error:
        return Rejected(_reason(str(error)), str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Rejected("json", str(error))
    except ForeignError as error:
        return Rejected("schema", str(error))
    except RecursionError:
        return Rejected("schema", "the JSON is nested too deeply")


def _event(value: bytes | None, broker_ms: int, headers: Headers = (), *, rules: Rules) -> Event:
    if value is None:
        raise _Refused("schema", "an event needs a value; it came with null")
    wire = _wire("events", _EVENT, value, headers, rules)
    if wire.type not in rules.types:
        raise _Refused(
            "type", f"type {wire.type[:ID_BYTES]!r} is not one of {_listed(rules.types)}"
        )
    item_id = None if wire.item_id is None else _id("item_id", wire.item_id)
    _fits_type(wire)
    return Event(
        _user_id(wire.user_id),
        wire.type,
        _time(wire.timestamp, broker_ms),
        item_id,
        wire.value,
        None if wire.event_id is None else _id("event_id", wire.event_id),
        wire.query,
        tuple([_id("items", item) for item in wire.items]) if wire.items else (),
        None if wire.list_id is None else _id("list_id", wire.list_id),
        wire.context,
    )


def _item(
    value: bytes | None, broker_ms: int, key: bytes | None, headers: Headers, *, rules: Rules
) -> Item:
    if value is None:
        return Item(_id_from_key(key), broker_ms, available=False, withdrawn=True)
    wire = _wire("items", _ITEM, value, headers, rules)
    embedding = tuple(wire.embedding or ())
    if embedding:
        _right_length(len(embedding), rules.embedding_size)
    return Item(
        _id("item_id", wire.item_id),
        _time(wire.timestamp, broker_ms),
        wire.title,
        tuple(wire.categories or ()),
        wire.attributes,
        embedding,
        wire.available is not False,
    )


def _profile(value: bytes | None) -> Profile:
    if value is None:
        raise _Refused("unsupported", "forgetting a user (null value) is not supported yet")
    wire = _wire("users", _PROFILE, value, (), None)
    return Profile(_user_id(wire.user_id), wire.attributes or {})


def _wire(
    kind: Kind,
    decoder: msgspec.json.Decoder[Wire],
    value: bytes,
    headers: Headers,
    rules: Rules | None,
) -> Wire:
    """Read a message of our own wire, or of another's that is understood."""
    try:
        wire = decoder.decode(value)
    except msgspec.ValidationError as error:
        return _foreign(kind, decoder.type, value, headers, rules, error)
    if headers and enveloped(headers):
        return _foreign(kind, decoder.type, value, headers, rules)
    return wire


def _foreign(
    kind: Kind,
    wanted: type[Wire],
    value: bytes,
    headers: Headers,
    rules: Rules | None,
    error: msgspec.ValidationError | None = None,
) -> Wire:
    """Read a message that is not, or not alone, of our own wire; `error` is why not."""
    try:
        record = msgspec.json.decode(value)
    except msgspec.DecodeError:  # a number out of range: the first error names its field
        raise error or _Refused("json", "the JSON cannot be read") from None
    fields = translate(kind, record, headers, rules.types if rules else frozenset())
    if fields is not None:
        return msgspec.convert(fields, wanted)
    if error is not None:
        raise error
    return msgspec.json.decode(value, type=wanted)


def _fits_type(wire: WireEvent) -> None:
    """Refuse an event that lacks what its type needs."""
    if wire.type == "search":
        if not wire.query:
            raise _Refused("schema", "a search needs a query")
    elif wire.type == "impression":
        if wire.items is None or wire.list_id is None:
            raise _Refused("schema", "an impression needs items and list_id")
    elif wire.item_id is None:
        raise _Refused("id", f"an event of type {wire.type} needs an item_id")
    elif wire.type == "rate" and wire.value is None:
        raise _Refused("value", "a rate needs a value")


def _user_id(given: _Id) -> str:
    user_id = _id("user_id", given)
    if user_id == EVERYONE:
        raise _Refused("id", "user_id * is reserved for the list of unknown users")
    return user_id


def _id(name: str, given: _Id) -> str:
    text = given if isinstance(given, str) else str(given)
    if not 0 < len(text) <= _SURELY_SHORT:
        size = len(text.encode())
        if not 0 < size <= ID_BYTES:
            raise _Refused("id", f"{name} has {size} bytes; 1 to {ID_BYTES} are allowed")
    return text


def _id_from_key(key: bytes | None) -> str:
    if not key:
        raise _Refused("id", "a null value withdraws the item that the key names; there is no key")
    try:
        return _id("the key", key.decode())
    except UnicodeDecodeError as error:
        raise _Refused("id", f"the key is not UTF-8: {error}") from error


def _time(given: datetime | int | None, broker_ms: int) -> int:
    if given is None:
        return broker_ms
    time_ms = given if isinstance(given, int) else milliseconds(given)
    if not EARLIEST_MS <= time_ms <= broker_ms + LATEST_AHEAD_MS:
        raise _Refused(
            "timestamp",
            f"timestamp {time_ms} ms is before 1990 or more than a day after the broker's"
            f" {broker_ms} ms",
        )
    return time_ms


def _right_length(length: int, wanted: int | None) -> None:
    if wanted is not None and length != wanted:
        raise _Refused("embedding", f"embedding has {length} numbers; {wanted} are required")
    if length > EMBEDDING_LENGTH:
        raise _Refused("embedding", f"embedding has {length} numbers; at most {EMBEDDING_LENGTH}")


# Which reason a wrong field gives; the others are `schema`.
_REASON_OF_FIELD: dict[str, Reason] = {
    "user_id": "id",
    "item_id": "id",
    "event_id": "id",
    "items": "id",
    "list_id": "id",
    "type": "type",
    "timestamp": "timestamp",
    "value": "value",
    "embedding": "embedding",
}


def _reason(message: str) -> Reason:
    """The reason for msgspec's message: "… missing required field `x`" or "… at `$.x…`"."""
    last = message.rsplit("`", 2)
    name = last[-2].removeprefix("$.").split("[")[0].split(".")[0] if len(last) > 2 else ""
    return _REASON_OF_FIELD.get(name, "schema")


def _listed(names: frozenset[str]) -> str:
    return " ".join(sorted(names))
