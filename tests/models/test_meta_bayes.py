"""The Bayesian head: updates one by one, forgetting, uncertainty, profiles, items by content."""

import numpy as np
import pytest

from models.content import Content
from models.errors import DataError
from models.hashing import item_hashes
from models.meta.asking import ask
from models.meta.bayes import Bayes
from models.meta.tasks import Support, Tasks, World, padded

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

USERS, ITEMS, EVENTS = 60, 40, 24


def tasks_of(seed=0, users=USERS, profiles=True):
    """Users of two kinds, by profile, who like one half of the items each."""
    draw = np.random.default_rng(seed)
    kind = np.arange(users) % 2
    item = np.concatenate([draw.permutation(ITEMS)[:EVENTS] for _ in range(users)])
    user = np.repeat(np.arange(users), EVENTS)
    suits = (item % 2) == kind[user]
    value = np.clip(np.round(2.5 + 1.5 * suits + draw.normal(0, 0.5, len(item))), 1, 5)
    known = tuple({"group": f"g{each}"} if profiles else None for each in kind)
    return Tasks(
        EVENTS * np.arange(users + 1), item.astype(np.int32), value.astype(np.float32),
        1_600_000_000_000 + 1000 * np.arange(len(item)), value >= 4, known,
    )  # fmt: skip


def world_of():
    """Items of two categories."""
    contents = tuple(Content(categories=(f"c{item % 2}",)) for item in range(ITEMS))
    return World(item_hashes([f"i{item}" for item in range(ITEMS)]), contents, 1.0, 5.0, 4.0)


@pytest.fixture(scope="module")
def trained():
    """A learner that knows the two kinds."""
    return Bayes().meta_train(world_of(), tasks_of())


@pytest.fixture(scope="module")
def vectors(trained):
    """Of the world's items."""
    world = world_of()
    return trained.item_vectors(world.hashes, world.contents)


def support_of(vectors, items, values):
    """One user's events."""
    values = np.asarray(values, dtype=np.float32)[None]
    time = np.arange(values.shape[1])[None]
    return Support(vectors[np.asarray(items)][None], values, time, np.array([values.shape[1]]))


def one_by_one(learner, weights, support):
    """Adapt to a user's events in turn."""
    for place in range(support.value.shape[1]):
        own = slice(place, place + 1)
        single = Support(
            support.vector[:, own], support.value[:, own], support.time[:, own], np.array([1])
        )
        weights = learner.adapt_weights(weights, single)
    return weights


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
def test_a_thousand_events_one_by_one_are_a_batch(trained, vectors, forgetting):
    """To 1e-4, with and without forgetting."""
    draw = np.random.default_rng(1)
    support = support_of(vectors, draw.integers(0, ITEMS, 1000), draw.integers(1, 6, 1000))
    learner = Bayes(learned=trained.learned)
    learner.forgetting = forgetting
    start = learner.start([{"group": "g1"}])
    whole, parts = learner.adapt_weights(start, support), one_by_one(learner, start, support)
    dim = int(learner.learned["dim"][0])
    np.testing.assert_allclose(parts[:, :dim], whole[:, :dim], atol=1e-4)
    np.testing.assert_allclose(parts[:, dim:], whole[:, dim:], rtol=1e-4)


def test_the_posterior_is_the_batch_solution(trained, vectors):
    """As written out for one user in double precision."""
    items, values = np.array([3, 8, 8, 21]), np.array([5.0, 2.0, 1.0, 4.0])
    learned, dim = trained.learned, int(trained.learned["dim"][0])
    found = trained.adapt_weights(trained.start([None]), support_of(vectors, items, values))
    lower = np.tril_indices(dim)
    precision = np.zeros((dim, dim))
    precision[lower] = learned["start"][2 * dim : len(learned["start"])]
    precision = precision + np.tril(precision, -1).T
    target = precision @ learned["start"][:dim]
    events = zip(vectors[items].astype(float), values, learned["places"], strict=False)
    for vector, value, (trust, apart) in events:
        counts = trust / learned["noise"][0]
        x = np.concatenate([[1.0], vector[1:dim]])
        unsure = np.zeros((dim, dim))
        small = np.zeros((dim - 1, dim - 1))
        small[np.tril_indices(dim - 1)] = vector[dim:-dim]
        unsure[1:, 1:] = small + np.tril(small, -1).T
        precision = precision + counts * (np.outer(x, x) + unsure)
        target = target + counts * (x * (value - vector[0] - apart) - vector[-dim:])
    np.testing.assert_allclose(found[0, :dim], np.linalg.solve(precision, target), atol=1e-4)


