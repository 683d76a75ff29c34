"""The demonstration's split of its data, and each live user's agenda."""

from collections import Counter

import pytest

from stream.clone import clone
from stream.demo.agenda import Agenda
from stream.demo.data import Film, Rating, read_films, read_ratings
from stream.demo.plan import Plan, Size, choose_withheld, make_plan
from stream.errors import InputFileError


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of the real data."""
    folder = clone("the test") / "deploy" / "demo"
    return make_plan(read_films(folder), read_ratings(folder))


def rating(user: str, item: str, time_ms: int, stars: float = 4.0) -> Rating:
    """A rating of four stars."""
    return Rating(user, item, stars, time_ms)


def test_the_past_is_the_first_seventy_percent_by_time(plan: Plan) -> None:
    """The back-fill is ordered by time and ends where the live part begins."""
    times = [r.time_ms for r in plan.backfill]
    assert times == sorted(times)
    assert len(times) == 70_585
    assert times[-1] <= min(ratings[0].time_ms for ratings in plan.live.values())


def test_live_users_have_no_past_and_say_at_most_a_hundred_things(plan: Plan) -> None:
    """Live users appear only after the back-fill, in the order of their first event."""
    assert not {r.user_id for r in plan.backfill} & set(plan.live)
    assert (len(plan.live), plan.live_events) == (157, 10_782)
    assert max(map(len, plan.live.values())) == 100
    starts = [ratings[0].time_ms for ratings in plan.live.values()]
    assert starts == sorted(starts)
    for user_id, ratings in plan.live.items():
        assert {r.user_id for r in ratings} == {user_id}
        assert [r.time_ms for r in ratings] == sorted(r.time_ms for r in ratings)


def test_the_withheld_film_is_new_and_often_rated(plan: Plan) -> None:
    """It has no past, at least 20 live ratings, more than any other such film, no announcement."""
    assert plan.withheld is not None
    known = {r.item_id for r in plan.backfill}
    rated = Counter(r.item_id for ratings in plan.live.values() for r in ratings)
    fresh = {item: n for item, n in rated.items() if item not in known}
    assert fresh[plan.withheld.item_id] == max(fresh.values()) >= 20
    assert plan.withheld.item_id not in {film.item_id for film in plan.announced}
    assert len(plan.announced) == 9741


def test_ties_of_the_withheld_film_go_to_the_smallest_id() -> None:
    """Of two films rated equally often the one with the smaller number is withheld."""
    live = {"u": [rating("u", "10", 1), rating("u", "9", 2), rating("u", "1", 3)]}
    assert choose_withheld([rating("v", "1", 0)], live, 1) == "9"


def test_nothing_is_withheld_when_no_film_is_rated_often_enough() -> None:
    """A cut of the data without such a film announces everything at the start."""
    films = [Film(str(n), "", ()) for n in range(5)]
    ratings = [rating(str(n), str(n), n) for n in range(5)]
    made = make_plan(films, ratings, Size(withheld_ratings=2))
    assert made.withheld is None
    assert list(made.announced) == films


def test_equal_times_keep_the_order_of_the_file() -> None:
    """The sort is stable, so that a user's ratings of one second stay as they were."""
    ratings = [rating("old", "0", 0)] * 7 + [rating("new", str(n), 1) for n in (3, 1, 2)]
    assert [r.item_id for r in make_plan([], ratings).live["new"]] == ["3", "1", "2"]


def test_a_smaller_size_keeps_the_newest_past_and_the_first_users(plan: Plan) -> None:
    """Cut for a test, the plan holds the end of the back-fill and the first live users."""
    folder = clone("the test") / "deploy" / "demo"
    small = make_plan(read_films(folder), read_ratings(folder), Size(backfill=50, users=3))
    assert list(small.backfill) == list(plan.backfill[-50:])
    assert list(small.live) == list(plan.live)[:3]


def test_missing_data_is_one_sentence(tmp_path) -> None:
    """A folder without the data is named."""
    with pytest.raises(InputFileError, match=str(tmp_path)):
        read_films(tmp_path)


def test_what_is_held_back_comes_next_after_its_release() -> None:
    """A rating of the withheld film waits, then goes before the user's other ratings."""
    agenda = Agenda([rating("u", item, n) for n, item in enumerate(["1", "x", "2", "3"])], "x")
    said = [agenda.next()]
    assert agenda.held_back == 1
    agenda.release()
    said += [agenda.next() for _ in range(4)]
    assert [r and r.item_id for r in said] == ["1", "x", "2", "3", None]
    assert agenda.held_back == 0


def test_a_user_who_is_through_speaks_again_after_the_release() -> None:
    """With nothing else left, the held-back rating is still said."""
    agenda = Agenda([rating("u", "x", 0)], "x")
    assert agenda.next() is None
    agenda.release()
    assert agenda.next() == rating("u", "x", 0)
