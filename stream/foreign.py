"""Messages of Gorse, of Metarank and in CloudEvents envelopes, as the fields of our own wire.

Nothing is checked here: what comes out goes through the same schema as a message of our own. A
structured CloudEvent is known by its `specversion`, a binary one by its `ce_…` headers, Metarank by
its `event`, Gorse by the spelling of its names.
"""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from stream.times import epoch_ms

Kind = Literal["events", "items", "users"]
Headers = Sequence[tuple[str, bytes]]
Fields = dict[str, Any]

#: The headers of a binary CloudEvent that say something to us; they travel with a record.
ENVELOPE: Final = frozenset({"ce_specversion", "ce_id", "ce_time", "ce_type"})
#: Names of types that others use for ours; a type that is configured is left as it is.
TYPES: Final[Mapping[str, str]] = {
    "read": "view",
    "watch": "view",
    "play": "view",
    "open": "view",
    "impress": "view",
    "star": "like",
    "favorite": "like",
    "favourite": "like",
    "buy": "purchase",
    "order": "purchase",
    "add_to_cart": "cart",
    "addtocart": "cart",
    "rating": "rate",
}
_GORSE: Final = frozenset({"FeedbackType", "UserId", "ItemId", "feedback_type"})
_METARANK: Final = frozenset({"item", "user", "ranking", "interaction"})
_METARANK_TITLES: Final = ("title", "name")


class ForeignError(ValueError):
    """A message that is known as foreign, and that cannot be ours."""


def enveloped(headers: Headers) -> bool:
    """Whether these are the headers of a binary CloudEvent."""
    for name, _ in headers:  # noqa: SIM110  # a generator would cost each record with headers more
        if name[:3] == "ce_":
            return True
    return False


def envelope(headers: Headers) -> list[tuple[str, bytes]]:
    """The part of a record's headers without which a binary CloudEvent is not understood."""
    return [(name, value) for name, value in headers if name in ENVELOPE and value is not None]


def translate(
    kind: Kind, record: Any, headers: Headers = (), types: Collection[str] = ()
) -> Fields | None:
    """Fields of our own wire from a foreign record; None if it is none of those known.

    `types` are the configured event types. Raises ForeignError if it belongs elsewhere.
    """
    if not isinstance(record, dict):
        return None
    about = _attributes(headers)
    if "specversion" in record:
        about, record = record, _data(record)
    inner = _translated(kind, record)
    if inner is None:
        if not about:
            return None
        inner = dict(record)
    if about:
        _complete(inner, about, kind)
    if kind == "events":
        inner["type"] = known_type(inner.get("type"), types)
    return {name: value for name, value in inner.items() if value is not None}


def gorse(kind: Kind, record: Mapping[str, Any]) -> Fields:
    """A feedback, item or user of Gorse, in the names of its API or of its CSV files."""
    return _OF_GORSE[kind](record)


def metarank(record: Mapping[str, Any]) -> tuple[Kind, Fields]:
    """An event of Metarank: what it is, and its fields. Raises ForeignError for another `event`."""
    event = record.get("event")
    if not isinstance(event, str) or event not in _METARANK:
        raise ForeignError(f"event is {event!r}; Metarank has item, user, ranking, interaction")
    fields = _named_fields(record.get("fields"))
    if event == "item":
        return "items", _metarank_item(record, fields)
    if event == "user":
        return "users", {"user_id": record.get("user"), "attributes": fields or None}
    return "events", _metarank_event(record, fields)


def known_type(name: object, types: Collection[str]) -> object:
    """Our name of an event type, if it is another's for one of ours; `name` if not.

    Of a dotted name, as CloudEvents have them, the last part that is known counts.
    """
    if not isinstance(name, str) or name in types:
        return name
    for part in reversed(name.replace("/", ".").split(".")):
        if part in types:
            return part
        if (ours := TYPES.get(part.lower())) is not None:
            return ours
    return name


def _translated(kind: Kind, record: Mapping[str, Any]) -> Fields | None:
    event = record.get("event")
    if isinstance(event, str) and event in _METARANK:
        found, fields = metarank(record)
        if found != kind:
            raise ForeignError(f"a Metarank event of {event!r} belongs on the topic {found}")
        return fields
    return gorse(kind, record) if not _GORSE.isdisjoint(record) else None


def _attributes(headers: Headers) -> Fields:
    """The attributes of a binary CloudEvent; none if the headers are another's."""
    if not headers or not enveloped(headers):
        return {}
    found = {name[3:]: value.decode(errors="replace") for name, value in envelope(headers) if value}
    return found or {"specversion": ""}


def _data(event: Fields) -> Fields:
    data = event.get("data")
    if data is None and isinstance(event.get("data_base64"), str):
        try:
            data = msgspec.json.decode(base64.b64decode(event["data_base64"], validate=True))
        except (binascii.Error, ValueError) as error:
            raise ForeignError(f"data_base64 of the CloudEvent holds no JSON: {error}") from error
    if not isinstance(data, dict):
        raise ForeignError("a CloudEvent needs data that is a JSON object")
    return data


