"""Lists count popularity as much as what users take next says."""

import numpy as np
import pytest
from support.tasks import ITEMS, synthetic

from models.hashing import item_hashes
from models.meta.item_mean import ItemMean
from models.meta.popularity import learn_weight
from models.meta.tasks import Tasks


def drawn(weight, users=300, events=20):
    """Support and query of users who take items by 2 score + weight x popular; scores, popular."""
    draw = np.random.default_rng(0)
    scores = draw.normal(0, 1, (users, ITEMS)).astype(np.float32)
    popular = draw.normal(0, 1, ITEMS).astype(np.float32)
    noise = draw.gumbel(size=(users, events, ITEMS))
    item = (noise + (2 * scores + weight * popular)[:, None]).argmax(2).ravel()
    tasks = Tasks(
        events * np.arange(users + 1), item.astype(np.int32), np.ones(len(item), np.float32),
        np.arange(len(item)), np.ones(len(item), bool), (None,) * users,
    )  # fmt: skip
    return scores, tasks.between(0, 0), tasks, popular


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_the_weight_is_found(weight):
    """In units of the score."""
    assert learn_weight(*drawn(weight)) == pytest.approx(weight / 2, abs=0.1)


def test_nothing_liked_is_no_popularity():
    """Lists are then by what is predicted."""
    scores, none, _, popular = drawn(1.0)
    assert learn_weight(scores, none, none, popular) == 0.0


def test_a_learner_knows_what_is_popular():
    """More of what was liked often; nothing of what it does not know, or before it has learned."""
    world, tasks = synthetic()
    learner = ItemMean().meta_train(world, tasks)
    assert not learner.popularity(world.hashes).any()
    found = learner.with_popularity(world, tasks).popularity(
        np.concatenate([world.hashes, item_hashes(["strange"])])
    )
    liked = np.bincount(tasks.item[tasks.positive], minlength=ITEMS)
    assert found[liked.argmax()] == found.max()
    assert found[-1] == 0
    assert np.isfinite(found).all()
