"""Every learner that is trained on episodes learns, keeps that, and refuses what is bad."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from support.tasks import ITEMS, error, synthetic

from models.content import Content
from models.errors import DataError, DivergedError, MissingLibraryError
from models.hashing import item_hashes
from models.meta import learner_class, learner_of
from models.meta.asking import ask
from models.meta.tasks import Tasks, padded, repeated

NAMES = ("maml", "fomaml", "anil", "metasgd", "reptile", "prototypes", "tasks")
WITH_RATES = ("maml", "fomaml", "anil", "metasgd", "reptile", "tasks")
NEED_TORCH = ("maml", "fomaml", "metasgd", "reptile")


def made(name, **changed):
    """A learner that trains in little time."""
    learner = learner_class(name)
    settings = replace(learner.defaults, **{"size": 3, "rounds": 6, **changed})
    return learner(settings=settings)


@pytest.fixture(scope="module")
def world_and_tasks():
    """Users to learn of."""
    return synthetic()


@pytest.fixture(scope="module")
def trained(world_and_tasks):
    """Each learner, trained once."""
    return {name: made(name).meta_train(*world_and_tasks) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_events_of_a_new_user_lower_the_error(trained, name):
    """Users whom training has not seen are told better after ten events than before any."""
    world, tasks = synthetic(users=60, seed=1, profiles=False)
    before, few, many = (error(trained[name], world, tasks, k) for k in (0, 3, 10))
    assert few < before - 0.05
    assert many < before - 0.2


@pytest.mark.parametrize("name", ["maml", "fomaml", "anil", "metasgd", "reptile"])
def test_one_step_is_never_worse_than_none(trained, name):
    """From three events on, for users whom training has not seen."""
    world, tasks = synthetic(users=60, seed=1, profiles=False)
    learner = trained[name]
    first = {**learner.learned, "rates": learner.learned["rates"][:1]}
    one = type(learner)(learned=first)
    none = error(one, world, tasks, 0)
    assert all(error(one, world, tasks, k) <= none for k in (3, 5, 10, 20))


@pytest.mark.parametrize("name", NAMES)
def test_profiles_tell_something_before_any_event(trained, name):
    """Where attributes tell the group, users with a profile are told better at once."""
    world, tasks = synthetic(users=60, seed=1)
    bare = replace(tasks, profiles=(None,) * 60)
    strange = replace(tasks, profiles=({"group": "never seen", "other": 3},) * 60)
    assert error(trained[name], world, tasks, 0) < error(trained[name], world, bare, 0)
    assert error(trained[name], world, strange, 0) == error(trained[name], world, bare, 0)


@pytest.mark.parametrize("name", NAMES)
def test_settings_survive_a_file(trained, name, tmp_path):
    """What was saved with other settings than the defaults serves with these."""
    path = tmp_path / "learner.safetensors"
    trained[name].save(path)
    loaded = type(trained[name]).load(path)
    assert loaded.settings == trained[name].settings
    assert loaded.version == trained[name].version


@pytest.mark.parametrize("name", NAMES)
def test_padding_and_company_change_nothing(trained, name, world_and_tasks):
    """A user adapts alone as in a batch with users of more events."""
    world, tasks = world_and_tasks
    learner = trained[name]
    vectors = learner.item_vectors(world.hashes, world.contents)
    mixed = padded(tasks.select(np.arange(2)), vectors)
    mixed = mixed._replace(size=np.array([3, 30]))
    mask = mixed.mask
    mixed = mixed._replace(value=mixed.value * mask, vector=mixed.vector * mask[..., None])
    alone = padded(tasks.select(np.array([0])).between(0, 3), vectors)
    start = learner.start(tasks.profiles[:2])
    both, one = learner.adapt_weights(start, mixed), learner.adapt_weights(start[:1], alone)
    assert np.allclose(both[0], one[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_odd_users_have_finite_values(trained, name, world_and_tasks):
    """One event, values out of range, constant values, 10,000 events: all are told in range."""
    world, _ = world_and_tasks
    learner = trained[name]
    vectors = learner.item_vectors(world.hashes, world.contents)
    sizes = [1, 4, 10, 10_000]
    draw = np.random.default_rng(0)
    value = np.concatenate(
        [[5], [-1e9, 1e9, 1e30, -7], np.full(10, 3), draw.integers(1, 6, 10_000)]
    )
    count = sum(sizes)
    tasks = Tasks(
        start=np.concatenate([[0], np.cumsum(sizes)]),
        item=draw.integers(0, ITEMS, count).astype(np.int32),
        value=value.astype(np.float32),
        time=np.arange(count),
        positive=value >= 4,
        profiles=(None,) * 4,
    )
    weights = learner.weights_after(tasks, vectors)
    told = learner.clip(ask(learner.predict, weights, tasks, vectors))
    assert np.isfinite(told).all()
    assert told.min() >= 1
    assert told.max() <= 5


@pytest.mark.parametrize("name", NAMES)
def test_an_item_unknown_to_the_slow_weights_is_told_by_its_content(trained, name):
    """What was announced of it decides; with nothing announced all unknown items are alike."""
    learner = trained[name]
    hashes = item_hashes(["new-1", "new-2", "new-3", "new-4"])
    contents = [Content(categories=("side-0",)), Content(categories=("side-1",)), None, None]
    vectors = learner.item_vectors(hashes, contents)
    assert np.isfinite(vectors).all()
    assert not np.allclose(vectors[0], vectors[1])
    assert np.array_equal(vectors[2], vectors[3])


@pytest.mark.parametrize("name", ["maml", "prototypes", "tasks"])
def test_constant_ratings_are_learned(name):
    """Where every value is 3, 3 is told."""
    world, tasks = synthetic(users=20)
    tasks = replace(tasks, value=np.full_like(tasks.value, 3))
    learner = made(name, epochs=2).meta_train(replace(world, low=3.0, high=3.0), tasks)
    assert error(learner, world, tasks, 5) == 0


@pytest.mark.parametrize("name", WITH_RATES)
def test_a_rate_that_diverges_is_named(name, world_and_tasks):
    """No snapshot is made of weights that steps drive away."""
    learner = made(name, rate=500.0, epochs=1)
    with pytest.raises(DivergedError, match=rf"{name} .*500.*lower rate"):
        learner.meta_train(*world_and_tasks)


@pytest.mark.parametrize("name", [*NAMES, "bayes"])
@pytest.mark.parametrize("rate", [1e3, 1e20])
@pytest.mark.parametrize("users", [3, 80])  # of one batch, and of several
def test_an_outer_rate_that_diverges_is_named(name, rate, users, world_and_tasks):
    """And no inner rate beside it: slow weights that lead away, or are not finite, are refused."""
    world, tasks = world_and_tasks
    learner = made(name, outer_rate=rate, epochs=1)
    with pytest.raises(DivergedError) as told:
        learner.meta_train(world, tasks.select(np.arange(users)))
    message = str(told.value)
    assert message.startswith(f"Learner {name} diverged")
    assert f"an outer rate of {rate:g}" in message.replace("up to ", "")
    assert message.endswith("give a lower outer_rate.")


@pytest.mark.parametrize("name", ["maml", "fomaml", "tasks"])
def test_where_either_rate_may_be_to_blame_both_are_named(name, world_and_tasks):
    """Slow weights that are not far off yet, from which inner steps lead away."""
    with pytest.raises(DivergedError, match="give a lower outer_rate, or a lower rate"):
        made(name, outer_rate=1.0, epochs=10).meta_train(*world_and_tasks)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"rate": 0.0}, "rate must be .* above 0"),
        ({"rate": float("nan")}, "rate must be .* above 0"),
        ({"damping": -1.0}, "damping must be"),
        ({"steps": 100_000}, "steps must be at most 100; got 100000"),
        ({"epochs": 100_000}, "epochs must be at most 1000; got 100000"),
        ({"base": "tree"}, "base must be dot or mlp; got 'tree'"),
        ({"loss": "hinge"}, "loss must be squared or cross-entropy; got 'hinge'"),
    ],
)
def test_settings_out_of_range_are_refused(changed, told):
    """A sentence names the setting."""
    with pytest.raises(DataError, match=told):
        made("maml", **changed)


def test_no_event_is_refused():
    """There is nothing to learn from."""
    world, tasks = synthetic(users=2)
    with pytest.raises(DataError, match="no event"):
        made("maml").meta_train(world, tasks.between(0, 0))


@pytest.fixture
def no_torch(monkeypatch):
    """As on a machine where only what a worker needs is installed."""
    for module in [name for name in sys.modules if name.startswith("models.meta.training")]:
        monkeypatch.delitem(sys.modules, module)
    for module in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("name", NAMES)
def test_torch_is_asked_for_where_it_is_needed(trained, name):
    """Training needs it, and adapting more than a head; the rest is numpy's."""
    world, tasks = synthetic(users=5, seed=2)
    with pytest.raises(MissingLibraryError, match=r"torch is not .*headwater\[train\]"):
        made(name).meta_train(world, tasks)
    if name in NEED_TORCH:
        with pytest.raises(MissingLibraryError, match=r"torch is not .*headwater\[train\]"):
            error(trained[name], world, tasks, 3)
    else:
        assert error(trained[name], world, tasks, 3) > 0
    assert error(trained[name], world, tasks, 0) > 0


