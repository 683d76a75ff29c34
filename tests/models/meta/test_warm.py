"""What a worker asks of a meta-learner beside events: to be warm, and to bear any rating."""

import numpy as np
import pytest
from support.tasks import synthetic

from models.events import EventBatch, type_code
from models.meta import LEARNERS, learner_class, learner_of

QUICK = {"size": 2, "rounds": 2, "epochs": 1, "steps": 1}


@pytest.fixture(scope="module")
def trained():
    """Each learner, trained a little."""
    world, tasks = synthetic(users=12)

    def one(name):
        own = getattr(getattr(learner_class(name), "defaults", None), "__slots__", ())
        few = {setting: value for setting, value in QUICK.items() if setting in own}
        return learner_of(name, few).meta_train(world, tasks)

    return {name: one(name) for name in LEARNERS}


@pytest.mark.parametrize("name", LEARNERS)
def test_each_can_be_warmed(trained, name):
    """And stays what it was."""
    version = trained[name].version
    trained[name].warm()
    assert trained[name].version == version


@pytest.mark.parametrize("wild", [10, 1e30, np.inf])
def test_a_rating_beyond_the_range_counts_as_its_end(trained, wild):
    """However far, and infinite ones too; what came without a value is told by liking."""

    def weights(value):
        item = learner.learned["item"][:3]
        events = EventBatch.of(
            [0] * 3, item, [type_code("rate")] * 3, [2, value, 3], [1, 2, 3], [True] * 3
        )
        states, _ = learner.adapt(learner.initial(1), events, learner.catalogue())
        return learner.weights_of(states, learner.catalogue())

    learner = trained["bayes"]
    high = float(learner.learned["range"][1])
    assert np.array_equal(weights(wild), weights(high))
    assert not np.array_equal(weights(1), weights(high))
    assert np.array_equal(weights(None), weights(1))
