"""Messages of Gorse and Metarank and CloudEvents are understood; what is wrong is named."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode import decode_events, decode_items, decode_profiles
from stream.rules import Rules
from stream.schemas import Event, Item, Profile, Rejected

NOW = 1_700_000_000_000
RULES = Rules()
INTERACTION = {
    "event": "interaction",
    "id": "e1",
    "ranking": "r1",
    "timestamp": "1599391467000",
    "user": "ann",
    "session": "s1",
    "type": "purchase",
    "item": "a",
    "fields": [{"name": "count", "value": 1}],
}
CLICK = {"user_id": "ann", "item_id": "a", "type": "click"}
FEEDBACK = {"FeedbackType": "star", "UserId": "bob", "ItemId": "i"}
HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"c1"),
    ("ce_type", b"com.shop.item.click.v1"),
    ("ce_time", b"2020-09-06T11:24:27Z"),
    ("ce_source", b"/shop"),
    ("content-type", b"application/json"),
)


def event(record: Any, headers: Any = (), rules: Rules = RULES) -> Event | Rejected:
    """The one result of one event."""
    [result] = decode_events([json.dumps(record).encode()], [NOW], rules, [headers])
    return result


def item(record: Any, headers: Any = ()) -> Item | Rejected:
    """The one result of one announcement."""
    [result] = decode_items([None], [json.dumps(record).encode()], [NOW], RULES, [headers])
    return result


def profile(record: Any) -> Profile | Rejected:
    """The one result of one profile."""
    [result] = decode_profiles([json.dumps(record).encode()])
    return result


def wrapped(data: Any, **more: Any) -> dict[str, Any]:
    """A structured CloudEvent."""
    return {"specversion": "1.0", "id": "c1", "source": "/shop", "type": "t", "data": data} | more


def test_a_feedback_of_gorse() -> None:
    """Its names, its types and its times."""
    feedback = {
        "FeedbackType": "star",
        "UserId": "bob",
        "ItemId": "vuejs:vue",
        "Timestamp": "2022-02-24",
        "Comment": "nice",
    }
    assert event(feedback) == Event(
        "bob", "like", 1_645_660_800_000, "vuejs:vue", context={"comment": "nice"}
    )
    assert event(feedback | {"FeedbackType": "read", "Value": 0}) == Event(
        "bob", "view", 1_645_660_800_000, "vuejs:vue", context={"comment": "nice"}
    )


def test_a_type_that_is_configured_is_left_as_it_is() -> None:
    """HEADWATER_EVENT_TYPES=star makes stars events of their own."""
    rules = Rules(types=RULES.types | {"star"})
    feedback = {"FeedbackType": "star", "UserId": "bob", "ItemId": "i"}
    assert event(feedback, rules=rules) == Event("bob", "star", NOW, "i")
    assert event(feedback | {"FeedbackType": "gaze"}) == Rejected(
        "type", f"type 'gaze' is not one of {' '.join(sorted(RULES.types))}"
    )


def test_an_item_and_a_user_of_gorse() -> None:
    """Hidden ones are not available, labels are attributes, Go's zero time is none."""
    given = {
        "ItemId": "i",
        "IsHidden": True,
        "Categories": ["c"],
        "Timestamp": "0001-01-01T00:00:00Z",
        "Labels": {"topics": ["x"], "embedding": [0.1, 2]},
        "Comment": "A title",
    }
    assert item(given) == Item(
        "i", NOW, "A title", ("c",), {"topics": ["x"]}, (0.1, 2.0), available=False
    )
    assert item({"ItemId": "i", "Labels": ["x"]}) == Item("i", NOW, attributes={"labels": ["x"]})
    assert profile({"UserId": 7, "Labels": {"a": 1}}) == Profile("7", {"a": 1})
    assert profile({"UserId": "u", "Labels": None}) == Profile("u")


def test_an_interaction_of_metarank() -> None:
    """Its ranking is the list's id, its fields and session are context."""
    assert event(INTERACTION) == Event(
        "ann",
        "purchase",
        1_599_391_467_000,
        "a",
        event_id="e1",
        list_id="r1",
        context={"count": 1, "session": "s1"},
    )
    rated = INTERACTION | {"type": "rate", "fields": [{"name": "rating", "value": 4}]}
    result = event(rated)
    assert isinstance(result, Event)
    assert result.value == 4


def test_a_ranking_of_metarank_is_an_impression() -> None:
    """Its id is the list's."""
    ranking = {
        "event": "ranking",
        "id": "r1",
        "timestamp": 1599391467000,
        "user": "ann",
        "fields": [{"name": "query", "value": "cat"}],
        "items": [{"id": "b", "relevancy": 2.0}, {"id": "a"}],
    }
    assert event(ranking) == Event(
        "ann",
        "impression",
        1_599_391_467_000,
        event_id="r1",
        items=("b", "a"),
        list_id="r1",
        context={"query": "cat"},
    )