def test_a_forgetting_learner_follows_a_change(trained, vectors):
    """After a user's taste has turned, what was forgotten stands less in the way."""
    even = np.tile(np.arange(0, ITEMS, 2), 10)
    support = support_of(vectors, np.tile(even, 2), np.r_[np.full(200, 5.0), np.full(200, 1.0)])
    forgetful = Bayes(learned=trained.learned)
    forgetful.forgetting = 0.95
    told = [
        learner.predict(learner.adapt_weights(learner.start([None]), support), vectors)[0, 0]
        for learner in (trained, forgetful)
    ]
    assert told[1] < 1.7 < told[0]


def test_uncertainty_falls_with_events(trained, vectors):
    """And is nowhere below nothing."""
    start = trained.start([None])
    after = trained.adapt_weights(start, support_of(vectors, np.arange(20), np.full(20, 3.0)))
    before, later = (trained.uncertainty(weights, vectors)[0] for weights in (start, after))
    assert (later < before).all()
    assert (later >= 0).all()


def test_profiles_shift_what_is_told_before_any_event(trained, vectors):
    """Each kind is told its items; a value that was never seen shifts nothing."""
    one, other, strange, none = (
        trained.predict(trained.start([profile]), vectors)[0]
        for profile in ({"group": "g0"}, {"group": "g1"}, {"group": "g9", "x": [1]}, None)
    )
    assert one[::2].mean() > other[::2].mean() + 0.2
    assert other[1::2].mean() > one[1::2].mean() + 0.2
    assert np.array_equal(strange, none)


def test_an_unknown_item_is_told_by_its_content(trained):
    """A new item is told as its category; without content as any, and with more doubt."""
    hashes = item_hashes(["new", "newer", "bare"])
    contents = [Content(categories=("c0",)), Content(categories=("c1",)), None]
    vectors = trained.item_vectors(hashes, contents)
    first, second, bare = trained.predict(trained.start([{"group": "g0"}]), vectors)[0]
    assert first > bare > second
    known = trained.item_vectors(world_of().hashes, world_of().contents)
    dim = int(trained.learned["dim"][0])
    assert vectors[0, dim] > known[:, dim].mean()


def test_ten_thousand_events_of_one_user_are_adapted_to(trained, vectors):
    """Finite, and what is told is what the user always says."""
    draw = np.random.default_rng(0)
    item = draw.integers(0, ITEMS, 10_000).astype(np.int32)
    long = Tasks(
        np.array([0, 10_000]), item, np.full(10_000, 2.0, np.float32),
        np.arange(10_000), np.zeros(10_000, bool), (None,),
    )  # fmt: skip
    weights = trained.weights_after(long, vectors)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(trained.predict(weights, vectors), 2.0, atol=0.3)


def test_values_out_of_range_count_as_its_ends(trained, vectors):
    """A user who says 1,000 is one who says 5."""
    some = tasks_of(users=2, profiles=False)
    wild = Tasks(
        some.start, some.item, some.value * 0 + 1000, some.time, some.positive, some.profiles
    )
    full = Tasks(some.start, some.item, some.value * 0 + 5, some.time, some.positive, some.profiles)
    found = trained.weights_after(wild, vectors)
    assert np.array_equal(found, trained.weights_after(full, vectors))


