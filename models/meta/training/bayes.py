"""Meta-training of the Bayesian head: all of it learns, through the posterior's solve."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.arrays import Float32s, Float64s
from models.meta.bayes import BayesSettings
from models.meta.em import Fitted
from models.meta.episodes import SUPPORT
from models.meta.episodic import attributes, learn_attributes
from models.meta.learner import Progress
from models.meta.tasks import Tasks, World
from models.meta.training.items import Prior, SlowItems, array
from models.meta.training.learn import Model, Taught, learn_episodes
from models.meta.training.loop import Batch, Events

_RIDGES: Final = (20.0, 60.0, 200.0, 600.0)
"""Users without a shift whom those of an attribute may be averaged with."""


def learn(
    name: str,  # noqa: ARG001  # as others' learn
    settings: BayesSettings,
    of: tuple[World, Tasks],
    *,
    seed: int,
    progress: Progress,
) -> Taught:
    """What `Bayes` reads of `learned`, its settings aside."""
    return learn_episodes(
        lambda prior, _: _Model(of, prior), settings, of, seed=seed, progress=progress
    )


class _UnsureItems(SlowItems):
    """Vectors of items as models.meta.bayes has them: b and phi are learned, V scaled.

    v is scaled too, less what content says of users who choose it.
    """

    def __init__(self, prior: Prior) -> None:
        super().__init__(prior)
        self._log_doubt = nn.Parameter(torch.zeros(1))
        dim = prior.whole.spread.shape[0]
        self._says = nn.Parameter(torch.zeros(prior.features.size, dim))
        self._half = dim * (dim - 1) // 2
        self._unsure = torch.from_numpy(_halves(prior.whole.item_cov))
        self._new = torch.from_numpy(_halves(prior.whole.spread[None])[0])

    @property
    def numbers(self) -> tuple[nn.Parameter, ...]:
        """What scales V and v."""
        return (self._log_doubt,)

    def forward(self, item: npt.NDArray[np.int64], user: Any = None) -> Tensor:
        """Vectors of items int64[...]: [..., p]."""
        unsure = self._unsure[torch.from_numpy(item)] * self._log_doubt.exp()
        distinct, place = np.unique(item, return_inverse=True)
        says = self.of_content(self._says, distinct)[torch.from_numpy(place.reshape(item.shape))]
        unsure = unsure - functional.pad(says, (self._half, 0))
        return torch.cat([super().forward(item, user), unsure], dim=-1)

    def unknown(self) -> tuple[Tensor, Tensor]:
        """Of items without a vector of their own, whose V is that of items given their content."""
        content, unknown = super().unknown()
        new = self._new * self._log_doubt.exp()
        content = torch.cat([functional.pad(content, (0, self._half)), -self._says], dim=1)
        return content, torch.cat([unknown, new])


class _Model(Model):
    """The prior over users, the noise, and the posterior with gradients."""

    def __init__(self, of: tuple[World, Tasks], prior: Prior) -> None:
        world, tasks = of
        fitted = prior.whole
        shift = _shift(tasks, prior, fitted)
        super().__init__(world, prior, shift.shape)
        self.items = self.unsure = _UnsureItems(prior)
        with torch.no_grad():
            self.shift.copy_(torch.from_numpy(shift))
        root = np.linalg.cholesky(np.linalg.inv(fitted.user_cov)).astype(np.float32)
        self._mean = nn.Parameter(torch.from_numpy(fitted.user_mean.astype(np.float32)))
        self._root = nn.Parameter(torch.from_numpy(root))
        self._log_weight = nn.Parameter(torch.tensor([-float(np.log(fitted.noise))]))
        self._log_trust = nn.Parameter(torch.zeros(SUPPORT))
        self._apart = nn.Parameter(torch.zeros(SUPPORT))
        own = (self._root, self._log_weight, self._log_trust, self._apart)
        self.quick = (*own, *self.items.numbers)

    @property
    def _precision(self) -> Tensor:
        return self._root @ self._root.T

    def learned(self) -> dict[str, npt.NDArray[Any]]:
        """The prior and the noise."""
        dim, mean = len(self._mean), array(self._mean)
        half = array(self._precision)[np.tril_indices(dim)]
        return {
            "start": np.concatenate([mean, mean, half]),
            "noise": array((-self._log_weight).exp()),
            "places": array(torch.stack([self._log_trust.exp(), self._apart], dim=1)),
            "dim": np.array([dim], dtype=np.int64),
        }

    def loss(self, batch: Batch) -> Tensor:
        """How far the posterior's mean is off on the queries."""
        user = self._posterior(self._mean + batch.profile @ self.shift, batch.support)
        asked = batch.query.vector
        taste = asked[..., 1 : user.shape[1]] @ user[:, 1:, None]
        return self.off(asked[..., 0] + user[:, :1] + taste[..., 0], batch)

    def _posterior(self, mean: Tensor, support: Events) -> Tensor:
        """Means [n, D] after the events, from [n, D] before any."""
        dim, mask = mean.shape[1], support.mask
        place = torch.arange(mask.shape[1]).clamp(max=SUPPORT - 1)
        trusted = mask * self._log_trust.exp()[place]
        rest = (support.vector[..., dim:] * trusted[..., None]).sum(1)
        x = torch.cat([torch.ones_like(mask)[..., None], support.vector[..., 1:dim]], dim=-1)
        weighed = x * trusted[..., None]
        row, column = torch.tril_indices(dim - 1, dim - 1)
        unsure = rest.new_zeros(len(rest), dim - 1, dim - 1)
        unsure[:, row, column] = rest[:, :-dim]
        unsure = unsure + unsure.tril(-1).mT
        square = weighed.mT @ x + functional.pad(unsure, (1, 0, 1, 0))
        away = support.value - support.vector[..., 0] - self._apart[place]
        told = (away[:, None] @ weighed)[:, 0] - rest[:, -dim:]
        prior, weight = self._precision, self._log_weight.exp()
        target = mean @ prior + weight * told
        user: Tensor = torch.linalg.solve(prior + weight * square, target[..., None])[..., 0]
        return user


