"""The protocol user-cold: who is held out, what is adapted to, and what the figures mean."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from support.histories import random_history

from models.errors import DataError
from models.evaluation.excerpts import of_events
from models.evaluation.failures import Failures
from models.evaluation.user_cold.metrics import Told, columns, figures, intervals, mae_apart
from models.evaluation.user_cold.plan import (
    SUPPORTS,
    barred,
    folds,
    held_out,
    split,
    split_by_queries,
)
from models.evaluation.user_cold.report import document, table
from models.evaluation.user_cold.run import run
from models.evaluation.words import counted
from models.meta.item_mean import ItemMean

BASELINES = ("item-mean", "item-mean-offset")


@pytest.fixture(scope="module")
def data():
    """1,500 events of 40 users on 60 items."""
    return random_history(1500, 40, 60)


def silent(_what, _done, _of):
    """Tell nobody."""


def predicted(plan):
    """What each baseline is worth, whatever time it took."""
    found = document([plan], list(run([plan], BASELINES, 0, silent)), {}, 0)["learners"]
    return {name: learner["by_support"] for name, learner in found.items()}


def test_the_seed_decides_who_is_held_out(data):
    """The share asked for, alike for one seed, others for another; nobody trains and is told."""
    plan, same, other = (split(data, 0.25, seed) for seed in (0, 0, 1))
    assert len(plan.users) == 10
    assert np.array_equal(plan.users, same.users)
    assert np.array_equal(plan.query.item, same.query.item)
    assert not np.array_equal(plan.users, other.users)
    assert len(plan.train) == 30
    trained = np.setdiff1d(np.arange(40), plan.users)
    assert len(plan.train.item) == np.isin(data.user, trained).sum()


def test_folds_hold_each_user_out_once(data):
    """Figures are of all users, weighing the same."""
    plans = folds(data, 5, 0)
    told = np.concatenate([plan.users for plan in plans])
    assert sorted(told) == np.flatnonzero(np.bincount(data.user) > 20).tolist()
    for plan in plans:
        assert len(plan.train) == 32
    outcomes, alone = (
        list(run(plans, BASELINES, 0, silent)),
        [list(run([plan], BASELINES, 0, silent)) for plan in plans],
    )
    for place, outcome in enumerate(outcomes):
        for step, of in outcome.by_support.items():
            own = [each[place].by_support[step]["mae"] for each in alone]
            np.testing.assert_array_equal(of["mae"], np.concatenate(own))
    found = document(plans, outcomes, {}, 0)
    assert found["settings"]["held_out_users"] == len(told)
    assert found["settings"]["training_users"] == 32
    wanted = np.mean(outcomes[0].by_support["20"]["mae"])
    assert found["learners"]["item-mean"]["mae"] == pytest.approx(wanted)


def test_parts_that_nobody_fills_are_told(data):
    """By their number."""
    with pytest.raises(DataError, match="40 users cannot be held out in 41 parts"):
        folds(data, 41, 0)
    few = replace(data, user=np.zeros_like(data.user))
    with pytest.raises(DataError, match=r"Part \d of 5: No held-out user has an event to tell"):
        folds(few, 5, 0)


def test_notes_say_of_which_part_they_are(data):
    """What holds for the whole history is said once."""
    noted = replace(data, notes=("Rows were left out.",))
    kept = np.flatnonzero((data.user > 0) | (np.arange(len(data)) < 40))
    short = of_events(noted, kept)
    plans = folds(short, 2, 0)
    notes = document(plans, list(run(plans, BASELINES, 0, silent)), {}, 0)["settings"]["notes"]
    assert notes[0] == "Rows were left out."
    assert len(notes) == 2
    assert re.match(r"Part \d of 2: 1 of 20 held-out users has no event", notes[1])


def test_the_first_20_adapt_and_up_to_60_later_are_told(data):
    """In time order, none in both."""
    plan = split(data, 0.25, 0)
    for place, user in enumerate(plan.users):
        events = np.flatnonzero(data.user == user)
        own = slice(plan.support.start[place], plan.support.start[place + 1])
        assert np.array_equal(plan.support.time[own], data.time[events[:20]])
        asked = slice(plan.query.start[place], plan.query.start[place + 1])
        assert sorted(plan.query.time[asked]) == sorted(data.time[events[20:80]])
        assert set(barred(plan, place)) == set(data.item[events[:80]])


def test_users_without_a_later_event_are_left_out_with_a_note(data):
    """They do not train either."""
    short = random_history(300, 30, 20)
    count = np.bincount(short.user, minlength=30)
    assert count.max() <= 20
    with pytest.raises(DataError, match="No held-out user has an event to tell"):
        split(short, 0.5, 0)
    with pytest.raises(DataError, match="nobody is left to train on"):
        split(data, 0.999, 0)


def test_queries_are_exactly_what_is_told(data):
    """All other events of their users adapt, earlier or later; what is of no event is noted."""
    pairs = [(data.users[3], data.items[data.item[e]]) for e in np.flatnonzero(data.user == 3)[:4]]
    pairs += [(data.users[7], data.items[data.item[np.flatnonzero(data.user == 7)[-1]]])]
    plan = split_by_queries(data, [*pairs, ("nobody", "nothing"), pairs[0]], 0)
    assert plan.users.tolist() == [3, 7]
    told = {
        (data.users[plan.users[user]], data.items[item])
        for user, item in zip(plan.query.user, plan.query.item, strict=True)
    }
    assert told == set(pairs)
    assert len(plan.query.item) == len(set(pairs))
    for place, user in enumerate((3, 7)):
        own = plan.support.item[plan.support.start[place] : plan.support.start[place + 1]]
        asked = {item for name, item in pairs if name == data.users[user]}
        wanted = [i for i in data.item[data.user == user] if data.items[i] not in asked]
        assert own.tolist() == wanted
    assert plan.notes[-2:] == (
        "1 query repeats another and is left out.",
        "1 query is of no event and left out: nobody nothing.",
    )
    more = split_by_queries(data, [*pairs, pairs[0], pairs[1]], 0).notes[-1]
    assert more == "2 queries repeat others and are left out."
    assert list(plan.steps) == [*map(str, SUPPORTS), "all"]
    assert len(plan.train) == 38


def test_outlandish_values_do_not_stretch_the_range(data):
    """A user who says 1e30 counts as one who says 5; the note says how many values that are."""
    rated = replace(data, value=np.where(data.positive, 5, np.arange(len(data)) % 4).astype("f4"))
    who = split(rated, 0.25, 0).train.user.max() - 1
    user = np.setdiff1d(np.arange(40), split(rated, 0.25, 0).users)[who]
    wild = rated.value.copy()
    few = np.flatnonzero(data.user == user)[:4]
    wild[few] = [1e30, -1e9, 1000, -np.inf]
    plan = split(replace(rated, value=wild), 0.25, 0)
    assert (plan.world.low, plan.world.high) == (0.0, 5.0)
    assert plan.train.value.min() == 0
    assert plan.train.value.max() == 5
    assert "3 values lie beyond all others, 0 to 5, and count as its ends" in plan.notes[-1]
    often = np.where(np.arange(len(data)) % 40 == 0, np.float32(1e6), rated.value)
    assert split(replace(rated, value=often), 0.25, 0).world.high == 5
    same = split(rated, 0.25, 0)
    assert (same.world.low, same.world.high, same.notes) == (0.0, 5.0, ())


def test_users_of_one_event_are_noted_where_they_are_most(data):
    """They tell items' means and nothing of adapting."""
    first = np.unique(data.user, return_index=True)[1]
    kept = np.sort(np.concatenate([first[data.user[first] < 30], np.flatnonzero(data.user >= 30)]))
    short = of_events(data, kept)
    pairs = [(data.users[39], data.items[data.item[data.user == 39][0]])]
    said = "30 of 39 users to train on have one event only: these tell nothing of how to adapt."
    assert split_by_queries(short, pairs, 0).notes[-1] == said
    assert not any("one event" in note for note in split_by_queries(data, pairs, 0).notes)


