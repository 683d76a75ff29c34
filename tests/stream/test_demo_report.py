"""The demonstration's figures from small, made-up topics."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from stream.demo.popularity import Popularity
from stream.demo.report import (
    EventSeen,
    FilmSeen,
    ListsByUser,
    ListSeen,
    Observed,
    measure,
    ratio_interval,
    targets,
)

SECONDS = {"backfill": 1.0, "live": 2.0}


def event(user: str, item: str, offset: int, ms: int, stars: float = 5.0) -> EventSeen:
    """An event in partition 0."""
    return EventSeen(user, item, stars, 0, offset, ms)


def shown(user: str, items: str, offset: int, ms: int) -> ListSeen:
    """A list whose items are single letters, from partition 0."""
    return ListSeen(user, tuple(items), 0, offset, ms)


def default(items: str, ms: int) -> ListSeen:
    """A list for users of whom nothing is known."""
    return ListSeen("*", tuple(items), -1, -1, ms)


def test_the_list_before_an_event_is_the_last_one_from_an_earlier_source() -> None:
    """Neither the list that the event itself caused nor an older one counts."""
    lists = ListsByUser.of(
        [shown("u", "a", 1, 11), shown("u", "b", 2, 21), shown("u", "c", 3, 31), default("d", 0)]
    )
    assert lists.before(event("u", "x", 3, 30)) == ("b",)


def test_before_the_first_event_the_user_had_the_default_list() -> None:
    """The latest `*` that the broker had taken by then; nothing when there was none."""
    lists = ListsByUser.of([default("a", 10), default("b", 20), shown("u", "c", 7, 22)])
    assert lists.before(event("u", "x", 7, 20)) == ("b",)
    assert lists.before(event("u", "x", 7, 19)) == ("a",)
    assert lists.before(event("u", "x", 7, 9)) == ()


def test_a_later_list_of_the_same_partition_answers() -> None:
    """The first list at or past the event answers it; another partition's does not."""
    other = ListSeen("u", ("z",), 1, 99, 5)
    lists = ListsByUser.of([other, shown("u", "a", 1, 11), shown("u", "b", 4, 41)])
    answer = lists.answering(event("u", "x", 2, 20))
    assert answer is not None
    assert answer.items == ("b",)
    assert lists.answering(event("u", "x", 5, 50)) is None


def test_lag_and_counts_are_those_of_the_live_users() -> None:
    """Back-filled events count as answered or not, and in no other figure."""
    observed = Observed(
        events=[event("old", "a", 0, 0), event("new", "a", 1, 100), event("new", "b", 2, 200)],
        lists=[shown("old", "x", 0, 90), shown("new", "b", 1, 104), shown("new", "c", 2, 216)],
        dead_letters=3,
    )
    got = measure(observed, {"new"}, SECONDS, {})
    assert (got["events"], got["lists"], got["backfilled_events"]) == (2, 2, 1)
    assert (got["unanswered_events"], got["dead_letters"]) == (0, 3)
    assert got["lag_ms"] == {"p50": 10.0, "p95": 15.4, "p99": 15.9}
    assert got["seconds"] == SECONDS


def test_unanswered_events_of_either_part_are_counted() -> None:
    """An event past its user's last list is unanswered."""
    observed = Observed([event("old", "a", 0, 0), event("new", "a", 1, 9)], [], 0)
    got = measure(observed, {"new"}, SECONDS, {})
    assert got["unanswered_events"] == 2
    assert got["lag_ms"] == {"p50": None, "p95": None, "p99": None}


def test_only_liked_items_are_targets_and_ranks_give_hits_and_gains() -> None:
    """A three-star rating is no target, but the user has had the item and one event more."""
    observed = Observed(
        events=[event("u", "a", 0, 10, 3.5), event("u", "b", 1, 20), event("u", "c", 2, 30, 4.0)],
        lists=[shown("u", "xxb", 0, 11), shown("u", "xyz", 1, 21), default("a", 0)],
        dead_letters=0,
    )
    got = measure(observed, {"u"}, SECONDS, {})
    assert got["targets"] == 2
    assert got["hit_rate@10"]["headwater"] == 0.5
    assert got["ndcg@10"]["headwater"] == pytest.approx(1 / math.log2(4) / 2)
    assert got["by_history"]["0"]["events"] == 0
    assert got["by_history"]["0"]["hit_rate@10"] == {"headwater": None, "popularity": None}
    assert got["by_history"]["1-4"]["events"] == 2


