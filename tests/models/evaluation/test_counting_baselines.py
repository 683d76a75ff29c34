"""Popularity, recency, neighbours and transitions against plain counts, event by event."""

import math
from collections import defaultdict, deque

import numpy as np
import pytest
from support.histories import history, random_history

from models.by_user import ByUser
from models.dataset import Dataset
from models.evaluation.baselines.measures import Decayed, LastCounted
from models.evaluation.baselines.neighbours import Neighbours
from models.evaluation.baselines.pairs import Pairs
from models.evaluation.baselines.popularity import Popularity, Recency
from models.evaluation.baselines.transitions import Transitions
from models.evaluation.baselines.tuned import Tuned
from models.evaluation.baselines.validation import choose, hits
from models.evaluation.contest import Context, Placing
from models.evaluation.windows import windows

ALL = (Popularity, Recency, Neighbours, Transitions)


def tails(data: Dataset, end: int) -> np.ndarray:
    """Recent popularity at half-life 1,000 events, as it orders a list's tail."""
    sums = np.zeros(len(data.items))
    for event in range(end):
        weight = 1.0 if data.positive[event] else 0.3
        sums[data.item[event]] += weight * 2.0 ** -((end - 1 - event) / 1000)
    return 1e-6 * sums


def pasts(data: Dataset, event: int, depth: int) -> list[int]:
    """The events of the event's user before it, newest first."""
    mine = [e for e in range(event) if data.user[e] == data.user[event]]
    return mine[::-1][:depth]


def plain_neighbours(data: Dataset, event: int, which: str, decay: float) -> np.ndarray:
    """The equation of models.evaluation.baselines.neighbours, literally."""
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    events, counted = np.zeros(len(data.items)), np.zeros(len(data.items))
    for e in range(event):
        j = data.item[e]
        events[j] += 1
        counted[j] += which == "all" or data.positive[e]
        for p in pasts(data, e, 50):
            x = data.item[p]
            if x != j:
                pairs[x, j] += which == "all" or data.positive[e]
                pairs[j, x] += which == "all" or data.positive[p]
    scores = np.zeros(len(data.items))
    for age, p in enumerate(pasts(data, event, 50)):
        x = data.item[p]
        weight = decay**age * (1.0 if which == "all" or data.positive[p] else 0.3)
        for j in range(len(scores)):
            scores[j] += weight * pairs[x, j] / math.sqrt((events[x] + 1) * (counted[j] + 5))
    return scores + tails(data, event)


def plain_transitions(data: Dataset, event: int, which: str) -> np.ndarray:
    """The equation of models.evaluation.baselines.transitions, literally."""
    steps = np.zeros((len(data.items), len(data.items)))
    for e in range(event):
        if which == "all" or data.positive[e]:
            for age, p in enumerate(pasts(data, e, 10)):
                steps[data.item[p], data.item[e]] += 1 / (age + 1)
    scores = np.zeros(len(data.items))
    for age, p in enumerate(pasts(data, event, 10)):
        row = steps[data.item[p]]
        scores += row / (age + 1) / (row.sum() + 5)
    return scores + tails(data, event)


def fitted(kind: type[Tuned], data: Dataset, end: int) -> Tuned:
    """A contestant that has learned events [0, end)."""
    contestant = kind(Context())
    contestant.fit(data, end)
    return contestant


@pytest.mark.parametrize("decay", [0.5, 0.8])
@pytest.mark.parametrize("which", ["all", "liked"])
def test_neighbours_are_those_of_the_equation(which: str, decay: float) -> None:
    """Folded in chunks and in windows, with repeated items in the rings."""
    data = random_history(300, 6, 25)
    contestant = Neighbours(Context())
    contestant.data = data
    contestant.empty()
    contestant.fold(np.arange(120))
    for window in windows(data.user, 120, 299):
        contestant.fold(window)
    given = contestant.variant_scores(f"{which}, decay {decay}", np.array([299]))[0]
    np.testing.assert_allclose(given, plain_neighbours(data, 299, which, decay), rtol=1e-4)


@pytest.mark.parametrize("which", ["all", "liked"])
def test_transitions_are_those_of_the_equation(which: str) -> None:
    """Folded in chunks and in windows."""
    data = random_history(300, 6, 25)
    contestant = Transitions(Context())
    contestant.data = data
    contestant.empty()
    contestant.fold(np.arange(120))
    for window in windows(data.user, 120, 299):
        contestant.fold(window)
    given = contestant.variant_scores(which, np.array([299]))[0]
    np.testing.assert_allclose(given, plain_transitions(data, 299, which), rtol=1e-4)


def test_pairs_are_a_matrix_of_sums_however_they_grow() -> None:
    """Against a dense one, with rows that outgrow their blocks many times."""
    draw = np.random.default_rng(0)
    dense, pairs = np.zeros((90, 90)), Pairs(90)
    for _ in range(40):
        rows, columns = draw.integers(0, 90, (2, 300)).astype(np.int32)
        weights = draw.integers(1, 5, 300).astype(np.float32)
        pairs.add(rows, columns, weights)
        np.add.at(dense, (rows, columns), weights)
    rows = draw.integers(-1, 90, (9, 7)).astype(np.int32)
    weights = draw.random((9, 7)).astype(np.float32)
    want = np.einsum("mk,mki->mi", np.where(rows >= 0, weights, 0), dense[rows])
    np.testing.assert_allclose(pairs.combine(rows, weights), want, rtol=1e-5)