def test_equal_seeds_give_equal_weights(world_and_tasks):
    """And others, others."""
    quick = made("maml", epochs=1)
    one, same, other = (quick.meta_train(*world_and_tasks, seed=seed).version for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_settings_are_kept_as_text(trained):
    """A file tells what it was trained with."""
    kept = json.loads(trained["maml"].learned["settings"].tobytes())
    assert kept["steps"] == trained["maml"].settings.steps


def test_users_of_one_event_are_in_no_episode():
    """They teach nothing of adapting: there are as many steps as without them, unless all are."""
    world, tasks = synthetic(users=20)
    ones = tasks.between(0, 1)
    both = Tasks(
        np.concatenate([tasks.start, tasks.start[-1] + ones.start[1:]]),
        *(
            np.concatenate([getattr(tasks, name), getattr(ones, name)])
            for name in ("item", "value", "time", "positive")
        ),
        (*tasks.profiles, *ones.profiles),
    )
    assert repeated(both).tolist() == list(range(20))
    assert repeated(ones).tolist() == list(range(20))
    steps = []
    for some in (tasks, both, ones):
        learner = learner_of("anil", {"size": 3, "rounds": 2, "epochs": 1, "batch": 4})
        told: list[int] = []
        learner.meta_train(world, some, progress=lambda _done, of, told=told: told.append(of))
        steps.append(told[-1])
    assert steps == [10, 10, 10]
