"""Lists and events in, hits out: what the live hit ratio is made of."""

import numpy as np
import pytest

from agents import prequential
from agents.adapt_users import Arrival, fold_users
from agents.hit_ratio import HitRatio
from agents.prequential import HALF_LIFE, Judge, Popular, Ratio, Trial, bucket, trials_of
from agents.records import Internal, Place, TopicCode
from models.catalogue import Catalogue
from models.feedback import Feedback
from models.hashing import item_hash, item_hashes
from models.item_states import ItemStates
from models.mixture import Mixture, MixtureSettings
from stream.metrics import Metrics
from stream.rules import Rules
from stream.schemas import Event
from stream.settings import Settings

NOBODY = np.empty(0, dtype=np.uint32)


def prints(*items: str) -> np.ndarray:
    """Return a user's set of items had, as rows know them."""
    return np.array([item_hash(item) >> 32 for item in items], dtype=np.uint32)


def trial(user: str, item: str, history: int, *had: str) -> Trial:
    """Return a positive event."""
    return Trial(user, item, history, prints(*had))


def popular(*items: str) -> Popular:
    """Return these items as the most liked, best first."""
    return Popular.ranked(items, item_hashes(items))


def judge(length: int = 2, *, repeats: bool = False) -> Judge:
    """Return a judge with a default list and three popular items."""
    return Judge(length, repeats, default=["d"], popular=popular("a", "b", "c"))


def event(user: str, item: str, offset: int, kind: str = "like", **fields: bool) -> Arrival:
    """Return an event of the user as it arrives."""
    place = Place(TopicCode.EVENTS, 0, offset, 1_700_000_000_000 + offset)
    happened = Event(user, kind, place.broker_ms, item_id=item)
    return Arrival(user, place, place, offset, happened, **fields)


def liked(catalogue: Catalogue, **likes: int) -> None:
    """Give each item so many likes."""
    learner = Mixture()
    rows = []
    for item, number in likes.items():
        arrivals = [event(f"u{n}", item, n) for n in range(number)]
        fold = fold_users(
            learner,
            Rules.of(Settings()),
            catalogue,
            {f"u{n}": None for n in range(number)},
            arrivals,
        )
        bodies = [Internal.unpack(value).body for _, value in fold.feedback]
        index = np.zeros(len(bodies), dtype=np.int32)
        states = learner.adapt_items(ItemStates.unpack([None]), index, Feedback.unpack(bodies))
        rows.append(states.pack()[0])
    catalogue.update(list(likes), [True] * len(likes), [0] * len(likes), rows)


def test_a_list_is_judged_by_the_events_that_follow_it() -> None:
    """The user's newest list counts, not an older one, and not the one that the event leads to."""
    judged = judge()
    judged.remember([("u", ["x", "y"]), ("u", ["y", "z"])])
    (hit,) = judged.judge([trial("u", "z", 3, "had")])
    (miss,) = judged.judge([trial("u", "x", 3, "had")])
    assert (hit.history, hit.headwater, miss.headwater) == ("1-4", True, False)


def test_a_user_without_events_has_the_default_list() -> None:
    """Unless a profile has brought a list; others whose list is not known are not judged."""
    judged = judge()
    assert judged.judge([trial("new", "d", 0)])[0].headwater
    judged.remember([("known", ["p"])])
    assert not judged.judge([trial("known", "d", 0)])[0].headwater
    assert judged.judge([trial("after a restart", "d", 7)]) == []


def test_nothing_is_judged_before_there_is_a_default_list() -> None:
    """A worker that has just started knows of no list at all."""
    assert Judge(2).judge([trial("new", "d", 0)]) == []


@pytest.mark.parametrize(
    ("item", "had", "listed"),
    [
        ("b", (), True),  # second of two
        ("c", (), False),  # third of two
        ("c", ("a",), True),  # second of what is new to the user
        ("a", ("a",), False),  # what the user has had is in no list
        ("unknown", (), False),
    ],
)
def test_popularity_leaves_out_what_the_user_has_had(
    item: str, had: tuple[str, ...], listed: bool
) -> None:
    """As the lists do, and with the same length."""
    judged = judge()
    judged.remember([("u", ["x"])])
    assert judged.judge([trial("u", item, 12, *had)])[0].popularity == listed


