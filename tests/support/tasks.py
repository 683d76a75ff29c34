"""Users whose tastes follow from few numbers, as tasks: what there is to learn is known."""

import numpy as np

from models.content import Content
from models.hashing import item_hashes
from models.meta.asking import ask
from models.meta.tasks import Tasks, World

ITEMS = 60


def synthetic(users=80, events=30, seed=0, noise=0.3, profiles=True):
    """World and tasks: users of two groups like even or odd items, each shifted by an offset.

    Values lie within 1..5. Profiles tell the group of half of the users.
    """
    draw = np.random.default_rng(seed)
    names = [f"i{number}" for number in range(ITEMS)]
    group, offset = draw.integers(0, 2, users), draw.normal(0, 0.5, users)
    bias = np.random.default_rng(99).normal(0, 0.3, ITEMS)
    item = np.concatenate([draw.permutation(ITEMS)[:events] for _ in range(users)]).astype(np.int32)
    user = np.repeat(np.arange(users), events)
    likes = np.where(item % 2 == group[user], 1.0, -1.0)
    value = 3 + bias[item] + offset[user] + likes + draw.normal(0, noise, len(item))
    value = np.clip(value, 1, 5).astype(np.float32)
    known = [{"group": f"g{group[u]}"} if profiles and u % 2 else None for u in range(users)]
    tasks = Tasks(
        start=events * np.arange(users + 1),
        item=item,
        value=value,
        time=1_600_000_000_000 + 1000 * np.arange(len(item)),
        positive=value >= 4,
        profiles=tuple(known),
    )
    contents = tuple(Content(categories=(f"side-{number % 2}",)) for number in range(ITEMS))
    return World(item_hashes(names), contents, 1.0, 5.0, 4.0), tasks


def halves(tasks, k):
    """The users' first k events, and their events from the 20th on."""
    size = int(tasks.size[0])
    later = np.tile(np.arange(size) >= 20, len(tasks))
    start = np.cumsum([0, *[size - 20] * len(tasks)])
    query = Tasks(
        start, tasks.item[later], tasks.value[later], tasks.time[later], tasks.positive[later],
        tasks.profiles,
    )  # fmt: skip
    return tasks.between(0, k), query


def error(learner, world, tasks, k):
    """The mean absolute error on later events after k."""
    support, query = halves(tasks, k)
    vectors = learner.item_vectors(world.hashes, world.contents)
    weights = learner.weights_after(support, vectors)
    assert np.isfinite(weights).all()
    told = learner.clip(ask(learner.predict, weights, query, vectors))
    return float(np.abs(told - query.value).mean())
