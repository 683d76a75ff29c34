"""A posterior over a user's weights in closed form, on item features that were meta-learned.

    y = g + b_i + c + phi_i . z + noise,   h = (c, z) ~ N(m, P^-1) before any event
    P <- P + (x x' + V_i) / s2,   P m <- P m + (x (y - g - b_i) - v_i) / s2,   x = (1, phi_i)

V_i is the uncertainty of phi_i, v_i that which it shares with b_i. An event costs O(D^2), reading
the weights a solve of D = 1 + d; events one by one give what they give all at once.

The items' side comes from variational EM (models.meta.em), the prior from gradients through the
solve (models.meta.training.prior), for users whose events the items' side has not seen.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Float64s
from models.content import Content
from models.errors import DataError, MissingLibraryError
from models.features import FeatureMap
from models.meta import em
from models.meta.learner import MetaLearner, Progress, item_tables, silent
from models.meta.tasks import Profile, Support, Tasks, World
from models.meta.telling import learn_steps

if TYPE_CHECKING:
    from models.meta.training.prior import Prior

_SIZE: Final = 8
"""d, numbers of a user's taste beside the offset."""
_ROUNDS: Final = 20
_FOLDS: Final = 4
_FOLD_ROUNDS: Final = 3
"""From the fit to all users on: so many rounds forget a fold's users."""
_MOST_FEATURES: Final = 512
_MOST_ATTRIBUTES: Final = 64
_PROFILE_RIDGE: Final = 20.0
"""Users without a shift that an attribute's users are averaged with."""


class Bayes(MetaLearner):
    """Weights [n, 2 D + D (D + 1) / 2]: the mean, the prior's, and the lower half of the precision.

    forgetting: what an event still counts when one more has come; 1 forgets nothing.
    An item's vector: b + g, phi, the lower half of V, and v.
    """

    name = "bayes"
    forgetting: ClassVar[float] = 1.0

    def meta_train(
        self, world: World, tasks: Tasks, *, seed: int = 0, progress: Progress = silent
    ) -> Self:
        """Fit by variational EM, then learn the prior end to end."""
        try:
            from models.meta.training.prior import learn_prior  # noqa: PLC0415  # torch
        except ModuleNotFoundError as exc:
            raise MissingLibraryError.of(exc) from exc
        if len(tasks) < 2 or not len(tasks.item):
            raise DataError(f"Learner {self.name} needs events of two users; got {len(tasks)}.")
        features = FeatureMap.learn(world.contents, most=_MOST_FEATURES)
        cells = features.transform(world.contents), features.size
        steps = _ROUNDS + _FOLDS * _FOLD_ROUNDS

        def fit(some: Tasks, rounds: int, before: int, start: em.Fitted | None) -> em.Fitted:
            return em.fit(
                some, len(world), cells, size=_SIZE, rounds=rounds, seed=seed, start=start,
                progress=lambda done: progress(before + done, steps),
            )  # fmt: skip

        whole = fit(tasks, _ROUNDS, 0, None)
        folds = np.random.default_rng(seed).permutation(len(tasks)) % min(_FOLDS, len(tasks))
        parts = [
            fit(
                tasks.select(np.flatnonzero(folds != fold)), _FOLD_ROUNDS,
                _ROUNDS + fold * _FOLD_ROUNDS, whole,
            )
            for fold in range(int(folds.max()) + 1)
        ]  # fmt: skip
        attributes = FeatureMap.learn(map(_as_content, tasks.profiles), most=_MOST_ATTRIBUTES)
        profiles = _attributes(attributes, tasks.profiles)
        gram = profiles.T @ profiles + _PROFILE_RIDGE * np.eye(profiles.shape[1])
        away: Float64s = profiles.T @ (whole.user - whole.user_mean)
        shift = np.asarray(np.linalg.solve(gram, away), dtype=np.float64)
        prior = learn_prior(
            tasks, folds, parts, whole, (profiles, shift), seed, lambda _done, _of: None
        )

        def learner(fitted: em.Fitted) -> "Bayes":
            tables = _tables(world, tasks, (features, attributes), fitted, prior)
            return self.with_learned(tables, f"{_ROUNDS} rounds")

        pairs = []  # of users told by vectors that were fitted without them
        for fold, part in enumerate(parts):
            one = learner(part)
            some = tasks.select(np.flatnonzero(folds == fold))
            pairs.append(one.told_by_few(some, one.item_vectors(world.hashes, world.contents)))
        predicted, value = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
        told = dict(zip(("steps", "thresholds"), learn_steps(predicted, value), strict=True))
        return self.with_learned({**learner(whole).learned, **told}, f"{_ROUNDS} rounds")

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """The prior, its mean shifted by what is known of each user: float32[n, w]."""
        weights = np.tile(self.learned["start"], (len(profiles), 1))
        if any(profiles) and len(self.learned["shift"]):
            attributes = FeatureMap.from_json(self.learned["attributes"].tobytes().decode())
            shift = _attributes(attributes, profiles) @ self.learned["shift"]
            weights[:, : 2 * self._dim] += np.tile(shift, 2).astype(np.float32)
        return weights

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """The posterior, as if the weights were a prior."""
        dim = self._dim
        mean, first = weights[:, :dim].astype(np.float64), weights[:, dim : 2 * dim]
        base = _whole(self.learned["start"][None, 2 * dim :].astype(np.float64), dim)
        gained = _whole(weights[:, 2 * dim :].astype(np.float64), dim) - base
        target = np.matmul(base + gained, mean[..., None])[..., 0]
        start = np.matmul(base, first[..., None].astype(np.float64))[..., 0]
        kept = self.forgetting ** support.size.astype(np.float64)[:, None]
        square, told = self._gains(support)
        after = base + kept[..., None] * gained + square
        target = start + kept * (target - start) + told
        found = np.linalg.solve(after, target[..., None])[..., 0]
        row, column = np.tril_indices(dim)
        return np.concatenate([found, first, after[:, row, column]], axis=1).astype(np.float32)

    def _gains(self, support: Support) -> tuple[Float64s, Float64s]:
        """What the events add to the precision [n, D, D], and to this times the mean [n, D]."""
        dim, seen = self._dim, support.vector
        age = support.size[:, None] - 1 - np.arange(seen.shape[1])
        counts = support.mask * self.forgetting ** np.maximum(age, 0)
        counts = (counts / self.learned["noise"][0]).astype(np.float32)
        x = np.concatenate([support.mask[..., None], seen[..., 1:dim]], axis=2)
        counted = x * counts[..., None]
        square = np.matmul(counted.transpose(0, 2, 1), x).astype(np.float64)
        rest = np.matmul(counts[:, None], seen[..., dim:])[:, 0].astype(np.float64)
        square[:, 1:, 1:] += _whole(rest[:, : 1 - dim], dim - 1)
        away = (support.value - seen[..., 0])[:, None]
        told = np.matmul(away, counted)[:, 0].astype(np.float64)
        told[:, 1:] -= rest[:, 1 - dim :]
        return square, told

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