def test_outlandish_values_to_tell_do_not_drown_all_errors(data):
    """They count as the range's ends, with a note; what is a little beyond counts as it is."""
    rated = replace(data, value=np.where(data.positive, 5, np.arange(len(data)) % 4).astype("f4"))
    plan = split(rated, 0.25, 0)
    events = np.flatnonzero(data.user == plan.users[0])[20:]
    wild = rated.value.copy()
    wild[events[:3]] = [1e9, -1e30, 6]
    told = split(replace(rated, value=wild), 0.25, 0)
    assert (
        told.notes[-1] == "Of those to tell 2 values lie far beyond 0 to 5, and count as its ends."
    )
    changed = np.flatnonzero(told.query.value != plan.query.value)
    assert set(told.query.value[changed]) <= {5.0, 0.0, 6.0}
    assert told.query.value.max() == 6
    assert predicted(told)["item-mean"]["0"]["mae"] < 3


def test_values_that_are_all_alike_are_noted(data):
    """Views alone, say: an error of 0 is no feat."""
    said = "All values are 1: errors, accuracy and NDCG say nothing of learners; HR@10 and"
    views = replace(data, positive=np.ones(len(data), dtype=bool))
    plan = split(views, 0.25, 0)
    assert plan.notes[-1].startswith(said)
    found = document([plan], list(run([plan], BASELINES, 0, silent)), {}, 0)
    assert {learner["mae"] for learner in found["learners"].values()} == {0.0}
    none = replace(data, positive=np.zeros(len(data), dtype=bool))
    assert (
        split(none, 0.25, 0)
        .notes[-1]
        .endswith("say nothing of learners, nor lists, since none was liked.")
    )
    pairs = [(data.users[3], data.items[data.item[data.user == 3][0]])]
    assert split_by_queries(views, pairs, 0).notes[-1].startswith(said)
    assert not any("All values" in note for note in split(data, 0.25, 0).notes)


