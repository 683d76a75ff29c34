"""The user hop's fold: what each record does to a row, and that runs may be cut anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nets import random_mixture

from agents.adapt_users import Arrival, UserFold, fold_users
from agents.records import Internal, Place, TopicCode
from agents.rows import UserRow
from models.limits import RING
from models.mixture import Mixture, MixtureSettings
from stream.rules import Rules
from stream.schemas import Event

RULES = Rules()
LEARNER = Mixture(MixtureSettings())
NOW_MS = 1_700_000_000_000


def arrival(
    offset: int, *, user: str = "u", partition: int = 0, wants_list: bool = True, **fields: Any
) -> Arrival:
    """Return an arrival of an event in its right partition; a click on item `i` by default."""
    place = Place(TopicCode.EVENTS, partition, offset, NOW_MS + offset)
    event = Event(
        **({"type": "click", "item_id": "i", "timestamp_ms": NOW_MS} | fields), user_id=user
    )
    return Arrival(user, place, place, offset, event, wants_list=wants_list)


def profile(offset: int, broker_ms: int, body: bytes) -> Arrival:
    """Return an arrival of a profile of user `u`."""
    place = Place(TopicCode.USERS, 0, offset, broker_ms)
    return Arrival("u", place, place, offset, profile=body)


def fold(
    rows: Mapping[str, bytes | None], arrivals: Sequence[Arrival], learner: Mixture = LEARNER
) -> UserFold:
    """Fold with the rows of all users that arrive."""
    mine = {arrival.user_id: rows.get(arrival.user_id) for arrival in arrivals}
    return fold_users(learner, RULES, learner.catalogue(), mine, arrivals)


def packed(outcome: UserFold) -> dict[str, bytes]:
    """Return the rows as they go into the table."""
    return {user: row.pack() for user, row in zip(outcome.users, outcome.rows, strict=True)}


def test_an_event_moves_offset_source_ring_and_set() -> None:
    """The first event of a user gives a row, feedback for its item, and a list."""
    outcome = fold({}, [arrival(5)])
    row = outcome.rows[0]
    assert row.offsets == {0: 5}
    assert row.source == Place(TopicCode.EVENTS, 0, 5, NOW_MS + 5)
    assert outcome.after.count.tolist() == [1]
    assert [item for item, _ in outcome.feedback] == ["i"]
    assert [order.user_id for order in outcome.orders.values()] == ["u"]


def test_a_redelivered_event_changes_nothing_but_is_answered() -> None:
    """Its row is the same, no feedback is sent, and the list is sent again."""
    rows = packed(fold({}, [arrival(5)]))
    again = fold(dict(rows), [arrival(5), arrival(4)])
    assert packed(again) == rows
    assert (again.feedback, again.redelivered, len(again.orders)) == ([], 2, 1)


def test_a_repeated_event_id_teaches_nothing_but_is_answered() -> None:
    """Offset and source advance, so that the list answers the repeated record."""
    outcome = fold({}, [arrival(1, event_id="e"), arrival(2, event_id="e")])
    assert outcome.rows[0].offsets == {0: 2}
    assert outcome.rows[0].source == Place(TopicCode.EVENTS, 0, 2, NOW_MS + 2)
    assert outcome.after.count.tolist() == [1]
    assert len(outcome.feedback) == 1


def test_only_the_last_sixteen_event_ids_are_kept() -> None:
    """An id that is seventeen events old may come again."""
    many = [arrival(n, event_id=f"e{n}") for n in range(17)]
    outcome = fold({}, [*many, arrival(17, event_id="e0"), arrival(18, event_id="e16")])
    assert outcome.after.count.tolist() == [18]


def test_an_impression_moves_the_offset_only() -> None:
    """No ring, set, source, feedback or list comes of what was merely shown."""
    outcome = fold({}, [arrival(3, type="impression", item_id=None, items=("i",), list_id="l")])
    assert outcome.rows[0].offsets == {0: 3}
    assert outcome.rows[0].source is None
    assert (outcome.feedback, outcome.orders) == ([], {})


def test_a_search_is_answered_without_feedback() -> None:
    """It names no item; offset and source advance and a list is sent."""
    outcome = fold({}, [arrival(3, type="search", item_id=None, query="q")])
    assert outcome.rows[0].source == Place(TopicCode.EVENTS, 0, 3, NOW_MS + 3)
    assert (outcome.feedback, len(outcome.orders)) == ([], 1)


def test_quiet_events_are_applied_without_a_list() -> None:
    """A run whose events all carry the quiet header orders no list."""
    outcome = fold({}, [arrival(1, wants_list=False)])
    assert (len(outcome.feedback), outcome.orders) == (1, {})


def test_a_list_names_the_last_event_of_its_user_in_the_run() -> None:
    """One list per user and run."""
    outcome = fold({}, [arrival(1, event_id="a"), arrival(2, event_id="b")])
    (order,) = outcome.orders.values()
    assert order.event is not None
    assert order.event.event_id == "b"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_profiles_the_later_wins_in_any_order(order: tuple[int, int]) -> None:
    """The largest (broker time, partition, offset) stays, also when it comes first."""
    both = [profile(9, NOW_MS, b"old"), profile(3, NOW_MS + 1, b"new")]
    row = fold({}, [both[n] for n in order]).rows[0]
    assert row.profile == b"new"
    assert row.source == Place(TopicCode.USERS, 0, 3, NOW_MS + 1)


def test_a_forwarded_event_counts_by_its_origin() -> None:
    """Forwarded twice it is applied once; its feedback names where adapt-user read it."""
    origin = Place(TopicCode.EVENTS, 2, 8, NOW_MS)
    event = Event("u", "click", NOW_MS, item_id="i")
    twice = [
        Arrival("u", origin, Place(TopicCode.USER_INPUT, 1, read, NOW_MS), 0, event)
        for read in (30, 31)
    ]
    outcome = fold({}, twice)
    assert outcome.rows[0].offsets == {2: 8}
    assert outcome.redelivered == 1
    ((_, feedback),) = outcome.feedback
    assert Internal.unpack(feedback).place == Place(TopicCode.USER_INPUT, 1, 30, NOW_MS)


events = st.lists(
    st.builds(
        lambda user, item, kind, value, old, event_id: {
            "user": user,
            "item_id": item,
            "type": kind,
            "value": value if kind == "rate" else None,
            "timestamp_ms": NOW_MS - old,
            "event_id": event_id,
        },
        st.sampled_from("abc"),
        st.sampled_from("ijkl"),
        st.sampled_from(["click", "rate", "like", "dislike", "purchase"]),
        st.floats(0.5, 5),
        st.integers(0, 10**9),
        st.none() | st.sampled_from("xyz"),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(events, st.data())
def test_a_run_may_be_cut_and_repeated_anywhere(fields: list[dict[str, Any]], data: Any) -> None:
    """One run, many runs, or runs that overlap after a crash: the rows are the same bytes."""
    arrivals = [arrival(offset, **event) for offset, event in enumerate(fields)]
    whole = packed(fold({}, arrivals)) if arrivals else {}
    rows: dict[str, bytes | None] = {}
    at = 0
    while at < len(arrivals):
        start = data.draw(st.integers(0, at), label="read again from")
        at = data.draw(st.integers(at + 1, len(arrivals)), label="up to")
        rows |= packed(fold(rows, arrivals[start:at]))
    assert rows == whole
    for row in whole.values():
        assert UserRow.unpack(row).pack() == row


def acts(numbers: range) -> list[Arrival]:
    """Return arrivals of user `u` on items whose number is the offset."""
    return [
        arrival(n, item_id=f"i{n}", type=("view", "click", "like")[n % 3], timestamp_ms=NOW_MS + n)
        for n in numbers
    ]


ITEMS = [f"i{n}" for n in range(0, 100, 2)]
ONE, TWO = random_mixture(1, ITEMS), random_mixture(2, ITEMS)


def fast(learner: Mixture, row: bytes) -> object:
    """Return the fast weights of a row, as the learner reads them."""
    return learner.unpack_users([UserRow.unpack(row).payload]).facts(0)["fast"]


@pytest.mark.parametrize("before", [LEARNER, ONE], ids=["no net", "another net"])
def test_fast_weights_of_another_version_are_rebuilt_from_the_ring(before: Mixture) -> None:
    """They are as if the ring's events had been all there were; the facts are all events'."""
    rows = packed(fold({}, acts(range(80)), before))
    after = fold(rows, acts(range(80, 83)), TWO)
    wanted = packed(fold({}, acts(range(80 - RING, 83)), TWO))
    assert fast(TWO, packed(after)["u"]) == fast(TWO, wanted["u"])
    always = packed(fold({}, acts(range(83)), TWO))
    came, exact = (
        TWO.unpack_users([UserRow.unpack(row["u"]).payload]).facts(0)
        for row in (packed(after), always)
    )
    assert {**came, "fast": None} == {**exact, "fast": None}
    assert came["version"] == int.from_bytes(TWO.version, "little")


@pytest.mark.parametrize("before", [LEARNER, ONE], ids=["no net", "another net"])
def test_a_row_of_another_version_stays_until_its_user_acts(before: Mixture) -> None:
    """What comes again, and a profile, leave the learner's bytes as they were."""
    rows = packed(fold({}, acts(range(5)), before))
    again = packed(fold(rows, [*acts(range(5)), profile(9, NOW_MS, b"p")], TWO))
    kept, came = UserRow.unpack(rows["u"]), UserRow.unpack(again["u"])
    assert (came.payload, came.profile) == (kept.payload, b"p")


def test_fast_weights_do_not_depend_on_where_a_run_is_cut() -> None:
    """Neither when one half of the events was applied twice."""
    whole = packed(fold({}, acts(range(30)), ONE))
    half = packed(fold({}, acts(range(17)), ONE))
    assert packed(fold(half, acts(range(9, 30)), ONE)) == whole
    assert any(fast(ONE, whole["u"]))  # type: ignore[call-overload]
