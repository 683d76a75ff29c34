"""The item hop's fold: exactly once per source, announcements by stamp, runs cut anywhere."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.adapt_items import fold_items
from agents.adapt_users import Arrival, fold_users
from agents.announcements import pack_announcement
from agents.records import Internal, Kind, Place, TopicCode
from agents.rows import ItemRow
from models.mixture import Mixture, MixtureSettings
from stream.rules import Rules
from stream.schemas import Event, Item

LEARNER = Mixture(MixtureSettings())
NOW_MS = 1_700_000_000_000


def feedback(offset: int, item: str = "i") -> tuple[str, Internal]:
    """Return the feedback that a click of a new user on the item leads to, read at the offset."""
    place = Place(TopicCode.EVENTS, 0, offset, NOW_MS + offset)
    click = Arrival("u", place, place, 0, Event("u", "click", NOW_MS, item_id=item))
    outcome = fold_users(LEARNER, Rules(), LEARNER.catalogue(), {"u": None}, [click])
    ((item_id, value),) = outcome.feedback
    return item_id, Internal.unpack(value)


def announcement(offset: int, title: str | None) -> tuple[str, Internal]:
    """Return an announcement of item `i`, or (no title) its withdrawal."""
    place = Place(TopicCode.ITEMS, 0, offset, NOW_MS + offset)
    if title is None:
        return "i", Internal(Kind.WITHDRAWAL, place, b"")
    return "i", Internal(Kind.ANNOUNCEMENT, place, pack_announcement(Item("i", NOW_MS, title)))


def fold(rows: dict[str, bytes | None], arrivals: list[tuple[str, Internal]]) -> dict[str, bytes]:
    """Fold with the rows of all items that arrive."""
    items = dict.fromkeys(item for item, _ in arrivals)
    return fold_items(LEARNER, {item: rows.get(item) for item in items}, arrivals).rows


def test_feedback_of_an_unknown_item_makes_its_row() -> None:
    """An item need not be announced to be learned and listed."""
    row = ItemRow.unpack(fold({}, [feedback(4)])["i"])
    assert row.sources == {(TopicCode.EVENTS, 0): 4}
    assert row.listed
    assert not row.announced
    assert row.payload is not None


def test_redelivered_feedback_changes_nothing() -> None:
    """What was applied before is known by its source's offset."""
    rows = fold({}, [feedback(4), feedback(6)])
    assert fold(dict(rows), [feedback(4), feedback(6)]) == rows


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_announcements_commute(order: tuple[int, ...]) -> None:
    """Of announcements and withdrawals the one with the latest stamp holds, in any order."""
    three = [announcement(1, "first"), announcement(2, None), announcement(3, "last")]
    row = ItemRow.unpack(fold({}, [three[n] for n in order])["i"])
    assert (row.announced, row.withdrawn, row.created_ms) == (True, False, NOW_MS + 1)
    assert b"last" in row.announcement


def test_a_withdrawn_item_is_not_listed_but_keeps_what_it_learned() -> None:
    """It may come back: only its place in lists is gone."""
    rows = fold({}, [feedback(1), announcement(2, None)])
    row = ItemRow.unpack(rows["i"])
    assert not row.listed
    assert row.payload is not None


@settings(deadline=None)
@given(st.lists(st.sampled_from("ijk"), min_size=1, max_size=15), st.data())
def test_a_run_may_be_cut_and_repeated_anywhere(items: list[str], data: Any) -> None:
    """One run, many runs, or runs that overlap after a crash: the rows are the same bytes."""
    arrivals = [feedback(offset, item) for offset, item in enumerate(items)]
    whole = fold({}, arrivals)
    rows: dict[str, bytes | None] = {}
    at = 0
    while at < len(arrivals):
        start = data.draw(st.integers(0, at), label="read again from")
        at = data.draw(st.integers(at + 1, len(arrivals)), label="up to")
        rows |= fold(rows, arrivals[start:at])
    assert rows == whole