def test_an_item_and_a_user_of_metarank() -> None:
    """Title and categories find their fields, the rest are attributes."""
    fields = [
        {"name": "title", "value": "Cat"},
        {"name": "category", "value": "pets"},
        {"name": "color", "value": ["white", "black"]},
    ]
    given = {"event": "item", "id": "x", "timestamp": "1599391467000", "item": "a"}
    assert item(given | {"fields": fields}) == Item(
        "a", 1_599_391_467_000, "Cat", ("pets",), {"color": ["white", "black"]}
    )
    user = {"event": "user", "id": "x", "user": "ann", "fields": [{"name": "age", "value": 33}]}
    assert profile(user) == Profile("ann", {"age": 33})


def test_metarank_has_one_topic_where_we_have_three() -> None:
    """What stands on another's topic is named, not guessed."""
    rejected = event({"event": "item", "id": "x", "item": "a", "timestamp": 1599391467000})
    assert rejected == Rejected("schema", "a Metarank event of 'item' belongs on the topic items")
    assert isinstance(item(INTERACTION), Rejected)
    assert isinstance(profile(INTERACTION), Rejected)


def test_a_structured_cloud_event() -> None:
    """The data is our own message, Gorse's or Metarank's; what it lacks comes from the envelope."""
    at = "2020-09-06T11:24:27Z"
    assert event(wrapped(CLICK, time=at)) == Event(
        "ann", "click", 1_599_391_467_000, "a", event_id="c1"
    )
    assert event(wrapped(CLICK | {"event_id": "own", "timestamp": NOW}, time=at)) == Event(
        "ann", "click", NOW, "a", event_id="own"
    )
    assert event(wrapped({"user_id": "ann", "item_id": "a"}, type="com.shop.click.v1")) == Event(
        "ann", "click", NOW, "a", event_id="c1"
    )
    inner = event(wrapped(INTERACTION))
    assert inner == event(INTERACTION)
    encoded = base64.b64encode(json.dumps(CLICK).encode()).decode()
    assert event(wrapped(None, data_base64=encoded)) == event(wrapped(CLICK))
    assert item(wrapped({"item_id": "a"}, time=at)) == Item("a", 1_599_391_467_000)
    assert profile(wrapped({"UserId": "u"})) == Profile("u")


def test_a_binary_cloud_event() -> None:
    """Headers complete the body: its id, its type, its time."""
    body = {"user_id": "ann", "item_id": "a"}
    assert event(body, HEADERS) == Event("ann", "click", 1_599_391_467_000, "a", event_id="c1")
    assert event(CLICK | {"type": "like", "event_id": "own"}, HEADERS) == Event(
        "ann", "like", 1_599_391_467_000, "a", event_id="own"
    )
    assert event({"UserId": "ann", "ItemId": "a", "FeedbackType": "star"}, HEADERS) == Event(
        "ann", "like", 1_599_391_467_000, "a", event_id="c1"
    )
    assert item({"item_id": "a"}, HEADERS) == Item("a", 1_599_391_467_000)
    assert event(CLICK, (("ce_id", None), ("other", b"x"))) == Event("ann", "click", NOW, "a")


@pytest.mark.parametrize(
    ("record", "headers", "reason"),
    [
        ({"FeedbackType": "star", "UserId": "bob"}, (), "id"),
        ({"FeedbackType": "star", "ItemId": "i"}, (), "id"),
        (FEEDBACK | {"Timestamp": "soon"}, (), "timestamp"),
        (FEEDBACK | {"Timestamp": "1801-02-24"}, (), "timestamp"),
        (INTERACTION | {"user": None}, (), "id"),
        (INTERACTION | {"type": "stare"}, (), "type"),
        (INTERACTION | {"event": ["item"]}, (), "timestamp"),
        (wrapped(None), (), "schema"),
        (wrapped([CLICK]), (), "schema"),
        (wrapped(None, data_base64="?"), (), "schema"),
        (wrapped(None, data_base64=base64.b64encode(b"{").decode()), (), "schema"),
        ({"user_id": "ann", "item_id": "a"}, (("ce_type", b"com.x.stare"),), "type"),
        (CLICK, (("ce_id", b"x" * 257),), "id"),
        (CLICK, (("ce_time", b"soon"),), "timestamp"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_reason(record: Any, headers: Any, reason: str) -> None:
    """The same reasons as for our own messages."""
    result = event(record, headers)
    assert isinstance(result, Rejected)
    assert result.reason == reason


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["event", "FeedbackType", "UserId", "ItemId", "Labels", "Timestamp", "Value", "Categories",
     "IsHidden", "Comment", "specversion", "data", "data_base64", "id", "item", "user", "items",
     "fields", "type", "timestamp", "session", "ranking", "time", "user_id"],
)  # fmt: skip
_EVENT = st.sampled_from(["item", "user", "ranking", "interaction"])


@given(
    st.dictionaries(_NAMES, _ANY, max_size=8),
    _EVENT | st.none(),
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "ce_type", "x"]), st.binary())),
)
def test_nothing_whatever_raises(record: Any, kind: str | None, headers: Any) -> None:
    """A worker that fails on a record would fail on it again and again."""
    whole = record if kind is None else record | {"event": kind}
    value = json.dumps(whole).encode()
    decode_events([value], [NOW], RULES, [headers])
    decode_items([None], [value], [NOW], RULES, [headers])
    decode_profiles([value])
