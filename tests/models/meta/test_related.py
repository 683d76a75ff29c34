"""How tasks relate is learned: events move a user's prior to that of users alike."""

import numpy as np
import pytest
import torch
from support.tasks import synthetic

from models.meta import relations
from models.meta.related import RelatedTasks


@pytest.fixture(scope="module")
def learner():
    """Trained on users of two groups."""
    settings = type(RelatedTasks.defaults)(size=3, rounds=6, clusters=4, numbers=3, epochs=15)
    return RelatedTasks(settings=settings).meta_train(*synthetic())


def priors(learner, tasks, k):
    """The modulated priors of users after k events, before any step."""
    world, _ = synthetic(users=1)
    vectors = learner.item_vectors(world.hashes, world.contents)
    return learner.weights_after(tasks.between(0, k), vectors)


def test_users_of_one_kind_have_one_description(learner):
    """After ten events those of a group are nearer to each other than to the other group."""
    _, tasks = synthetic(users=60, seed=1, profiles=False)
    item, value = tasks.item.reshape(60, -1), tasks.value.reshape(60, -1)
    even = np.where(item % 2 == 0, value, np.nan)
    likes_even = np.nanmean(even, axis=1) > value.mean(axis=1)
    task = priors(learner, tasks, 10)[:, -3:]
    apart = np.abs(task[likes_even].mean(0) - task[~likes_even].mean(0))
    spread = (task[likes_even].std(0) + task[~likes_even].std(0)) / 2
    assert (apart / spread).max() > 2


def test_numpy_and_torch_agree(learner):
    """One formula serves both."""
    learned = relations.Relations(*(learner.learned[x] for x in relations.Relations._fields))
    as_torch = relations.Relations(*map(torch.tensor, learned))
    draw = np.random.default_rng(0)
    events = (
        draw.normal(size=(2, 5, 4)).astype(np.float32),
        draw.random((2, 5)).astype(np.float32),
        np.ones((2, 5), dtype=np.float32),
    )
    task = np.zeros((2, 3), dtype=np.float32)
    own = relations.described(learned, task, events)
    other = relations.described(as_torch, torch.tensor(task), tuple(map(torch.tensor, events)))
    assert np.allclose(own, other, atol=1e-5)
    head = np.zeros(1, dtype=np.float32), np.zeros(3, dtype=np.float32)
    mine = relations.modulated(learned, head, own)
    others = relations.modulated(as_torch, tuple(map(torch.tensor, head)), other)
    for left, right in zip(mine, others, strict=True):
        assert np.allclose(left, right, atol=1e-5)


def test_without_events_the_task_is_what_it_was(learner):
    """No event tells nothing."""
    weights = learner.start([None, {"group": "g1"}])
    _, tasks = synthetic(users=2, profiles=False)
    assert np.array_equal(priors(learner, tasks.between(0, 0), 0)[0], weights[0])
    assert not np.allclose(weights[0], weights[1])
