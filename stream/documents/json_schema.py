"""JSON Schemas (2020-12) of the values of the public topics, from the types that decode them.

Whatever a schema accepts the decoder accepts too, except for what JSON Schema cannot say: an id
has at most 256 *bytes*, an integer id is written in digits only, numbers are finite, a time is a
day of the calendar and not more than a day after the broker's, an object or announcement has room
(README, "What cannot be applied").
"""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from stream.documents import examples, fields
from stream.rules import Rules
from stream.schemas import (
    EARLIEST_MS,
    EMBEDDING_LENGTH,
    EVERYONE,
    ID_BYTES,
    ListItem,
    Reason,
    Recommendation,
    Source,
    WireEvent,
    WireItem,
    WireProfile,
)

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Names in the documents: message or part, the type that decodes or encodes it, its fields.
_PARTS: Mapping[str, tuple[type[msgspec.Struct], fields.Fields]] = {
    "event": (WireEvent, fields.EVENT),
    "item": (WireItem, fields.ITEM),
    "user": (WireProfile, fields.USER),
    "recommendation": (Recommendation, fields.RECOMMENDATION),
    "listItem": (ListItem, fields.LIST_ITEM),
    "source": (Source, fields.SOURCE),
}
_TITLES = {
    "event": "One act of a user: a value of the topic `events`",
    "item": "What is announced of an item: a value of the topic `items`",
    "user": "What is known of a user beside events: a value of the topic `users`",
    "recommendation": "A user's newest list: a value of the topic `recommendations`",
    "listItem": "One place in a list",
    "source": "A record's place",
}
_IDS = ("user_id", "item_id", "event_id", "list_id", "items")
# RFC 3339 with a time zone, from 1990 on, as far as a pattern can say it.
_RFC3339 = (
    "^(199[0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


def documents(rules: Rules) -> dict[str, Schema]:
    """One self-contained JSON Schema for each value, and one for the headers of dead letters."""
    parts = components(rules, "#/$defs/{name}")
    needed = {"recommendation": ("listItem", "source")}
    found = {}
    for name in ("event", "item", "user", "recommendation"):
        found[name] = _head(name) | parts[name] | {"examples": examples.OF[name]}
        if name in needed:
            found[name]["$defs"] = {part: parts[part] for part in needed[name]}
    found["dead-letter-headers"] = _head("dead-letter-headers") | dead_letter_headers()
    return found


def components(rules: Rules, reference: str) -> dict[str, Schema]:
    """The values and their parts by name; `reference` is where {name} will stand."""
    types = [part for part, _ in _PARTS.values()]
    _, drawn = msgspec.json.schema_components(types, ref_template=reference)
    written = {part.__name__: name for name, (part, _) in _PARTS.items()}
    found = {}
    for name, (part, described) in _PARTS.items():
        body = _renamed(drawn[part.__name__], written)
        schema: Schema = {"title": _TITLES[name]} | {
            key: body[key] for key in ("type", "properties", "required")
        }
        for field, kind in schema["properties"].items():
            kind.pop("default", None)
            schema["properties"][field] = {"description": described[field]} | kind
        found[name] = schema
    _narrow(found, rules)
    return found


def dead_letter_headers() -> Schema:
    """The headers of a record of `dead-letters`, each a string of UTF-8."""
    properties: Schema = {
        name: {"description": text, "type": "string"}
        for name, text in fields.DEAD_LETTER_HEADERS.items()
    }
    properties["reason"]["enum"] = list(get_args(Reason))
    for number in ("partition", "offset"):
        properties[number]["pattern"] = "^[0-9]+$"
    return {
        "title": "The headers of a record of the topic `dead-letters`",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _head(name: str) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:headwater:{name}"}


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """The schema with its references by the documents' names instead of the types'."""
    if isinstance(schema, list):
        return [_renamed(part, names) for part in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {key: _renamed(part, names) for key, part in schema.items()}
    if "$ref" in renamed:
        place, _, name = renamed["$ref"].rpartition("/")
        renamed["$ref"] = f"{place}/{names[name]}"
    return renamed


def _narrow(parts: dict[str, Schema], rules: Rules) -> None:
    """Add what the decoder checks beyond JSON's types."""
    for name in ("event", "item", "user"):
        properties = parts[name]["properties"]
        for field in properties.keys() & set(_IDS):
            _each(properties[field], "string", {"minLength": 1, "maxLength": ID_BYTES})
    for name in ("event", "user"):
        _each(parts[name]["properties"]["user_id"], "string", {"not": {"const": EVERYONE}})
    for name in ("event", "item"):
        when = parts[name]["properties"]["timestamp"]
        _each(when, "string", {"pattern": _RFC3339})
        _each(when, "integer", {"minimum": EARLIEST_MS})
    for field in ("generated_at", "event_time"):
        _each(parts["recommendation"]["properties"][field], "string", {"format": "date-time"})
    _each(parts["event"]["properties"]["type"], "string", {"enum": sorted(rules.types)})
    _each(parts["item"]["properties"]["embedding"], "array", _embedding(rules.embedding_size))
    parts["event"]["allOf"] = _needs()


def _each(schema: Any, kind: str, more: Schema) -> None:
    """Add `more` to every alternative of this type in the schema."""
    if schema.get("type") == kind:
        schema.update(more)
    for part in (*schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
        _each(part, kind, more)


def _embedding(size: int | None) -> Schema:
    if size is None:
        return {"maxItems": EMBEDDING_LENGTH}
    return {"anyOf": [{"maxItems": 0}, {"minItems": size, "maxItems": size}]}


def _needs() -> list[Schema]:
    """What an event of each type must have."""
    an_id: Schema = {"type": ["string", "integer"]}
    some_text: Schema = {"type": "string", "minLength": 1}
    return [
        _if_type({"const": "search"}, query=some_text),
        _if_type({"const": "impression"}, items={"type": "array"}, list_id=an_id),
        _if_type({"const": "rate"}, value={"type": "number"}),
        _if_type({"not": {"enum": ["search", "impression"]}}, item_id=an_id),
    ]


def _if_type(which: Schema, **needed: Schema) -> Schema:
    return {
        "if": {"properties": {"type": which}},
        "then": {"required": list(needed), "properties": needed},
    }
