"""Gradients are what they should be, in closed form and by torch, of first and second order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.tasks import error, synthetic

from models.meta import heads, learner_class
from models.meta.bases import Dot, Mlp
from models.meta.training.inner import Inner

BASES = (Dot(3), Mlp(3, 2, 5))


def drawn(base, users=4, length=6, seed=0):
    """Weights, vectors, values within 0..1, and a mask that leaves a user of no event."""
    draw = np.random.default_rng(seed)
    weights = draw.normal(size=(users, base.size)).astype(np.float32)
    vectors = draw.normal(size=(users, length, 4)).astype(np.float32)
    value = draw.random((users, length)).astype(np.float32)
    mask = (np.arange(length) < np.array([0, 1, 4, 6])[:, None]).astype(np.float32)
    return weights, vectors, value * mask, mask


@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
@pytest.mark.parametrize("per_weight", [False, True])
@pytest.mark.parametrize("base", BASES, ids=["dot", "mlp"])
def test_closed_steps_of_a_head_are_torchs(base, per_weight, loss):
    """ANIL of numpy goes where autograd's does."""
    weights, vectors, value, mask = drawn(base)
    rates = np.random.default_rng(1).random((3, base.head if per_weight else 1)).astype(np.float32)
    damping = np.float32(2.5)
    hidden = base.hidden(weights[:, base.head :], vectors)
    closed = heads.stepped(
        (weights[:, :1], weights[:, 1 : base.head]), hidden, vectors[..., 0], value, mask,
        rates, damping, loss,
    )  # fmt: skip
    after = Inner(base, loss, base.head).adapted(
        torch.tensor(weights),
        (torch.tensor(vectors), torch.tensor(value), torch.tensor(mask)),
        torch.tensor(rates),
        torch.tensor(damping),
    )
    assert np.allclose(np.concatenate(closed, axis=1), after[:, : base.head], atol=1e-4)
    assert torch.equal(after[:, base.head :], torch.tensor(weights[:, base.head :]))
    assert torch.equal(after[0], torch.tensor(weights[0]))


@pytest.mark.parametrize("base", BASES, ids=["dot", "mlp"])
def test_scorers_say_the_same_of_numpy_and_torch(base):
    """One formula serves both, for one user and for many."""
    weights, vectors, _, _ = drawn(base)
    many = base.value(weights, vectors)
    assert np.allclose(many, base.value(torch.tensor(weights), torch.tensor(vectors)), atol=1e-5)
    assert np.allclose(many[1], base.value(weights[1], vectors[1]), atol=1e-5)


def slow_gradient(*, first_order):
    """What slow weights, the start and items' vectors, learn of a query after two steps."""
    base = Dot(3)
    weights, vectors, value, mask = (torch.tensor(part) for part in drawn(base))
    weights, vectors = weights.requires_grad_(), vectors.requires_grad_()
    inner = Inner(base, "squared", base.size, first_order)
    after = inner.adapted(
        weights, (vectors, value, mask), torch.full((2, 1), 0.05), torch.tensor(1.0)
    )
    base.value(after, vectors.detach()).square().sum().backward()
    return weights.grad, vectors.grad


def test_second_order_learns_through_the_steps():
    """First order differs from it, and leaves the support's vectors alone."""
    first, second = slow_gradient(first_order=True), slow_gradient(first_order=False)
    assert torch.allclose(first[0][0], second[0][0])  # a user without events has no steps
    assert not torch.allclose(first[0][2], second[0][2], rtol=0.01)
    assert first[1] is None
    assert second[1].abs().max() > 0


def test_second_order_is_the_true_derivative():
    """It agrees with differences of the loss itself."""
    base = Dot(2)
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn((1, base.size), generator=draw, dtype=torch.float64)
    vectors = torch.randn((1, 4, 3), generator=draw, dtype=torch.float64)
    value, mask = torch.rand((1, 4), generator=draw, dtype=torch.float64), torch.ones(1, 4).double()
    inner = Inner(base, "squared", base.size)

    def loss(weights):
        after = inner.adapted(
            weights, (vectors, value, mask), torch.full((2, 1), 0.1).double(), torch.tensor(1.0)
        )
        return (base.value(after, vectors) - value).square().sum()

    assert torch.autograd.gradcheck(loss, weights.requires_grad_())


@pytest.mark.parametrize("base", ["dot", "mlp"])
@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
@pytest.mark.parametrize("name", ["anil", "maml", "metasgd"])
def test_each_scorer_and_loss_is_learned(name, base, loss):
    """New users are told better after events with either base and either loss."""
    learner = learner_class(name)
    wanted = {"base": base, "loss": loss, "rate": 2.0 if loss != "squared" else 0.4}
    settings = replace(
        learner.defaults, size=3, rounds=4, units=8, epochs=15, outer_rate=3e-3, **wanted
    )
    trained = learner(settings=settings).meta_train(*synthetic(users=48))
    world, tasks = synthetic(users=40, seed=1, profiles=False)
    assert error(trained, world, tasks, 20) < error(trained, world, tasks, 0) - 0.1


def test_rates_are_learned_or_left():
    """Fixed rates stay as given, others move; Meta-SGD has one for each weight."""
    world, tasks = synthetic(users=16)
    learner = learner_class("maml")
    found = {}
    for rates in ("fixed", "step", "weight"):
        settings = replace(learner.defaults, size=3, rounds=2, epochs=2, steps=2, rates=rates)
        found[rates] = learner(settings=settings).meta_train(world, tasks).learned["rates"]
    assert np.allclose(found["fixed"], learner.defaults.rate)
    assert not np.allclose(found["step"], learner.defaults.rate)
    assert found["step"].shape == (2, 1)
    assert found["weight"].shape == (2, Dot(3).size)
    assert np.ptp(found["weight"]) > 0
