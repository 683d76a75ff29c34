"""Each record of a run goes to its owner, is applied here, or is set aside with its reason."""

import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from agents.records import Internal, Kind, Place, TopicCode
from agents.route import route_items, route_profiles, sort_events, sort_user_input
from stream.placement import Placement, partition_of
from stream.rules import Rules
from stream.schemas import QUIET_HEADER

NOW_MS = 1_800_000_000_000
USERS = Placement(4)
RULES = Rules()
NAMES = {TopicCode.EVENTS: "events", TopicCode.USERS: "users"}


def record(
    value: Any,
    key: bytes | None = None,
    *,
    topic: str = "events",
    partition: int = 0,
    offset: int = 7,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> ConsumerRecord:
    """Return a record as aiokafka gives it; a value that is not bytes becomes JSON."""
    raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return ConsumerRecord(
        topic,
        partition,
        offset,
        NOW_MS,
        1,
        key,
        raw,
        None,
        len(key or b""),
        len(raw or b""),
        headers,
    )


def event(user: str, **more: Any) -> dict[str, Any]:
    """Return a valid event's fields."""
    return {"user_id": user, "item_id": "i", "type": "click"} | more


def user_of(partition: int) -> str:
    """Return a user whose row belongs to the partition."""
    return next(f"u{n}" for n in range(100) if partition_of(f"u{n}".encode(), 4) == partition)


def test_an_event_in_its_partition_is_applied_even_without_a_key() -> None:
    """The value's user_id decides, so a missing or wrong key does no harm in the right place."""
    user = user_of(2)
    records = [record(event(user), key, partition=2) for key in (None, b"other", user.encode())]
    out = sort_events(records, 2, USERS, RULES)
    assert [arrival.user_id for arrival in out.arrivals] == [user] * 3
    assert not out.forwards
    assert not out.dead


@pytest.mark.parametrize(("key", "reason"), [(None, "no-key"), (b"x", "wrong-partition")])
def test_a_misplaced_event_is_forwarded_with_its_source(key: bytes | None, reason: str) -> None:
    """It goes untouched to its owner's partition of user-input, with place, key and header."""
    user = user_of(3)
    quiet = record(event(user), key, partition=1, offset=40, headers=(QUIET_HEADER,))
    (forward,) = sort_events([quiet], 1, USERS, RULES).forwards
    assert (forward.partition, forward.key, forward.reason) == (3, key, reason)
    internal = Internal.unpack(forward.value)
    assert internal.place == Place(TopicCode.EVENTS, 1, 40, NOW_MS)
    assert internal.body == quiet.value
    assert not internal.wants_list


def test_a_forwarded_event_keeps_its_origin_and_names_where_it_was_read() -> None:
    """Offsets count by the origin; feedback names the record that adapt-user read."""
    body = json.dumps(event("u")).encode()
    packed = Internal(Kind.EVENT, Place(TopicCode.EVENTS, 1, 40, NOW_MS - 5), body).pack()
    (arrival,) = sort_user_input([record(packed, offset=9, partition=3)], RULES, NAMES).arrivals
    assert arrival.origin == Place(TopicCode.EVENTS, 1, 40, NOW_MS - 5)
    assert arrival.read == Place(TopicCode.USER_INPUT, 3, 9, NOW_MS - 5)


def test_broken_events_are_set_aside_with_their_bytes_and_place() -> None:
    """The good event beside them is applied."""
    user = user_of(0)
    records = [record(b"{", b"k", offset=1), record(event(user), offset=2), record(None, offset=3)]
    out = sort_events(records, 0, USERS, RULES)
    assert [(letter.reason, letter.offset, letter.value) for letter in out.dead] == [
        ("json", 1, b"{"),
        ("schema", 3, None),
    ]
    assert [arrival.index for arrival in out.arrivals] == [1]


def test_an_event_that_no_topic_would_take_is_set_aside() -> None:
    """What a client compressed may be larger than any message that we could forward."""
    user = user_of(0)
    huge = record(event(user, context={"text": "x" * 1_100_000}), offset=4)
    (letter,) = sort_events([huge], 0, USERS, RULES).dead
    assert letter.reason == "size"
    _, value, headers = letter.record(limit=1_000_000)
    assert value == huge.value[:65_536]
    assert ("offset", b"4") in headers


def test_foreign_bytes_in_user_input_are_set_aside() -> None:
    """What no release of headwater wrote there is named, not applied."""
    (letter,) = sort_user_input([record(b"?")], RULES, NAMES).dead
    assert (letter.reason, letter.value) == ("schema", b"?")


def test_a_forwarded_event_that_is_set_aside_looks_as_its_publisher_wrote_it() -> None:
    """Its bytes and its place are those of `events`, as if it had never been forwarded."""
    body = json.dumps(event("u", type="removed-type")).encode()
    packed = Internal(Kind.EVENT, Place(TopicCode.EVENTS, 1, 40, NOW_MS), body).pack()
    (letter,) = sort_user_input([record(packed, b"k", offset=9)], RULES, NAMES).dead
    assert (letter.topic, letter.partition, letter.offset) == ("events", 1, 40)
    assert (letter.key, letter.value, letter.reason) == (b"k", body, "type")


def test_profiles_go_to_their_users_owner() -> None:
    """A profile is forwarded whole; one of more than 8 kB, or a null, is set aside by name."""
    user = user_of(1)
    good = {"user_id": user, "attributes": {"age": 4}}
    large = {"user_id": user, "attributes": {"text": "x" * 9000}}
    out = route_profiles([record(good), record(large), record(None, b"u")], USERS)
    assert [(forward.partition, forward.reason) for forward in out.forwards] == [(1, "profile")]
    assert [letter.reason for letter in out.dead] == ["size", "unsupported"]


def test_announcements_go_to_their_items_owner() -> None:
    """A null value withdraws the item that its key names; one over 8 kB is set aside."""
    items = Placement(8)
    large = {"item_id": "i", "attributes": {"text": "x" * 9000}}
    records = [record({"item_id": "i", "title": "T"}), record(None, b"i"), record(large)]
    out = route_items(records, items, RULES)
    assert {forward.partition for forward in out.forwards} == {partition_of(b"i", 8)}
    assert [Internal.unpack(forward.value).kind for forward in out.forwards] == [
        Kind.ANNOUNCEMENT,
        Kind.WITHDRAWAL,
    ]
    assert [letter.reason for letter in out.dead] == ["size"]


def test_a_misplaced_cloud_event_is_understood_by_its_owner() -> None:
    """Its value travels untouched, and the headers that complete it with it."""
    user = user_of(3)
    headers = (("ce_id", b"c1"), ("ce_type", b"com.shop.like"), ("other", b"x"), ("ce_time", None))
    read = record({"user_id": user, "item_id": "i"}, partition=1, offset=40, headers=headers)
    [forward] = sort_events([read], 1, USERS, RULES).forwards
    assert list(forward.headers) == [("ce_id", b"c1"), ("ce_type", b"com.shop.like")]
    assert Internal.unpack(forward.value).body == read.value
    hop = record(forward.value, topic="user-input", partition=3, headers=tuple(forward.headers))
    [arrival] = sort_user_input([hop], RULES, NAMES).arrivals
    assert arrival.event is not None
    assert (arrival.event.type, arrival.event.event_id) == ("like", "c1")
    [dead] = sort_user_input([hop], Rules(types=frozenset({"view"})), NAMES).dead
    assert ("ce_type", b"com.shop.like") in dead.record(limit=1000)[2]
    assert ("ce_type", b"com.shop.like") not in dead.record(limit=10)[2]


def test_headers_of_a_cloud_event_count_for_its_size() -> None:
    """What would not fit into user-input is set aside."""
    headers = (("ce_id", b"c1"), ("ce_source", b"x" * 500), ("ce_type", b"y" * 1_048_580))
    [dead] = sort_events([record(event("u"), headers=headers)], 0, USERS, RULES).dead
    assert dead.reason == "size"
