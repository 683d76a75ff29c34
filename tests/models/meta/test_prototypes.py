"""Prototypes lie where what was liked lies, and trust an odd event less."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.tasks import error, synthetic

from models.meta import metric
from models.meta.prototypes import Prototypes

METRICS = ("euclidean", "cosine")


def space(reach=4.0):
    """A plane as it is; events are liked above 0."""
    one = np.ones(1, dtype=np.float32)
    turn = np.eye(2, dtype=np.float32)
    return metric.Space(turn, 5 * one, 0.5 * one, 20 * one, 0 * one, 0 * one, reach * one, one)


def before():
    """No offset, both prototypes in the middle."""
    zero = np.zeros((1, 2), dtype=np.float32)
    return metric.Mine(zero[:, :1], zero, zero)


def events(odd):
    """Six liked to the right, six disliked to the left, and `odd` more the other way round."""
    draw = np.random.default_rng(0)
    right = np.concatenate([np.ones(6), -np.ones(6), np.where(np.arange(odd) % 2, 1.0, -1.0)])
    liked = np.concatenate([right[:12], -right[12:]])
    place = np.stack([right * 2, np.zeros(12 + odd)], axis=1) + draw.normal(0, 0.1, (12 + odd, 2))
    vectors = np.concatenate([np.zeros((12 + odd, 1)), place], axis=1)[None].astype(np.float32)
    return vectors, liked[None].astype(np.float32), np.ones((1, 12 + odd), dtype=np.float32)


@pytest.mark.parametrize("kind", METRICS)
def test_prototypes_are_apart(kind):
    """The liked one is to the right, the disliked one to the left, and values follow."""
    mine = metric.found(kind, space(), before(), events(0), weighted=True)
    assert mine.liked[0, 0] > 0.5 > -0.5 > mine.disliked[0, 0]
    value = metric.value(kind, space(), mine, np.array([[[0, 2, 0], [0, -2, 0]]], dtype=np.float32))
    assert value[0, 0] > 0.5 > -0.5 > value[0, 1]


@pytest.mark.parametrize("kind", METRICS)
def test_noisy_events_are_weighted_down(kind):
    """Four events the other way round move weighted prototypes by less than half as much."""
    moved = {}
    for weighted in (False, True):
        clean, noisy = (
            metric.found(kind, space(), before(), events(odd), weighted=weighted) for odd in (0, 4)
        )
        moved[weighted] = float(np.abs(noisy.liked - clean.liked).max())
    assert moved[True] < moved[False] / 2


@pytest.mark.parametrize("kind", METRICS)
def test_numpy_and_torch_agree(kind):
    """One formula serves both."""
    parts = [before(), events(2), space()]
    as_torch = [type(parts[0])(*map(torch.tensor, parts[0])), tuple(map(torch.tensor, parts[1]))]
    own = metric.found(kind, parts[2], parts[0], parts[1], weighted=True)
    other = metric.found(kind, metric.Space(*map(torch.tensor, parts[2])), *as_torch, weighted=True)
    for left, right in zip(own, other, strict=True):
        assert np.allclose(left, right, atol=1e-5)


def noisy_support(tasks, share, seed=5):
    """The tasks with a share of each user's first 20 events turned about the middle."""
    draw = np.random.default_rng(seed)
    place = np.arange(len(tasks.item)) % 30
    turned = (draw.random(len(tasks.item)) < share) & (place < 20)
    return replace(tasks, value=np.where(turned, 6 - tasks.value, tasks.value).astype(np.float32))


@pytest.mark.parametrize("kind", METRICS)
def test_weighting_makes_prototypes_robust(kind):
    """With a quarter of the support turned about, weighting loses less than its absence."""
    world, tasks = synthetic(noise=0.2)
    unseen = synthetic(users=80, seed=1, noise=0.2)[1]
    found = {}
    for weighted in (False, True):
        settings = replace(
            Prototypes.defaults, size=3, rounds=6, epochs=12, noise=0.2, metric=kind,
            outer_rate=3e-3, weighted=weighted,
        )  # fmt: skip
        learner = Prototypes(settings=settings).meta_train(world, tasks)
        found[weighted] = error(learner, world, noisy_support(unseen, 0.25), 20)
    assert found[True] < found[False]
