"""The wire read: each record as what it must be, or why it cannot be.

What is not of our own wire, and only that, is tried as a message of Gorse, of Metarank or in a
CloudEvents envelope (`stream.foreign`) before it is rejected.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import repeat
from typing import Any, TypeVar

import msgspec

from stream.foreign import ForeignError, Headers, Kind, enveloped, translate
from stream.rules import Rules
from stream.schemas import (
    EARLIEST_MS,
    EMBEDDING_LENGTH,
    EVERYONE,
    ID_BYTES,
    LATEST_AHEAD_MS,
    Event,
    Id,
    Item,
    Profile,
    Reason,
    Rejected,
    WireEvent,
    WireItem,
    WireProfile,
)
from stream.times import milliseconds

# A character is at most four bytes, so a short string needs no encoding to be known as short.
_SURELY_SHORT = ID_BYTES // 4


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


class _Refused(Exception):
    """A record broke a rule that JSON types cannot express."""

    def __init__(self, reason: Reason, error: str) -> None:
        super().__init__(error)
        self.reason: Reason = reason


_EVENT = msgspec.json.Decoder(WireEvent)
_ITEM = msgspec.json.Decoder(WireItem)
_PROFILE = msgspec.json.Decoder(WireProfile)

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


def _user_id(given: Id) -> str:
    user_id = _id("user_id", given)
    if user_id == EVERYONE:
        raise _Refused("id", "user_id * is reserved for the list of unknown users")
    return user_id


def _id(name: str, given: Id) -> str:
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