def test_where_lists_may_repeat_so_may_popularity() -> None:
    """HEADWATER_REPEATS=allow."""
    judged = judge(repeats=True)
    judged.remember([("u", ["a"])])
    assert judged.judge([trial("u", "a", 1, "a")])[0][1:] == (True, True)


def test_memory_is_bounded_and_can_be_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists of the users who were listed longest ago go first."""
    monkeypatch.setattr(prequential, "USERS_KEPT", 2)
    judged = judge()
    judged.remember([("a", ["x"]), ("b", ["x"]), ("a", ["x"]), ("c", ["x"])])
    known = [bool(judged.judge([trial(user, "x", 5)])) for user in "abc"]
    assert known == [True, False, True]
    judged.forget()
    assert judged.judge([trial("a", "x", 5)]) == []


def test_a_run_s_trials_are_its_positive_events_with_a_list() -> None:
    """Not views of nothing, dislikes, repetitions or back-filling; history grows within a run."""
    learner = Mixture()
    arrivals = [
        event("u", "a", 0),
        event("u", "b", 1, "dislike"),
        event("u", "c", 2, wants_list=False),
        event("u", "d", 2),  # the same offset again: applied before
        event("v", "a", 3),
        event("u", "e", 4),
    ]
    rules = Rules.of(Settings())
    rows: dict[str, bytes | None] = {"u": None, "v": None}
    fold = fold_users(learner, rules, learner.catalogue(), rows, arrivals)
    assert [(t.user_id, t.item_id, t.history) for t in trials_of(fold)] == [
        ("u", "a", 0),
        ("v", "a", 0),
        ("u", "e", 3),
    ]


def test_the_most_liked_items_are_those_that_lists_may_hold() -> None:
    """By likes; without likes, or withdrawn, an item is not popular."""
    catalogue = Mixture().catalogue()
    liked(catalogue, few=1, many=3, gone=5)
    catalogue.update(["gone", "silent"], [False, True], [0, 0], [None, None])
    assert dict(Popular.of(catalogue).rank) == {"many": 0, "few": 1}


def test_buckets_are_named_by_the_events_before() -> None:
    """The last one is open."""
    assert [bucket(n) for n in (0, 1, 4, 5, 9, 10, 10_000)] == [
        "0", "1-4", "1-4", "5-9", "5-9", "10+", "10+",
    ]  # fmt: skip


def test_a_ratio_forgets() -> None:
    """After a half-life of misses, hits of before count half."""
    ratio = Ratio()
    for _ in range(20 * HALF_LIFE):
        ratio.add(1, 1)
    assert ratio.value == pytest.approx(1)
    for _ in range(HALF_LIFE):
        ratio.add(0, 1)
    assert ratio.value == pytest.approx(0.5, abs=1e-6)


def test_the_meter_shows_ratios_hits_and_the_sample() -> None:
    """The gate of before a run makes the default list that later runs are judged by."""
    learner, metrics, now = Mixture(MixtureSettings()), Metrics(), [0.0]
    catalogue = learner.catalogue()
    liked(catalogue, a=3, b=2)
    meter = HitRatio(learner, catalogue, 1, metrics, lambda: now[0])
    meter.measure([trial("early", "a", 0)], [], learner.initial_gate())
    meter.measure([trial("new", "a", 0), trial("newer", "b", 0)], [], learner.initial_gate())
    page = metrics.page().decode()
    assert 'headwater_prequential_events_total{history="0"} 2.0' in page
    for name in ("headwater", "popularity"):
        assert f'headwater_prequential_hits_total{{history="0",learner="{name}"}} 1.0' in page
        ratio = metrics.hit_ratio.labels(name, "0")._value.get()
        assert ratio == pytest.approx(0.5, abs=0.001)
    meter.forget()
    meter.measure([trial("old", "a", 9)], [], None)
    assert 'history="5-9"' not in metrics.page().decode()
