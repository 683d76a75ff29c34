"""A posterior over a user's weights in closed form, on item features that were meta-learned.

    y = g + b_i + c + phi_i . z + noise,   h = (c, z) ~ N(m, P^-1) before any event
    P <- P + (x x' + V_i) / s2,   P m <- P m + (x (y - g - b_i) - v_i) / s2,   x = (1, phi_i)

V_i is the uncertainty of phi_i, v_i that which it shares with b_i. An event costs O(D^2), reading
the weights a solve of D = 1 + d.
"""

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Float64s
from models.features import FeatureMap
from models.meta import em
from models.meta.learner import MetaLearner, Progress, item_tables, silent
from models.meta.tasks import Profile, Support, Tasks, World

_SIZE: Final = 8
"""d, numbers of a user's taste beside the offset."""
_ROUNDS: Final = 12
_MOST_FEATURES: Final = 512


class Bayes(MetaLearner):
    """Weights [n, D + D (D + 1) / 2]: the mean, and the lower half of the precision, by rows.

    An item's vector: b + g, phi, the lower half of V, and v.
    """

    name = "bayes"

    def meta_train(
        self, world: World, tasks: Tasks, *, seed: int = 0, progress: Progress = silent
    ) -> Self:
        """Fit by variational EM."""
        features = FeatureMap.learn(world.contents, most=_MOST_FEATURES)
        found = em.fit(
            tasks, len(world), (features.transform(world.contents), features.size),
            size=_SIZE, rounds=_ROUNDS, seed=seed, progress=lambda done: progress(done, _ROUNDS),
        )  # fmt: skip
        return self.with_learned(_tables(world, tasks, features, found), "no rate")

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """The prior: float32[n, w]."""
        return np.tile(self.learned["start"], (len(profiles), 1))

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """The posterior, as if the weights were a prior."""
        dim = self._dim
        mean, half = weights[:, :dim].astype(np.float64), weights[:, dim:]
        precision = _whole(half.astype(np.float64), dim)
        seen, mask = support.vector, support.mask[:, None]
        x = np.concatenate([support.mask[..., None], seen[..., 1:dim]], axis=2)
        away = ((support.value - seen[..., 0]) * support.mask)[:, None]
        rest = np.matmul(mask, seen[..., dim:])[:, 0]
        square = np.matmul(x.transpose(0, 2, 1), x).astype(np.float64)
        square[:, 1:, 1:] += _whole(rest[:, : 1 - dim], dim - 1)
        told = np.matmul(away, x)[:, 0]
        told[:, 1:] -= rest[:, 1 - dim :]
        noise = float(self.learned["noise"][0])
        target = np.einsum("nij,nj->ni", precision, mean) + told / noise
        after = precision + square / noise
        row, column = np.tril_indices(dim)
        found = np.linalg.solve(after, target[..., None])[..., 0]
        return np.concatenate([found, after[:, row, column]], axis=1).astype(np.float32)

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The mean of what the posterior says."""
        dim = self._dim
        taste = np.matmul(vectors[..., 1:dim], weights[:, 1:dim, None])[..., 0]
        return np.asarray(vectors[..., 0] + weights[:, :1] + taste, dtype=np.float32)

    def uncertainty(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """Standard deviations of the predicted means: float32[n, m]."""
        dim = self._dim
        cov = np.linalg.inv(_whole(weights[:, dim:].astype(np.float64), dim))
        x = np.concatenate([np.ones_like(vectors[..., :1]), vectors[..., 1:dim]], axis=-1)
        variance = (np.matmul(x, cov) * x).sum(axis=-1)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float32)

    @property
    def _dim(self) -> int:
        """D."""
        return int(self.learned["dim"][0])


def _tables(
    world: World, tasks: Tasks, features: FeatureMap, found: em.Fitted
) -> dict[str, npt.NDArray[Any]]:
    known = np.flatnonzero(np.bincount(tasks.item, minlength=len(world)))
    precision = np.linalg.inv(found.user_cov)
    dim = len(precision)
    lower = np.tril_indices(dim)
    own = vectors_of(found.item[known], found.item_cov[known], found.mean)
    unknown = vectors_of(found.content[:1], found.spread[None], found.mean)[0]
    content = np.zeros((features.size, own.shape[1]))
    content[:, :dim] = found.content[1:]
    return {
        **item_tables(world, (known, own), features, content, unknown),
        "start": np.concatenate([found.user_mean, precision[lower]]).astype(np.float32),
        "noise": np.array([found.noise], dtype=np.float32),
        "dim": np.array([dim], dtype=np.int64),
    }


def vectors_of(item: Float64s, cov: Float64s, mean: float) -> Float32s:
    """Vectors of items from their means [k, D] and covariances [k, D, D]."""
    row, column = np.tril_indices(item.shape[1] - 1)
    parts = (item[:, :1] + mean, item[:, 1:], cov[:, 1 + row, 1 + column], cov[:, 0, 1:])
    return np.concatenate(parts, axis=1).astype(np.float32)


def _whole(half: Float64s, dim: int) -> Float64s:
    """Symmetric matrices [n, D, D] of their lower halves."""
    row, column = np.tril_indices(dim)
    whole = np.empty((len(half), dim, dim))
    whole[:, row, column] = half
    whole[:, column, row] = half
    return whole
