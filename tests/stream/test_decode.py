"""The wire read: what is accepted, and by which reason the rest is rejected."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode import decode_events, decode_items, decode_profiles
from stream.rules import Rules
from stream.schemas import (
    Event,
    Item,
    Profile,
    Reason,
    Rejected,
    encode_event,
)
from stream.settings import Settings

NOW = 1_700_000_000_000
DAY = 86_400_000
RULES = Rules()
NO_ID = object()


def one_event(value: bytes | None, rules: Rules = RULES) -> Event | Rejected:
    """The one result of one value."""
    [result] = decode_events([value], [NOW], rules)
    return result


def event(**fields: Any) -> bytes:
    """A good event, changed by `fields`; a field given as NO_ID is left out."""
    whole = {"user_id": "u", "item_id": "i", "type": "like"} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not NO_ID}).encode()


def test_a_full_event_keeps_its_fields() -> None:
    """Every field of the wire arrives, the time in milliseconds."""
    value = event(
        type="rate",
        value=4,
        timestamp="2023-11-14T22:13:20.5+01:00",
        event_id="e",
        context={"a": 1},
    )
    assert one_event(value) == Event(
        "u", "rate", NOW - 3_600_000 + 500, "i", 4.0, "e", context={"a": 1}
    )


def test_integer_ids_become_decimal_strings() -> None:
    """1 and "1" are the same user and the same item."""
    assert one_event(event(user_id=7, item_id=-9)) == one_event(event(user_id="7", item_id="-9"))


def test_the_time_defaults_to_the_broker_s() -> None:
    """An event without a timestamp happened when the broker got it."""
    result = one_event(event())
    assert isinstance(result, Event)
    assert result.timestamp_ms == NOW


def test_unknown_fields_are_ignored() -> None:
    """Fields of later versions do not hurt."""
    assert isinstance(one_event(event(later={"deep": [1]})), Event)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "schema"),
        (b"", "json"),
        (b'{"user_id":"u","item_id"', "json"),
        (b"\xff\xfe", "json"),
        (event(value=float("nan")), "json"),
        (event(value=float("inf")), "json"),
        (b'{"user_id":"u\xff","item_id":"i","type":"like"}', "json"),
        (b'{"user_id":"\\ud800 lone","item_id":"i","type":"like"}', "json"),
        (b"[]", "schema"),
        (b'"text"', "schema"),
        (event(type="teleport"), "type"),
        (event(type=NO_ID), "type"),
        (event(type=7), "type"),
        (event(user_id=NO_ID), "id"),
        (event(user_id=None), "id"),
        (event(user_id=""), "id"),
        (event(user_id=True), "id"),
        (event(user_id=1.5), "id"),
        (event(user_id="*"), "id"),
        (event(user_id="u" * 257), "id"),
        (event(user_id="é" * 129), "id"),
        (event(item_id=NO_ID), "id"),
        (event(item_id="i" * 257), "id"),
        (event(item_id=["i"]), "id"),
        (event(event_id=""), "id"),
        (event(timestamp=0), "timestamp"),
        (event(timestamp=631_152_000_000 - 1), "timestamp"),
        (event(timestamp=NOW + DAY + 1), "timestamp"),
        (event(timestamp=1_700_000_000), "timestamp"),
        (event(timestamp=10**30), "timestamp"),
        (event(timestamp=1.5), "timestamp"),
        (event(timestamp=True), "timestamp"),
        (event(timestamp="yesterday"), "timestamp"),
        (event(timestamp="2023-11-14T22:13:20"), "timestamp"),
        (event(timestamp="9999-12-31T23:59:59Z"), "timestamp"),
        (event(value=True), "value"),
        (event(value="4"), "value"),
        (b'{"user_id":"u","item_id":"i","type":"rate","value":1e999}', "value"),
        (event(value=1e39), "value"),
        (event(value=-(10**40)), "value"),
        (event(type="rate"), "value"),
        (event(type="search", item_id=NO_ID), "schema"),
        (event(type="impression", item_id=NO_ID, items=["a"]), "schema"),
        (event(type="impression", item_id=NO_ID, items=["a", ""], list_id="l"), "id"),
        (event(context=[1]), "schema"),
        (b'{"user_id":"u","item_id":"i","type":"like","context":{"a":' + b"[" * 9999, "schema"),
    ],
)
def test_a_broken_event_has_its_reason(value: bytes | None, reason: str) -> None:
    """Each kind of mistake is rejected by the reason that the README documents."""
    result = one_event(value)
    assert isinstance(result, Rejected)
    assert (result.reason, bool(result.error)) == (reason, True)


@pytest.mark.parametrize(
    "value",
    [
        event(user_id="u" * 256),
        event(user_id="é" * 128),
        event(timestamp=631_152_000_000),
        event(timestamp=NOW + DAY),
        event(type="rate", value=0),
        event(type="search", item_id=NO_ID, query="noir"),
        event(type="impression", item_id=NO_ID, items=[1, "b"], list_id="l"),
        event(value=None, event_id=None, context=None),
    ],
)
def test_the_limits_themselves_are_fine(value: bytes) -> None:
    """256 bytes, 1990-01-01, one day ahead, and what each type needs."""
    assert isinstance(one_event(value), Event)


def test_added_types_are_accepted_and_positive() -> None:
    """What the configuration adds counts as positive unless it is named neutral."""
    rules = Rules.of(Settings(event_types=("listen", "skip"), neutral_types=("skip", "view")))
    for type_, positive in {"listen": True, "skip": False, "view": False, "click": True}.items():
        result = one_event(event(type=type_), rules)
        assert isinstance(result, Event)
        assert rules.positive(result) is positive


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from(["u", "like", "rate", "search", "impression", 4, NOW])
        for name in (
            *("user_id", "item_id", "type", "value", "timestamp", "event_id", "query"),
            *("items", "list_id", "context", "embedding", "attributes", "title", "available"),
        )
    },
)
VALUES = st.none() | st.binary() | FIELDS.map(lambda fields: json.dumps(fields).encode())


@given(st.lists(VALUES))
def test_decoding_never_raises(values: list[bytes | None]) -> None:
    """Whatever bytes come, each record gives a checked one or a named reason, in order."""
    times = [NOW] * len(values)
    events = decode_events(values, times, RULES)
    items = decode_items(values, values, times, RULES)
    profiles = decode_profiles(values)
    assert len(events) == len(items) == len(profiles) == len(values)
    for result in (*events, *items, *profiles):
        if isinstance(result, Rejected):
            assert result.reason in get_args(Reason)
        else:
            key = result.item_id if isinstance(result, Item) else result.user_id
            assert 1 <= len(key.encode()) <= 256


IDS = st.text(min_size=1, max_size=64).filter(lambda text: text != "*" and _is_utf8(text))
EVENTS = st.builds(
    Event,
    IDS,
    st.sampled_from(["like", "rate", "view"]),
    st.integers(631_152_000_000, NOW + DAY),
    IDS,
    st.floats(-1e38, 1e38),
    st.none() | IDS,
)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(EVENTS)
def test_an_encoded_event_comes_back(written: Event) -> None:
    """Encoding and decoding are inverse."""
    assert one_event(encode_event(written)) == written


def test_an_announcement_keeps_its_fields() -> None:
    """Every field of an item arrives; null fields are as absent ones."""
    value = b"""{"item_id":5,"title":"T","categories":["a"],"attributes":{"y":1},
        "embedding":[1,0.5],"available":false,"timestamp":null}"""
    [item] = decode_items([b"5"], [value], [NOW], RULES)
    assert item == Item("5", NOW, "T", ("a",), {"y": 1}, (1.0, 0.5), available=False)


def test_a_null_value_withdraws_the_key_s_item() -> None:
    """A tombstone has no other name than its key, which must be an id."""
    results = decode_items([b"5", None, b"\xff", b"x" * 257], [None] * 4, [NOW] * 4, RULES)
    assert results[0] == Item("5", NOW, available=False, withdrawn=True)
    assert [r.reason for r in results[1:] if isinstance(r, Rejected)] == ["id"] * 3


@pytest.mark.parametrize(
    ("embedding", "size", "fine"),
    [
        ("[1,2]", None, True),
        ("[1,2]", 2, True),
        ("[1,2,3]", 2, False),
        ("[1,true]", None, False),
        ('[1,"2"]', None, False),
        ("[1e999]", None, False),
        ("[1e39]", None, False),
        ("[null]", None, False),
        ('"12"', None, False),
        ("[" + ",".join(["0"] * 4097) + "]", None, False),
    ],
)
def test_an_embedding_has_the_right_length_and_numbers(
    embedding: str, size: int | None, fine: bool
) -> None:
    """Anything but the configured count of finite numbers is rejected as `embedding`."""
    value = f'{{"item_id":"i","embedding":{embedding}}}'.encode()
    [result] = decode_items([None], [value], [NOW], Rules(embedding_size=size))
    assert isinstance(result, Item) is fine
    assert fine or (isinstance(result, Rejected) and result.reason == "embedding")


def test_profiles() -> None:
    """A profile keeps its attributes; a null value cannot be applied yet, and says so."""
    results = decode_profiles([b'{"user_id":1,"attributes":{"age":3}}', None, b'{"user_id":"*"}'])
    assert results[0] == Profile("1", {"age": 3})
    assert [r.reason for r in results[1:] if isinstance(r, Rejected)] == ["unsupported", "id"]