def _as_content(profile: Profile) -> Content | None:
    """A profile in the form whose features can be learned."""
    return None if profile is None else Content(attributes=profile)


def _attributes(features: FeatureMap, profiles: Sequence[Profile]) -> Float64s:
    """Attributes of users: float64[n, P], 0 for what was never seen."""
    cells = features.transform([_as_content(profile) for profile in profiles])
    return em.dense(cells, features.size, len(profiles))[:, 1:]


def _tables(
    world: World,
    tasks: Tasks,
    maps: tuple[FeatureMap, FeatureMap],
    found: em.Fitted,
    prior: "Prior",
) -> dict[str, npt.NDArray[Any]]:
    """All tables; maps: of items' contents, and of users' profiles."""
    features, attributes = maps
    known = np.flatnonzero(np.bincount(tasks.item, minlength=len(world)))
    dim = len(prior.mean)
    own = vectors_of(found.item[known], found.item_cov[known] * prior.doubt, found.mean)
    unknown = vectors_of(found.content[:1], found.spread[None] * prior.doubt, found.mean)[0]
    content = np.zeros((features.size, own.shape[1]))
    content[:, :dim] = found.content[1:]
    half = prior.precision[np.tril_indices(dim)]
    return {
        **item_tables(world, (known, own), features, content, unknown),
        "start": np.concatenate([prior.mean, prior.mean, half]).astype(np.float32),
        "attributes": np.frombuffer(attributes.to_json().encode(), dtype=np.uint8).copy(),
        "shift": prior.shift.astype(np.float32),
        "noise": np.array([prior.noise], dtype=np.float32),
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