def test_one_of_a_kind_is_told_in_the_singular(data):
    """In notes, and in the table's title."""
    kept = np.flatnonzero((data.user > 0) | (np.arange(len(data)) < 40))
    short = of_events(data, kept)
    seed = next(s for s in range(99) if 0 in held_out(short, 0.05, s))
    plan = split(short, 0.05, seed)
    assert plan.notes[-1] == (
        "1 of 2 held-out users has no event after the 20th, and is neither trained on nor told."
    )
    told = document([plan], list(run([plan], BASELINES, 0, silent)), {}, 0)
    assert table(told).title.startswith("1 held-out user with 1")
    assert counted(1, "query", "queries") == "1 query"
    assert counted(1000, "query", "queries") == "1,000 queries"


def test_no_query_reaches_the_adaptation(data):
    """Other values of the events to tell change no prediction, only how good it was."""
    plan = split(data, 0.25, 0)
    turned = replace(plan, query=replace(plan.query, value=6 - plan.query.value))
    one = list(run([plan], BASELINES, 0, silent))
    other = list(run([turned], BASELINES, 0, silent))
    for before, after in zip(one, other, strict=True):
        for step in plan.steps:
            said = (of.by_support[step]["said"] for of in (before, after))
            np.testing.assert_array_equal(*said)


