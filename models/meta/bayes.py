"""A posterior over a user's weights in closed form, on item features that were meta-learned.

    y = g + b_i + a_j + c + phi_i . z + noise,   h = (c, z) ~ N(m, P^-1) before any event
    P <- P + t_j (x x' + V_i),   P m <- P m + t_j (x (y - g - b_i - a_j) - v_i),   x = (1, phi_i)

V_i is the uncertainty of phi_i; v_i has what this shares with b_i, and what it says of a user that
content such as the item's was chosen at all. t_j and a_j are learned of a user's j-th event: first
ones are less like what comes later. An event costs O(D^2), reading the weights a solve of
D = 1 + d; events one by one give what they give all at once.

How likely each step of values is, and so the median, curves say by the mean, by how unsure it is,
by how much the user's values differ from what the mean says, and by which steps they reached
oftener than the prior expects (see models.meta.telling).

Variational EM (models.meta.em) gives all of it a start; then items, prior, noise, what profiles
shift and how much V counts learn from episodes, through the solve (models.meta.training.bayes).

Tried on three splits of training users as EpisodicSettings has them, mean MAE after 1 to 20 events,
predicted and told: without a_j, t_j and what choosing says .8068 and .7746, with them .8043 and
.7681; of long episodes in 0 / .3 of batches .8057 / .8043 and .7689 / .7681. What is told by
thresholds of the mean alone was .003 worse. Nothing came of: averaging two or three fits,
prototypes among them; size 4, 12 and 16 (after 1 to 20 events .8045 beside .8025; after all other
events of a user .7309 beside .7350); what choosing one item, not its content, says; 8 folds; trust
by item or by value; noisy supports; learning the curves with the features (.8095 predicted); a
posterior of each step's chance; queries far from the support. Differences below .002 are chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from models.arrays import Float32s, Float64s, Int64s
from models.errors import DataError
from models.meta import posterior
from models.meta.episodic import SPACE, EpisodicLearner, EpisodicSettings
from models.meta.learner import Fold, Progress, silent
from models.meta.tasks import Profile, Support, Tasks, World
from models.meta.telling import steps_of
from models.search.space import Float, Int, Space

_NOTES: Final = 3
_PULL: Final = 5.0
"""Events that are as the prior expects, beside which a user's own tell of habits."""


@dataclass(frozen=True, slots=True)
class BayesSettings(EpisodicSettings):
    """What is decided before training."""

    long: float = 0.15


class Bayes(EpisodicLearner[BayesSettings]):
    """Weights [n, 2 D + D (D + 1) / 2 + 3 + c]: the mean, the prior's, the precision, and notes.

    The precision is its lower half. Notes are how many events came, how many count, the squares of
    what sets them apart from what the prior expects, and how much oftener than it expects they
    reached each of c steps.

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
        start = self.learned["start"]
        notes = np.zeros(_NOTES + self._chances.shape[1], dtype=np.float32)
        weights = np.tile(np.concatenate([start, notes]), (len(profiles), 1))
        weights[:, : 2 * self._dim] += np.tile(self.shifts(profiles), 2)
        return weights

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """The posterior, as if the weights were a prior."""
        there = support.mask > 0
        vectors = support.vector.reshape(-1, support.vector.shape[2])
        first = np.concatenate([[0], np.cumsum(support.size)])
        return self._posterior(
            weights, vectors, (np.flatnonzero(there), support.value[there], first)
        )

    def adapted(self, weights: Float32s, tasks: Tasks, vectors: Float32s) -> Float32s:
        """The same of all of the tasks' events, whose vectors are read where they lie."""
        item, value = tasks.item.astype(np.int64), self.clip(tasks.value)
        return self._posterior(weights, vectors, (item, value, tasks.start))

    def _posterior(
        self, weights: Float32s, vectors: Float32s, events: tuple[Int64s, Float32s, Int64s]
    ) -> Float32s:
        """events: item, value and first as posterior.adapt has them."""
        after = np.empty_like(weights)
        posterior.adapt(
            weights, self.learned["start"], self.learned["places"],
            self.learned.get("steps", np.zeros(0)).astype(np.float32), self._chances, self._dim,
            np.ascontiguousarray(vectors), *events, float(self.learned["noise"][0]),
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
        cov = np.linalg.inv(self._precision(weights))
        x = np.concatenate([np.ones_like(vectors[..., :1]), vectors[..., 1:dim]], axis=-1)
        variance = (np.matmul(x, cov) * x).sum(axis=-1)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float32)

    def middle(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The median of what may come, which is more than a point to a posterior."""
        return self.median(weights, vectors)

    def learn_telling(self, folds: Sequence[Fold]) -> Self:
        """Learn what notes are of, how likely the prior expects each step to be, and the curves."""
        steps = steps_of(np.concatenate([tasks.value for tasks, _ in folds]))
        tables = {**self.learned, "steps": steps}
        if len(steps):
            found = [self.by_few(self.predict, *fold, (0,)) for fold in folds]
            predicted, value, _ = (np.concatenate(columns) for columns in zip(*found, strict=True))
            design = np.stack([np.ones_like(predicted), predicted], axis=1)
            reached = (value[:, None] >= steps[1:]).astype(np.float32)
            tables["chances"] = np.linalg.lstsq(design, reached)[0].astype(np.float32)
        noting = type(self)(repeats=self.repeats, learned=tables)
        return super(Bayes, noting).learn_telling(folds)

    def signs(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """What curves read of a user and an item: float32[n, m, 6 + c]."""
        dim, scale = self._dim, float(np.sqrt(self.learned["noise"][0]))
        notes = weights[:, -_NOTES - self._chances.shape[1] :].astype(np.float64)
        moved = (weights[:, :dim] - weights[:, dim : 2 * dim]).astype(np.float64)
        explained = np.einsum("ni,nij,nj->n", moved, self._precision(weights), moved)
        count = _PULL + notes[:, 1]
        squares = np.maximum(notes[:, 2] / scale**2 - explained, 0.0)
        spread = np.log((_PULL + squares) / count)[:, None]
        mean = (self.predict(weights, vectors) - self.learned["range"].mean()) / scale
        unsure = self.uncertainty(weights, vectors) / scale
        one, habits = np.ones_like(mean), notes[:, None, _NOTES:] / count[:, None, None]
        signs = [one, mean, spread * one, spread * mean, unsure, unsure * mean]
        habits = np.broadcast_to(habits, (*mean.shape, habits.shape[2]))
        return np.concatenate([np.stack(signs, axis=-1), habits], axis=-1).astype(np.float32)

    def _precision(self, weights: Float32s) -> Float64s:
        """Of the posteriors: [n, D, D]."""
        half = weights[:, 2 * self._dim : len(self.learned["start"])]
        return _whole(half.astype(np.float64), self._dim)

    @property
    def _chances(self) -> Float32s:
        """How likely each step is to be reached, by what the prior expects: [2, c]."""
        return self.learned.get("chances", np.zeros((2, 0), dtype=np.float32))

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