def test_what_was_evaluated_offline_stands_beside_the_live_lists() -> None:
    """Ranks come by event; only those of targets count."""
    events = [event("old", "a", 0, 0), event("u", "a", 1, 10), event("u", "b", 2, 20)]
    got = measure(Observed(events, [], 0), {"u"}, SECONDS, {"offline": [0, 2, None]})
    assert got["hit_rate@10"]["offline"] == 0.5
    assert got["ndcg@10"]["offline"] == 0.25
    assert got["by_history"]["0"]["hit_rate@10"]["offline"] == 1.0


def test_places_below_the_tenth_are_misses() -> None:
    """A longer list is judged by its first ten."""
    lists = [default("abcdefghijk", 0)]
    observed = Observed([event("u", "k", 0, 1), event("v", "j", 1, 1)], lists, 0)
    assert measure(observed, {"u", "v"}, SECONDS, {})["hit_rate@10"]["headwater"] == 0.5


def test_histories_fall_into_their_buckets() -> None:
    """0, 1-4, 5-9, 10 and more events before the target."""
    events = [event("u", str(n), n, n) for n in range(14)]
    got = measure(Observed(events, [], 0), {"u"}, SECONDS, {})["by_history"]
    assert {name: part["events"] for name, part in got.items()} == {
        "0": 1,
        "1-4": 4,
        "5-9": 5,
        "10+": 4,
    }


def test_popularity_knows_only_what_came_before() -> None:
    """Likes of all users count up to the event, never the event's own."""
    events = [event("old", "1", 0, 0), event("new", "1", 1, 1), event("new", "2", 2, 2)]
    first, second = targets(events, ListsByUser.of([]), {"new"})
    assert (first.ranks[1], second.ranks[1]) == (0, None)


def test_popularity_agrees_with_plain_counting() -> None:
    """Over random likes: most liked first, ties by the smaller number, without what was had."""
    chance = random.Random(1)
    ids = [str(n) for n in range(30)]
    popularity, plain = Popularity(ids), Counter[str]()
    for _ in range(300):
        had = chance.sample(ids, 5)
        liked = [item for item in plain if item not in had]
        liked.sort(key=lambda item: (-plain[item], int(item)))
        assert popularity.top(10, had) == liked[:10]
        item = ids[int(chance.random() ** 3 * 30)]
        popularity.count(item)
        plain[item] += 1


def test_the_interval_holds_the_ratio_and_is_the_same_each_time() -> None:
    """Whole users are drawn; the seed is fixed."""
    users = [str(n % 40) for n in range(400)]
    pairs = (np.random.default_rng(0).random((400, 2)) < (0.4, 0.2)).astype(float)
    low, high = ratio_interval(users, pairs)
    assert low is not None
    assert high is not None
    assert 1 < low < pairs[:, 0].sum() / pairs[:, 1].sum() < high < 4
    assert ratio_interval(users, pairs) == [low, high]


def test_the_interval_has_no_end_where_popularity_never_hits() -> None:
    """A ratio without a denominator is null, not infinite."""
    assert ratio_interval(["u"], np.array([[1.0, 0.0]])) == [None, None]
    assert ratio_interval([], np.empty((0, 2))) == [None, None]


def test_the_new_film_is_followed_from_its_announcement() -> None:
    """Time to the catalogue, time to the first list, and the ratings that it took."""
    observed = Observed(
        events=[event("u", "n", 0, 1100), event("v", "n", 1, 1200), event("v", "n", 2, 1400)],
        lists=[shown("u", "an", 0, 1300), shown("v", "nb", 1, 1350)],
        dead_letters=0,
        film=FilmSeen("n", 1000, 1150),
    )
    assert measure(observed, {"u", "v"}, SECONDS, {})["new_item"] == {
        "item_id": "n",
        "announced_to_catalogue_ms": 150,
        "events_to_first_list": 2,
        "announced_to_first_list_ms": 300,
    }


def test_a_film_that_no_list_ever_held_has_nulls() -> None:
    """What did not happen is null."""
    film = FilmSeen("n", 1000, None)
    got = measure(Observed([event("u", "n", 0, 1)], [], 0, film), {"u"}, SECONDS, {})["new_item"]
    assert got == {
        "item_id": "n",
        "announced_to_catalogue_ms": None,
        "events_to_first_list": None,
        "announced_to_first_list_ms": None,
    }


def test_without_a_withheld_film_everything_of_it_is_null() -> None:
    """A cut of the data without such a film still has the key."""
    got = measure(Observed([], [], 0), set(), SECONDS, {})["new_item"]
    assert set(got.values()) == {None}