def test_learners_are_compared_user_by_user():
    """What differs little, but for every user, is told apart; what chance may do is not."""
    hard = np.random.default_rng(0).random(200) * 5
    other = {"mae": hard}
    worse = mae_apart({"mae": hard + 0.01}, other, 0)
    assert worse["mae"] == pytest.approx(0.01)
    assert worse["less"] == pytest.approx(0.01)
    noisy = mae_apart({"mae": hard + np.where(np.arange(200) % 2, 0.5, -0.49)}, other, 0)
    assert noisy["less"] < 0 < noisy["mae"] < noisy["more"]
    assert mae_apart(other, other, 0) == {"mae": 0.0, "less": 0.0, "more": 0.0}


def test_ndcg_has_graded_gains():
    """By hand: values 5, 3, 1 in the order 3, 5, 1 are worth (7 + 31 / log2 3) / (31 + 7 / …)."""
    score = np.array([2.0, 3.0, 1.0], dtype=np.float32)
    value = np.array([5.0, 3.0, 1.0], dtype=np.float32)
    told = Told(
        np.zeros(3, int), value, value >= 4, score, score, score, score, score, np.array([11, 0, 1])
    )
    found = {name: float(each[0]) for name, each in figures(columns(told, 1, 4.0)).items()}
    third, second = 1 / 2, 1 / np.log2(3)
    wanted = (7 + 31 * second + 1 * third) / (31 + 7 * second + 1 * third)
    assert found["ndcg@5"] == pytest.approx(wanted)
    assert found["mae"] == pytest.approx(1.0)
    assert found["rmse"] == pytest.approx(np.sqrt((9 + 0 + 0) / 3))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["hit_rate@10"] == 0
    assert found["mrr@10"] == 0


def test_each_user_weighs_the_same():
    """However many queries are of one; intervals hold the figure."""
    user = np.array([0] * 9 + [1])
    value, score = np.full(10, 3.0, np.float32), np.array([3.0] * 9 + [1.0], np.float32)
    told = Told(user, value, value >= 4, score, score, score, score, score, np.zeros(10, int))
    of = columns(told, 2, 4.0)
    assert figures(of)["mae"][0] == pytest.approx(1.0)
    assert intervals(of, 0)["mae"] == [0.0, 2.0]
    assert np.isnan(figures(of)["recall"][0])


class Lost(ItemMean):
    """It predicts nothing after events."""

    def adapt_weights(self, weights, support):
        """Lose the weights."""
        return weights * np.where(support.size > 0, np.nan, 1)[:, None].astype(np.float32)


def test_predictions_that_are_no_numbers_fail_their_learner_alone(data):
    """By name; the others are kept."""
    failures = Failures()
    names = [f"{__name__}:Lost", "item-mean"]
    plan = split(data, 0.25, 0)
    outcomes = failures.gather(names, run([plan], names, 0, silent, guard=failures.guard))
    assert [outcome.name for outcome in outcomes] == ["item-mean"]
    assert "Lost.signs says of some events is no finite number" in failures.reasons[names[0]]


def test_the_json_has_the_shape_that_others_rely_on(data):
    """Every key, and nothing that is no JSON."""
    plan = split(data, 0.25, 0)
    found = document([plan], list(run([plan], BASELINES, 0, silent)), {"seed": 0}, 0)
    told = json.loads(json.dumps(found, allow_nan=False))
    assert told["protocol"] == "user-cold"
    for learner in told["learners"].values():
        assert list(learner["by_support"]) == ["0", "1", "2", "3", "5", "10", "20"]
        last = learner["by_support"]["20"]
        assert {key: learner[key] for key in last} == last
        assert {"mae", "rmse", "accuracy", "precision", "recall", "f1", "ndcg@5", "ndcg@10",
                "hit_rate@10", "mrr@10", "mae_of_median", "mae_of_steps", "interval",
                "behind",
                } == set(last)  # fmt: skip
        for name in ("train_seconds", "adapt_microseconds", "state_bytes"):
            assert learner[name] > 0
    means = told["learners"]["item-mean"]["by_support"]
    assert len({step["mae"] for step in means.values()}) == 1
