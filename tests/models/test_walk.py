"""The walk's features against the equations of transitions, neighbours and own repeats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import logarithm, neighbours, repeats, transitions
from models.gate import NAMES
from models.hashing import item_hashes
from models.item_states import ItemStates
from models.learner import Log
from models.limits import DEPTH, STEP
from models.mixture import Mixture, MixtureSettings
from models.replay import replay
from models.samples import sample_events
from models.user_states import UserStates

ITEMS = tuple(f"item-{number}" for number in range(40))


@pytest.fixture(scope="module")
def sample():
    """A log of one run, what it leaves, and its rows' facts by item number."""
    mixture = Mixture(MixtureSettings(repeats=True))
    log = Log(5, ITEMS, (sample_events(100, 1, 5, len(ITEMS)),))
    state = replay(mixture, log)
    number = {int(hash_): place for place, hash_ in enumerate(item_hashes(ITEMS))}
    facts = np.zeros((len(ITEMS), len(ITEMS), 5))
    events = np.zeros(len(ITEMS))
    items = ItemStates.unpack(state.items)
    for item in range(len(ITEMS)):
        events[item] = items.facts(item)["events"]
        for before, fact in items.facts(item)["before"].items():
            facts[number[before], item] = fact[:5]
    return mixture, state, facts, events, number


def features(sample, name):
    """What the learner says of all items for all users, by feature: [users, items]."""
    mixture, state, *_ = sample
    states = UserStates.unpack(state.users)
    places = state.catalogue.positions(item_hashes(ITEMS)).astype(np.int32)
    scores = mixture.module_scores(states, state.catalogue, np.tile(places, (len(states), 1)))
    return scores[:, :, NAMES.index(name)]


def rings(sample):
    """Each user's items, newest first, and whether they were liked."""
    states, number = UserStates.unpack(sample[1].users), sample[4]
    for user in range(len(states)):
        ring = states.facts(user)["ring"][::-1]
        yield [number[event[0]] for event in ring], np.array([event[4] for event in ring])


@pytest.mark.parametrize(("name", "fact"), [("transitions", 0), ("liked transitions", 1)])
def test_transitions_are_those_of_the_equation(sample, name, fact):
    """Steps from the last ten items, each by its share of the steps out of its item."""
    steps = sample[2][:, :, fact] / STEP
    for (ring, _), came in zip(rings(sample), features(sample, name), strict=True):
        score = sum(
            steps[item] / (steps[item].sum() + 5) / (age + 1)
            for age, item in enumerate(ring[:DEPTH])
        )
        assert came == pytest.approx(np.log1p(score / transitions.FLOOR), abs=1e-3)


@pytest.mark.parametrize("name", neighbours.NAMES)
def test_neighbours_are_those_of_the_equation(sample, name):
    """Pairs with the ring's items, decayed by age, over the roots of both items' events."""
    decay = dict(zip(neighbours.NAMES, (0.5, 0.8, 0.95, 0.95), strict=True))[name]
    pairs = sample[2][:, :, 2] + sample[2][:, :, 2].T
    if name == "liked neighbours":
        pairs = sample[2][:, :, 3] + sample[2][:, :, 4].T
    root = np.sqrt((sample[3][:, None] + 1) * (sample[3] + 5))
    for (ring, liked), came in zip(rings(sample), features(sample, name), strict=True):
        weight = decay ** np.arange(len(ring))
        if decay == 0.5:
            weight[DEPTH:] = 0  # less than a thousandth
        if name == "liked neighbours":
            weight = weight * np.where(liked, 1, 0.3)
        score = sum(w * (pairs / root)[item] for w, item in zip(weight, ring, strict=True))
        assert came == pytest.approx(np.log1p(score / neighbours.FLOOR), abs=2e-2)


def test_own_repeats_are_those_of_the_equation(sample):
    """Each time in the ring counts by the root of its age."""
    for (ring, _), came in zip(rings(sample), features(sample, "own repeats"), strict=True):
        score = np.bincount(ring, (1 + np.arange(len(ring))) ** -0.5, minlength=len(ITEMS))
        assert came == pytest.approx(np.log1p(score / repeats.FLOOR), abs=1e-3)


@given(st.floats(2.0**-60, 2.0**60, width=32))
def test_the_fast_logarithm_is_one(value):
    """Without a call to the library it is exact to 2e-5."""
    came = float(logarithm.log.py_func(np.float32(value)))
    assert came == pytest.approx(np.log(value), abs=3e-5, rel=3e-6)