def test_constant_ratings_are_learned_as_constant():
    """Of training; nothing becomes infinite."""
    some = tasks_of()
    same = Tasks(some.start, some.item, some.value * 0 + 3, some.time, some.positive, some.profiles)
    world = World(world_of().hashes, world_of().contents, 3.0, 3.0, 3.0)
    learner = Bayes().meta_train(world, same)
    vectors = learner.item_vectors(world.hashes, world.contents)
    found = learner.predict(learner.weights_after(same, vectors), vectors)
    np.testing.assert_allclose(found, 3.0, atol=0.05)


def test_users_with_one_event_each_are_enough():
    """One user is not: the prior is that of users."""
    some = tasks_of()
    few = some.between(0, 1)
    learner = Bayes().meta_train(world_of(), few)
    assert all(np.isfinite(table).all() for table in learner.learned.values())
    with pytest.raises(DataError, match="needs events of two users; got 1"):
        Bayes().meta_train(world_of(), some.select(np.array([0])))


def test_adapting_lowers_the_error_of_unseen_users(trained, vectors):
    """The more events the less."""
    others = tasks_of(seed=5, profiles=False)
    query = others.between(12, EVENTS)
    errors = []
    for k in (0, 2, 12):
        weights = trained.weights_after(others.between(0, k), vectors)
        told = ask(trained.predict, weights, query, vectors)
        errors.append(np.abs(told - query.value).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.6
    assert padded(query, vectors).vector.shape == (USERS, 12, vectors.shape[1])


def test_what_is_told_follows_how_a_user_says_it():
    """Items told as good or bad: users who say only 1 and 5 are told these, others 2 and 4."""
    some = tasks_of(profiles=False)
    good, bold = some.item % 2 == 0, some.user % 2 == 0
    value = np.where(good, 4, 2) + np.where(bold, np.where(good, 1, -1), 0)
    value = value.astype(np.float32)
    users = Tasks(some.start, some.item, value, some.time, value >= 4, some.profiles)
    learner = Bayes().meta_train(world_of(), users)
    vectors = learner.item_vectors(world_of().hashes, world_of().contents)
    weights = learner.weights_after(users.between(0, 12), vectors)
    told = ask(learner.told, weights, users.between(12, EVENTS), vectors)
    later = users.between(12, EVENTS)
    assert set(np.unique(told)) <= {1.0, 2.0, 4.0, 5.0}
    assert np.abs(told - later.value).mean() < 0.2


def test_the_median_is_predicted_where_the_absolute_error_counts():
    """Two thirds of all values are 5, others anything below: the median lies above the mean."""
    some, draw = tasks_of(profiles=False), np.random.default_rng(5)
    value = np.where(draw.random(len(some.item)) < 0.66, 5, draw.integers(1, 5, len(some.item)))
    value = value.astype(np.float32)
    users = Tasks(some.start, some.item, value, some.time, value >= 4, some.profiles)
    learner = Bayes().meta_train(world_of(), users)
    vectors = learner.item_vectors(world_of().hashes, world_of().contents)
    later = users.between(2, EVENTS)
    of = learner.weights_after(users.between(0, 2), vectors), later, vectors
    mean, middle = learner.clip(ask(learner.predict, *of)), ask(learner.middle, *of)
    assert middle.mean() > mean.mean() + 0.2
    assert np.abs(middle - later.value).mean() < np.abs(mean - later.value).mean() - 0.05


def test_values_that_are_no_steps_are_told_as_predicted(vectors):
    """Of minutes, say, of which there are more than steps."""
    some = tasks_of()
    minutes = some.value + np.random.default_rng(2).random(len(some.value), dtype=np.float32)
    users = Tasks(some.start, some.item, minutes, some.time, some.positive, some.profiles)
    learner = Bayes().meta_train(world_of(), users)
    weights = learner.weights_after(users, learner.item_vectors(world_of().hashes, [None] * ITEMS))
    told = learner.told(weights, vectors)
    np.testing.assert_array_equal(told, learner.clip(learner.predict(weights, vectors)))
