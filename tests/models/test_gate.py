"""The gate: its bytes, and which events teach it."""

import numpy as np
import pytest

from models.errors import CodecError
from models.events import EventBatch
from models.gate import FEATURES, NAMES, Gate
from models.hashing import item_hash
from models.learners import learners
from models.mixture import Mixture
from models.replay import replay
from models.samples import ITEMS, sample_events, sample_log


@pytest.fixture(scope="module")
def state():
    """What the sample's log leaves behind."""
    return replay(Mixture(), sample_log())


def event(item, positive=True):
    """One event of user 0."""
    return EventBatch.of([0], [item_hash(item)], [0], [None], [1_700_000_000_000], [positive])


def test_a_gate_survives_its_bytes(state):
    """About 2 kB hold all that steps need."""
    payload = state.gate.pack()
    assert Gate.unpack(payload).pack() == payload
    assert len(payload) < 2500


@pytest.mark.parametrize("broken", [b"", b"\xff" * 100, b"\x01"])
def test_bytes_that_are_no_gate_are_refused(broken):
    """A gate of other features or another codec is an error to read."""
    with pytest.raises(CodecError):
        Gate.unpack(broken)


def test_a_partition_starts_anew_when_its_gate_cannot_serve(state):
    """No gate, a broken one and one learned for other features all give the initial one."""
    popularity = learners()["popularity"]
    for payload in (None, b"\xff", popularity.initial_gate().pack()):
        assert Mixture().unpack_gate(payload).pack() == Mixture().initial_gate().pack()
    assert Mixture().unpack_gate(state.gate.pack()).pack() == state.gate.pack()


def test_only_named_features_learn(state):
    """A learner of one module leaves all other weights where they were."""
    popularity = learners()["popularity"]
    gate = replay(popularity, sample_log()).gate.columns
    of_others = np.array([name not in popularity.settings.features for name in NAMES])
    assert of_others.sum() == FEATURES - len(popularity.settings.features)
    assert not gate.weight[of_others].any()
    assert gate.offset[:, ~of_others].any()


@pytest.mark.parametrize(
    "untaught", [event(ITEMS[0], positive=False), event("not in the catalogue")]
)
def test_what_could_not_be_in_a_list_teaches_nothing(state, untaught):
    """Events that are not positive, or whose item is unknown, leave the gate as it was."""
    mixture = Mixture()
    gate = mixture.learn_gate(state.gate, mixture.initial(1), untaught, state.catalogue, 1)
    assert gate.pack() == state.gate.pack()


def test_what_the_user_has_had_teaches_only_where_lists_may_hold_it(state):
    """The second event on an item is a target only with repeats."""
    again = event(ITEMS[0])
    for learner in (learners()["mixture"], learners(repeated=True)["mixture"]):
        users, _ = learner.adapt(learner.initial(1), again, learner.catalogue())
        gate = learner.learn_gate(state.gate, users, again, state.catalogue, 1)
        assert (gate.pack() != state.gate.pack()) == learner.settings.repeats


def test_the_seed_decides_what_is_drawn(state):
    """Steps can be repeated exactly, and another seed draws others."""
    mixture = Mixture()
    events = sample_events(40)

    def learned(seed):
        users = mixture.initial(12)
        return mixture.learn_gate(state.gate, users, events, state.catalogue, seed).pack()

    assert learned(1) == learned(1) != learned(2)
    assert learned(2**63) == learned(-(2**63))


def test_weights_stay_finite(state):
    """A thousand steps on a tiny catalogue do not run away."""
    mixture = Mixture()
    gate = mixture.learn_gate(
        state.gate, mixture.initial(1000), sample_events(1000, users=1000), state.catalogue, 1
    )
    weight = gate.columns.weight + gate.columns.offset
    assert np.abs(weight).max() < 10
