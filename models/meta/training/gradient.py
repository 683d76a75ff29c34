"""Meta-training of the learners by gradient steps, and their steps where these need torch."""

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Float32s
from models.meta.gradient import GradientSettings, scaled, span
from models.meta.learner import Progress
from models.meta.tasks import Tasks, World
from models.meta.training.inner import Given, Inner, errors
from models.meta.training.items import Prior, array
from models.meta.training.learn import Learned, Model, Taught, learn_episodes
from models.meta.training.loop import Batch, user_mean
from models.training.threads import one_thread

_SLOPE: Final = 4.0
"""A sigmoid rises from 0 to 1 as its tangent in the middle does over 4."""


def learn(
    name: str,
    settings: GradientSettings,
    of: tuple[World, Tasks],
    *,
    seed: int,
    progress: Progress,
) -> Taught:
    """What `GradientLearner` reads of `learned`, its settings aside."""
    world = of[0]
    scale = 0.0, 1.0
    if settings.loss == "cross-entropy":
        scale = (world.low + world.high) / 2, _SLOPE / span(np.array([world.low, world.high]))
    return learn_episodes(
        lambda prior, attributes: _Model(name, settings, world, prior, (attributes, seed)),
        settings, of, seed=seed, progress=progress, scale=scale,
    )  # fmt: skip


def adapted(
    settings: GradientSettings,
    weights: Float32s,
    events: tuple[Float32s, Float32s, Float32s],
    rates: Float32s,
) -> Float32s:
    """Weights after the steps; events: vectors [n, L, p], values as told and mask [n, L]."""
    with torch.no_grad(), one_thread():
        vector, value, mask = map(torch.from_numpy, events)
        after = _inner(settings).adapted(
            torch.from_numpy(weights),
            (vector, value, mask),
            torch.from_numpy(rates),
            torch.tensor(settings.damping),
        )
    return array(after)


def _inner(settings: GradientSettings) -> Inner:
    scorer = settings.scorer
    count = scorer.head if settings.head_only else scorer.size
    return Inner(scorer, settings.loss, count, settings.first_order or settings.reptile)


class _Model(Model):
    """The slow weights of all learners by gradient steps."""

    def __init__(
        self,
        name: str,
        settings: GradientSettings,
        world: World,
        prior: Prior,
        sizes: tuple[int, int],
    ) -> None:
        attributes, seed = sizes
        super().__init__(world, prior, (attributes, settings.scorer.head))
        self._name, self._settings, self._inner = name, settings, _inner(settings)
        self._range = np.array([world.low, world.high], dtype=np.float32)
        start = settings.scorer.initial(prior.user, np.random.default_rng(seed))
        self._start = nn.Parameter(torch.from_numpy(start))
        width = self._inner.count if settings.rates == "weight" else 1
        log_rates = torch.full((settings.steps, width), math.log(settings.rate))
        self._log_rates = nn.Parameter(log_rates, requires_grad=settings.rates != "fixed")
        self.quick = (self._log_rates,)
        self._damping = torch.tensor(settings.damping)

    def learned(self) -> Learned:
        """Start, body and rates."""
        start, head = array(self._start), self._settings.scorer.head
        return {
            "start": start[:head] if self._settings.head_only else start,
            "body": start[head:],
            "rates": array(self._log_rates.exp()),
        }

    def target(self, value: Float32s) -> Float32s:
        """Values as the loss takes them."""
        return scaled(self._settings.loss, self._range, value)

    def loss(self, batch: Batch) -> Tensor:
        """How far the adapted weights are off on the queries."""
        weights = self._starts(batch.profile)
        if self._settings.reptile:
            return self._reptile(weights, batch)
        return self._error(self._adapted(weights, batch.support, batch), batch)

    def _starts(self, profile: Tensor) -> Tensor:
        head = self._settings.scorer.head
        shifted = self._start[:head] + profile @ self.shift
        return torch.cat([shifted, self._start[head:].expand(len(profile), -1)], dim=1)

    def _adapted(self, weights: Tensor, events: Given, batch: Batch) -> Tensor:
        """Weights after steps on the events, which must not lead away from the support."""
        rates = self._log_rates.exp()
        after = self._inner.adapted(weights, events, rates, self._damping)
        before, last = (
            errors(
                self._settings.loss,
                self._settings.scorer.value(one, batch.support.vector),
                batch.support.value,
            )
            for one in (weights, after)
        )
        told = ", ".join(f"{rate:.3g}" for rate in rates.mean(1).tolist())
        what = f"{self._name} diverged: steps at rates of {told}, at first {self._settings.rate:g},"
        outer = self._settings.outer_rate
        self.refuse_divergence((before, last), batch.support.mask, what, outer)
        return after

    def _reptile(self, weights: Tensor, batch: Batch) -> Tensor:
        """A loss whose gradient moves the start towards where steps on all events lead.

        Items' vectors, which no step moves, learn from the queries as the weights that the support
        leads to see them.
        """
        fixed = weights.detach()
        both = [torch.cat(pair, dim=1) for pair in zip(batch.support, batch.query, strict=True)]
        goal = self._adapted(fixed, (both[0].detach(), both[1], both[2]), batch).detach()
        support = batch.support
        own = self._adapted(fixed, (support.vector.detach(), *support[1:]), batch).detach()
        way = ((fixed - goal) * weights).sum(1).mean()
        return self._error(own, batch) + self._settings.towards * way

    def _error(self, weights: Tensor, batch: Batch) -> Tensor:
        value = self._settings.scorer.value(weights, batch.query.vector)
        if self._settings.loss == "squared":
            return self.off(value, batch)
        off = errors("cross-entropy", value, batch.query.value)
        return user_mean(off, batch.query.mask)
