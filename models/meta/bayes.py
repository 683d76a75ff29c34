"""A posterior over a user's weights in closed form, on item features that were meta-learned.

    y = g + b_i + c + phi_i . z + noise,   h = (c, z) ~ N(m, P^-1) before any event
    P <- P + (x x' + V_i) / s2,   P m <- P m + (x (y - g - b_i) - v_i) / s2,   x = (1, phi_i)

V_i is the uncertainty of phi_i, v_i that which it shares with b_i. An event costs O(D^2), reading
the weights a solve of D = 1 + d; events one by one give what they give all at once.

Variational EM (models.meta.em) gives all of it a start; then items, prior, noise, what profiles
shift and how much V counts learn from episodes, through the solve (models.meta.training.bayes).

Tried on three splits of training users as EpisodicSettings has them, mean MAE after 1 to 20 events:
as EM leaves it .8155; long episodes in 0 / .15 / .3 of batches .8073 / .8080 / .8068; without them
5 epochs .8080, half the outer rate .8072, 8 folds .8073, size 12 .8074. Differences below .001 are
chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32s, Float64s
from models.errors import DataError
from models.meta import posterior
from models.meta.episodic import SPACE, EpisodicLearner, EpisodicSettings
from models.meta.learner import Progress, silent
from models.meta.tasks import Profile, Support, Tasks, World
from models.search.space import Float, Int, Space


@dataclass(frozen=True, slots=True)
class BayesSettings(EpisodicSettings):
    """What is decided before training."""

    long: float = 0.3


class Bayes(EpisodicLearner[BayesSettings]):
    """Weights [n, 2 D + D (D + 1) / 2]: the mean, the prior's, and the lower half of the precision.

    forgetting: what an event still counts when one more has come; 1 forgets nothing.
    An item's vector: b + g, phi, the lower half of V, and v.
    """

    name = "bayes"
    training = "bayes"
    defaults = BayesSettings()
    space: ClassVar[Space] = {**SPACE, "folds": Int(1, 8), "long": Float(0.0, 0.6)}
    forgetting: ClassVar[float] = 1.0

    def meta_train(
        self, world: World, tasks: Tasks, *, seed: int = 0, progress: Progress = silent
    ) -> Self:
        """Learn on episodes, from variational EM on; a prior over users needs two of them."""
        if len(tasks) < 2 or not len(tasks.item):
            raise DataError(f"Learner {self.name} needs events of two users; got {len(tasks)}.")
        return super().meta_train(world, tasks, seed=seed, progress=progress)

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """The prior, its mean shifted by what is known of each user: float32[n, w]."""
        weights = np.tile(self.learned["start"], (len(profiles), 1))
        weights[:, : 2 * self._dim] += np.tile(self.shifts(profiles), 2)
        return weights

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """The posterior, as if the weights were a prior."""
        after = np.empty_like(weights)
        posterior.adapt(
            weights, self.learned["start"], self._dim, np.ascontiguousarray(support.vector),
            np.ascontiguousarray(support.value), support.size, float(self.learned["noise"][0]),
            self.forgetting, after,
        )  # fmt: skip
        return after

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The mean of what the posterior says."""
        dim = self._dim
        taste = np.matmul(vectors[..., 1:dim], weights[:, 1:dim, None])[..., 0]
        return np.asarray(vectors[..., 0] + weights[:, :1] + taste, dtype=np.float32)

    def uncertainty(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """Standard deviations of the predicted means: float32[n, m]."""
        dim = self._dim
        cov = np.linalg.inv(_whole(weights[:, 2 * dim :].astype(np.float64), dim))
        x = np.concatenate([np.ones_like(vectors[..., :1]), vectors[..., 1:dim]], axis=-1)
        variance = (np.matmul(x, cov) * x).sum(axis=-1)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float32)

    @property
    def _dim(self) -> int:
        """D."""
        return int(self.learned["dim"][0])


def _whole(half: Float64s, dim: int) -> Float64s:
    """Symmetric matrices [n, D, D] of their lower halves."""
    row, column = np.tril_indices(dim)
    whole = np.empty((len(half), dim, dim))
    whole[:, row, column] = half
    whole[:, column, row] = half
    return whole