def test_pairs_stay_small_where_few_of_them_come() -> None:
    """10,000 items with a hundred neighbours each take megabytes, not 400 as dense."""
    draw = np.random.default_rng(0)
    pairs = Pairs(10_000)
    rows = np.repeat(np.arange(10_000, dtype=np.int32), 100)
    pairs.add(rows, draw.integers(0, 10_000, len(rows)).astype(np.int32), np.ones(len(rows), "f4"))
    assert pairs.nbytes < 30e6


def test_the_past_of_an_event_is_its_users() -> None:
    """Newest first, and nothing of the future."""
    data = history([0, 1, 0, 0, 1], [5, 6, 7, 8, 9], items=10)
    past = ByUser(data, len(data))
    assert past.before(np.array([3, 4, 0]), 3).tolist() == [[2, 0, -1], [1, -1, -1], [-1, -1, -1]]
    assert past.count(np.array([3, 4, 0])).tolist() == [2, 1, 0]


def test_decayed_sums_survive_any_age() -> None:
    """An hour's half-life still orders what happened a hundred years ago."""
    day = 86_400_000
    times = [0, 1_000, 2_000, 36_500 * day]
    data = history([0] * 4, [0, 1, 1, 2], time=times, items=4)
    measure = Decayed(4, 3_600_000.0, 0.3, per_event=False)
    measure.add(data, np.arange(4))
    score = measure.score()
    assert np.isfinite(score).all()
    assert score.argsort()[::-1].tolist() == [2, 1, 0, 3]
    recent = Decayed(4, 2.0, 0.3, per_event=True)
    recent.add(data, np.arange(2))
    recent.add(data, np.arange(2, 4))
    weights = np.where(data.positive, 1.0, 0.3) * 2.0 ** (-np.array([3, 2, 1, 0]) / 2)
    np.testing.assert_allclose(recent.sums(), np.bincount(data.item, weights, 4), rtol=1e-6)


def test_the_last_counted_are_the_last() -> None:
    """Events fall out in their order, also more than there is room for at once."""
    data = random_history(200, 5, 12)
    measure, last = LastCounted(12, 30, 0.3), deque[int](maxlen=30)
    for first, stop in ((0, 70), (70, 75), (75, 140), (140, 200)):
        measure.add(data, np.arange(first, stop))
        last.extend(range(first, stop))
        weights = [1.0 if data.positive[event] else 0.3 for event in last]
        want = np.bincount(data.item[list(last)], weights, 12)
        np.testing.assert_allclose(measure.score(), want, atol=1e-6)


def test_hits_with_ties_are_what_chance_gives() -> None:
    """A target that ties with 19 others for 10 places is listed half the time."""
    placing = Placing(np.array([0, 9, 10, -1, 5]), np.array([19, 0, 0, 0, 9]))
    assert hits(placing).tolist() == [0.5, 1.0, 0.0, 0.0, 0.5]


def test_the_first_variant_is_taken_unless_another_is_clearly_ahead() -> None:
    """Ahead at one lucky user is not clear; ahead at most users is."""
    assert choose(np.array([[5.0, 5, 5], [5, 5, 9]])) == 0
    assert choose(np.array([[5.0, 5, 5], [7, 6, 7]])) == 1
    assert choose(np.zeros((3, 4))) == 0


def test_popularity_notices_that_the_world_has_moved() -> None:
    """Where the second half likes other items, a decayed or recent sum is chosen and hits."""
    draw = np.random.default_rng(0)
    n = 4_000
    items = draw.integers(0, 30, n) + 60 * (np.arange(n) // 1_000)
    data = history(
        range(n), items.tolist(), time=list(range(0, n * 3_600_000, 3_600_000)), items=240
    )
    contestant = fitted(Popularity, data, 3_600)
    assert "all time" not in contestant.chosen
    assert contestant.scores(np.array([3_600]), np.array([True]))[0].argmax() >= 180


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("end", [0, 1, 9, 200])
def test_any_training_part_is_enough_to_score(kind: type[Tuned], end: int) -> None:
    """No events, one event, too few to choose by; users and items that come later; windows."""
    data = random_history(240, 12, 40)
    contestant = fitted(kind, data, end)
    for window in windows(data.user, end, 240):
        targets = data.positive[window]
        scores = contestant.scores(window, targets)
        assert scores.shape == (targets.sum(), 40)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        assert (contestant.rank(window, targets).ties >= 0).all()
        contestant.learn(window)
    contestant.refit(data, 220)
    assert contestant.state_bytes() > 0


@pytest.mark.parametrize("kind", ALL)
def test_what_is_learned_in_windows_is_what_is_learned_at_once(kind: type[Tuned]) -> None:
    """The fold does not depend on how events are grouped."""
    data = random_history(400, 20, 30)
    one, other = fitted(kind, data, 300), fitted(kind, data, 300)
    for window in windows(data.user, 300, 399):
        one.learn(window)
    for event in range(300, 399):
        other.learn(np.array([event]))
    last = np.array([399])
    target = np.array([True])
    np.testing.assert_allclose(one.scores(last, target), other.scores(last, target), rtol=1e-5)