def _complete(fields: Fields, about: Mapping[str, Any], kind: Kind) -> None:
    """Fill what the data lacks from the envelope."""
    if kind != "users" and fields.get("timestamp") is None:
        fields["timestamp"] = _time(about.get("time"))
    if kind == "events":
        for name, attribute in (("event_id", "id"), ("type", "type")):
            if fields.get(name) is None:
                fields[name] = about.get(attribute)


def _gorse_feedback(record: Mapping[str, Any]) -> Fields:
    comment = _of(record, "Comment", "comment")
    return {
        "user_id": _of(record, "UserId", "user_id"),
        "item_id": _of(record, "ItemId", "item_id"),
        "type": _of(record, "FeedbackType", "feedback_type", "type"),
        # Gorse writes 0 where none was given.
        "value": _of(record, "Value", "value") or None,
        "timestamp": _time(_of(record, "Timestamp", "time_stamp", "timestamp")),
        "context": {"comment": comment} if comment else None,
    }


def _gorse_item(record: Mapping[str, Any]) -> Fields:
    hidden = _of(record, "IsHidden", "is_hidden")
    attributes = _labels(_of(record, "Labels", "labels"))
    embedding = attributes.get("embedding")
    if _numbers(embedding):
        del attributes["embedding"]
    return {
        "item_id": _of(record, "ItemId", "item_id"),
        "title": _of(record, "Comment", "description", "comment") or None,
        "categories": _of(record, "Categories", "categories"),
        "attributes": attributes or None,
        "embedding": embedding if _numbers(embedding) else None,
        "available": (not hidden) if isinstance(hidden, bool) else None,
        "timestamp": _time(_of(record, "Timestamp", "time_stamp", "timestamp")),
    }


def _gorse_user(record: Mapping[str, Any]) -> Fields:
    return {
        "user_id": _of(record, "UserId", "user_id"),
        "attributes": _labels(_of(record, "Labels", "labels")) or None,
    }


_OF_GORSE: Final[dict[Kind, Callable[[Mapping[str, Any]], Fields]]] = {
    "events": _gorse_feedback,
    "items": _gorse_item,
    "users": _gorse_user,
}


def _metarank_event(record: Mapping[str, Any], fields: Fields) -> Fields:
    ranking = record["event"] == "ranking"
    shown = record.get("items")
    session = record.get("session")
    context = fields | ({"session": session} if session else {})
    value = next((fields[name] for name in ("value", "rating") if _number(fields.get(name))), None)
    return {
        "event_id": record.get("id"),
        "user_id": record.get("user"),
        "type": "impression" if ranking else record.get("type"),
        "item_id": None if ranking else record.get("item"),
        "items": [_item_id(item) for item in shown]
        if ranking and isinstance(shown, list)
        else None,
        "list_id": record.get("id") if ranking else record.get("ranking"),
        "value": None if ranking else value,
        "timestamp": _time(record.get("timestamp")),
        "context": context or None,
    }


def _metarank_item(record: Mapping[str, Any], fields: Fields) -> Fields:
    title = next((name for name in _METARANK_TITLES if isinstance(fields.get(name), str)), None)
    categories = fields.pop("categories", None) or fields.pop("category", None)
    return {
        "item_id": record.get("item"),
        "title": None if title is None else fields.pop(title),
        "categories": [categories] if isinstance(categories, str) else categories,
        "embedding": fields.pop("embedding") if _numbers(fields.get("embedding")) else None,
        "attributes": fields or None,
        "timestamp": _time(record.get("timestamp")),
    }


def _named_fields(fields: object) -> Fields:
    """Metarank's `[{"name": …, "value": …}]` as an object."""
    if not isinstance(fields, list):
        return {}
    pairs = [field for field in fields if isinstance(field, dict) and "name" in field]
    return {str(pair["name"]): pair.get("value") for pair in pairs}


def _item_id(shown: object) -> object:
    return shown.get("id", shown.get("item")) if isinstance(shown, dict) else shown


def _labels(labels: object) -> Fields:
    """Gorse's labels, which may be anything, as attributes."""
    if isinstance(labels, dict):
        return dict(labels)
    return {"labels": labels} if labels else {}


def is_zero_time(given: object) -> bool:
    """Whether it is Go's zero time, the year 1, as Gorse writes where none was given."""
    return isinstance(given, str) and given.startswith("0001-")


def _time(given: object) -> object:
    """Epoch milliseconds; what is no time is left for the schema to refuse; Go's zero is none."""
    if given is None or given == "" or is_zero_time(given):
        return None
    found = epoch_ms(given)
    return given if found is None else found


def _of(record: Mapping[str, Any], *names: str) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_number(part) for part in value)
