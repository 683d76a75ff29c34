"""Every learner holds to the contract, and the mixture beats what it is made of."""

import numpy as np
import pytest

from models.checks import CHECKS
from models.events import EventBatch
from models.hashing import item_hashes
from models.learner import Log
from models.learners import learners
from models.mixture import Mixture, MixtureSettings
from models.replay import replay
from models.samples import sample_log
from models.user_states import UserStates

LEARNERS = {
    f"{name}{', repeats' if repeated else ''}": learner
    for repeated in (False, True)
    for name, learner in learners(repeated=repeated).items()
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("learner", LEARNERS.values(), ids=list(LEARNERS))
def test_every_learner_holds_to_the_contract(learner, check):
    """Each check of the shared suite passes for each learner."""
    check(learner)


def chain_log(users=150, items=60, length=12, loyal=0.9):
    """Users who mostly go from item i to item i + 1, each from a random one, all at once."""
    draw = np.random.default_rng(3)
    at, runs = draw.integers(0, items, users), []
    ids = tuple(f"i{number}" for number in range(items))
    for step in range(length):
        moved = np.where(draw.random(users) < loyal, at + 1, draw.integers(0, items, users)) % items
        at = moved
        time = np.full(users, 1_600_000_000_000 + 60_000 * step)
        ones = np.ones(users)
        runs.append(EventBatch.of(np.arange(users), item_hashes(ids)[at], ones, ones, time, ones))
    return Log(users, ids, tuple(runs)), (at + 1) % items


def hits(learner, log, wanted):
    """How many users find what they will want next among the first 3."""
    state = replay(learner, log)
    states = UserStates.unpack(state.users)
    lists = learner.recommend(states, state.gate, state.catalogue, 3)
    found = [
        log.items[item] in state.catalogue.ids(row)
        for item, row in zip(wanted, lists.position, strict=True)
    ]
    return np.mean(found)


def test_the_mixture_finds_what_follows():
    """Where the last item tells the next, the gate learns to listen to transitions."""
    log, wanted = chain_log()
    popularity, mixture = learners()["popularity"], learners()["mixture"]
    assert hits(popularity, log, wanted) < 0.2
    assert hits(mixture, log, wanted) > 0.75


def test_learning_moves_the_gate_towards_what_predicts():
    """The transitions' weight grows from where all weights are equal."""
    log, _ = chain_log()
    mixture = Mixture()
    before, after = mixture.initial_gate().columns, replay(mixture, log).gate.columns
    place = mixture.settings.features.index("transitions")
    assert after.weight[place] > before.weight[place]


def test_version_names_settings_and_what_was_fitted():
    """Another setting or another start is another version; the same is the same."""
    assert Mixture().version == Mixture().version
    assert len(Mixture().version) == 8
    assert Mixture().version != Mixture(MixtureSettings(repeats=True)).version
    assert Mixture().version != Mixture().fit(sample_log()).version


def test_an_adapted_row_names_the_version():
    """Only users with events are marked as adapted by this version."""
    mixture = Mixture()
    states, _ = mixture.adapt(
        mixture.initial(2), sample_log().runs[0].select(slice(0, 0)), mixture.catalogue()
    )
    assert states.facts(0)["version"] == 0
    event = EventBatch.of([1], [5], [0], [None], [0], [True])
    states, _ = mixture.adapt(states, event, mixture.catalogue())
    version = int.from_bytes(mixture.version, "little")
    assert [states.facts(user)["version"] for user in (0, 1)] == [0, version]