def _shift(tasks: Tasks, prior: Prior, fitted: Fitted) -> Float32s:
    """What attributes shift at first [P, D]: the ridge, or no shift, that tells others best.

    A shift is judged by what it takes from the squared error of the users' means over all events.
    """
    table = attributes(learn_attributes(tasks.profiles)[0], tasks.profiles).astype(np.float64)
    away = fitted.user - fitted.user_mean
    x = fitted.item[tasks.item]
    x[:, 0] = 1.0
    size = np.maximum(tasks.size, 1)[tasks.user]
    weigh = (x / size[:, None]).T @ x / len(tasks)
    folds = range(int(prior.fold.max(initial=0)) + 1)

    def off(ridge: float) -> float:
        total = 0.0
        for fold in folds:
            own = prior.fold == fold
            left = away[own] - table[own] @ _regressed(table[~own], away[~own], ridge)
            total += float(np.einsum("ni,ij,nj->", left, weigh, left))
        return total

    best = min(_RIDGES, key=off)
    found = _regressed(table, away, best)
    nothing = float(np.einsum("ni,ij,nj->", away, weigh, away))
    return (found if off(best) < nothing else 0 * found).astype(np.float32)


def _regressed(table: Float64s, away: Float64s, ridge: float) -> Float64s:
    gram = table.T @ table + ridge * np.eye(table.shape[1])
    return np.asarray(np.linalg.solve(gram, table.T @ away), dtype=np.float64)


def _halves(cov: Float64s) -> Float32s:
    """Of covariances [k, D, D] of (b, phi): the lower half of V, and v with a leading 0."""
    row, column = np.tril_indices(cov.shape[1] - 1)
    parts = cov[:, 1 + row, 1 + column], np.zeros((len(cov), 1)), cov[:, 0, 1:]
    return np.concatenate(parts, axis=1).astype(np.float32)
