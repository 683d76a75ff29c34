"""Lists against scoring all items, and what they leave out."""

import numpy as np
import pytest

from models.hashing import item_hashes
from models.leaders import LEADERS
from models.learner import Log
from models.mixture import Mixture, MixtureSettings
from models.replay import replay
from models.samples import sample_events
from models.user_states import UserStates

USERS = 20


def replayed(items, repeats=False, runs=20, size=100):
    """A mixture, and what a log over that many items leaves."""
    mixture = Mixture(MixtureSettings(repeats))
    ids = tuple(f"item-{number}" for number in range(items))
    log = Log(USERS, ids, tuple(sample_events(size, run, USERS, items) for run in range(runs)))
    return mixture, log, replay(mixture, log)


def brute_force(mixture, log, state, states):
    """All items' scores for all users, -inf for what a list may not hold."""
    size = int(state.catalogue.shelves.size[0])
    candidates = np.tile(np.arange(size), (len(states), 1))
    features = mixture.module_scores(states, state.catalogue, candidates)
    gate = state.gate.columns
    scores = np.empty((len(states), size))
    for user, events in enumerate(states.count):
        bucket = np.searchsorted([1, 5, 20], events, side="right")
        weight = (gate.weight + gate.offset[bucket]) / (np.sqrt(gate.variance) + 1e-3)
        scores[user] = features[user] @ weight
    if not mixture.settings.repeats:
        place = dict(zip(log.items, state.catalogue.positions(item_hashes(log.items)), strict=True))
        hashes = dict(zip(item_hashes(log.items).tolist(), log.items, strict=True))
        for run in log.runs:
            for user, item in zip(run.user, run.item.tolist(), strict=True):
                scores[user, place[hashes[item]]] = -np.inf
    return scores


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("items", [60, 2000])
def test_lists_are_the_best_of_all_items(items, repeats):
    """A list holds the best scores that scoring everything finds, in their order."""
    mixture, log, state = replayed(items, repeats)
    states = UserStates.unpack(state.users)
    wanted = -np.sort(-brute_force(mixture, log, state, states), axis=1)[:, :10]
    lists = mixture.recommend(states, state.gate, state.catalogue, 10)
    came = np.where(lists.position >= 0, lists.score, -np.inf)
    assert came == pytest.approx(wanted, abs=2e-3)


def test_a_user_who_had_all_that_leads_still_gets_a_full_list():
    """With more items than leaders, one who has had these gets the rest."""
    items = 2 * LEADERS
    mixture, _, state = replayed(items, runs=2)
    states = mixture.initial(1)
    order = mixture.recommend(states, state.gate, state.catalogue, items).position[0]
    had = state.catalogue.ids(order[: LEADERS + 50])
    n = len(had)
    events = sample_events(n, users=1)
    events.item[:] = item_hashes(had)
    states, _ = mixture.adapt(states, events, mixture.catalogue())
    lists = mixture.recommend(states, state.gate, state.catalogue, 10)
    listed = state.catalogue.ids(lists.position[0])
    assert len(set(listed)) == 10
    assert not set(listed) & {*had, ""}


def test_a_list_ends_where_nothing_is_left():
    """Places without an item are -1 with a score of -inf, and their id is empty."""
    mixture, _, state = replayed(5, runs=1, size=3)
    lists = mixture.recommend(mixture.initial(1), state.gate, state.catalogue, 8)
    assert (lists.position[0] >= 0).tolist() == [True] * 5 + [False] * 3
    assert lists.score[0, 5:].tolist() == [-np.inf] * 3
    assert state.catalogue.ids(lists.position[0])[5:] == [""] * 3


def test_an_empty_catalogue_gives_empty_lists():
    """Before the first item there is nothing to recommend, and no error."""
    mixture = Mixture()
    lists = mixture.recommend(mixture.initial(2), mixture.initial_gate(), mixture.catalogue(), 3)
    assert lists.position.tolist() == [[-1] * 3] * 2


def test_no_users_are_no_lists():
    """An empty batch has no lists."""
    mixture, _, state = replayed(5, runs=1, size=3)
    assert mixture.recommend(mixture.initial(0), state.gate, state.catalogue, 3).position.shape == (
        0,
        3,
    )
