"""Matrix factorisation, trained in batches; a new user is folded in, the items staying as they are.

    score = mean + b_i + c_u + p_i . q_u

A new user's (c, q) is solved for, with a ridge to the mean of the training users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s
from models.errors import DataError, MissingLibraryError
from models.features import FeatureMap
from models.meta import em, item_tables
from models.meta.configured import Configured, Settings
from models.meta.learner import Progress, silent
from models.meta.tasks import Profile, Support, Tasks, World
from models.search.space import Float, Int, Space

_CONTENT_RIDGE: Final = 5.0
_MOST_FEATURES: Final = 512
_NEWTON: Final = 6


@dataclass(frozen=True, slots=True)
class FactorSettings(Settings):
    """What is decided before training."""

    most: ClassVar[Mapping[str, int]] = {"size": 1024, "steps": 100_000}

    size: int = 8  # factors
    steps: int = 600  # of Adam, about: whole epochs
    rate: float = 2e-2  # of these, at its highest
    decay: float = 0.05  # ridge of an event on what it touches
    ridge: float = 9.0  # of a new user's weights


class Factorisation(Configured[FactorSettings]):
    """Squared error. An item's vector: mean + b, p [1 + d]; a user's weights: c, q."""

    name = "mf"
    binary: ClassVar[bool] = False
    defaults = FactorSettings()
    space: ClassVar[Space] = {
        "size": Int(2, 64, log=True),
        "steps": Int(100, 3000, log=True),
        "rate": Float(2e-3, 1e-1, log=True),
        "decay": Float(5e-3, 0.5, log=True),
        "ridge": Float(1.0, 50.0, log=True),
    }

    def meta_train(
        self, world: World, tasks: Tasks, *, seed: int = 0, progress: Progress = silent
    ) -> Self:
        """Train factors of users and items, of which the items' are kept."""
        try:
            from models.meta.training import factors  # noqa: PLC0415  # torch
        except ModuleNotFoundError as exc:
            raise MissingLibraryError.of(exc) from exc
        if not len(tasks.item):
            raise DataError(f"Learner {self.name} needs events; there are none.")
        own, user = factors.learn_factors(
            tasks, len(world), self.settings, seed, progress, binary=self.binary, name=self.name
        )
        features = FeatureMap.learn(world.contents, most=_MOST_FEATURES)
        count = np.bincount(tasks.item, minlength=len(world))
        known = np.flatnonzero(count)
        cells = features.transform([world.contents[item] for item in known.tolist()])
        design = em.dense(cells, features.size, len(known))[:, 1:]
        weight = count[known] / (count[known] + _CONTENT_RIDGE)
        unknown = np.average(own[known], axis=0, weights=count[known])
        gram = (design * weight[:, None]).T @ design + _CONTENT_RIDGE * np.eye(design.shape[1])
        content = np.linalg.solve(gram, (design * weight[:, None]).T @ (own[known] - unknown))
        tables = item_tables.tables(world, (known, own[known]), features, content, unknown)
        return self.with_learned(
            {**tables, **self._curve(tasks, own), "user": user}, f"the rate {self.settings.rate:g}"
        )

    def _curve(self, tasks: Tasks, own: Float32s) -> dict[str, npt.NDArray[Any]]:
        """What tells a value of a score, beside the items: nothing, where the score is a value."""
        del tasks, own
        return {}

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """The training users' mean: float32[n, 1 + d]."""
        return np.tile(self.learned["user"], (len(profiles), 1))

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """Solve for the users, from the weights as the ridge's centre."""
        x, mask = self._design(support), support.mask
        away = (support.value - support.vector[..., 0]) * mask
        away -= np.matmul(x, weights[..., None])[..., 0]
        gram = np.matmul(x.transpose(0, 2, 1), x).astype(np.float64)
        gram += self.settings.ridge * np.eye(x.shape[2])
        target = np.matmul(x.transpose(0, 2, 1), away[..., None])
        return np.asarray(weights + np.linalg.solve(gram, target)[..., 0], dtype=np.float32)

    @staticmethod
    def _design(support: Support) -> Float32s:
        """1 and p of each event, 0 for padding: float32[n, L, 1 + d]."""
        one = support.mask[..., None]
        return np.concatenate([one, support.vector[..., 1:] * one], axis=2)

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """Scores."""
        taste = np.matmul(vectors[..., 1:], weights[:, 1:, None])[..., 0]
        return np.asarray(vectors[..., 0] + weights[:, :1] + taste, dtype=np.float32)


class LikedFactorisation(Factorisation):
    """Cross-entropy of whether events were liked; values are told of the chance by a line."""

    name = "mf-bce"
    binary = True

    def _curve(self, tasks: Tasks, own: Float32s) -> dict[str, npt.NDArray[Any]]:
        """The line from chance to value, and the value from which on events were liked."""
        chance = _chance(own[tasks.item, 0])
        slope, offset = _line(chance, tasks.value)
        liked = tasks.value[tasks.positive]
        least = float(liked.min()) if len(liked) else float("inf")
        return {"curve": np.array([slope, offset, min(least, 1e30)], dtype=np.float32)}

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """Newton's steps to the users' likeliest weights."""
        x, mask = self._design(support).astype(np.float64), support.mask
        liked = (support.value >= self.learned["curve"][2]) * mask
        found = weights.astype(np.float64)
        for _ in range(_NEWTON):
            score = support.vector[..., 0] + np.matmul(x, found[..., None])[..., 0]
            chance = _chance(score) * mask
            slope = np.matmul(x.transpose(0, 2, 1), (liked - chance)[..., None])[..., 0]
            slope -= self.settings.ridge * (found - weights)
            bend = np.matmul((x * (chance * (1 - chance))[..., None]).transpose(0, 2, 1), x)
            bend += self.settings.ridge * np.eye(x.shape[2])
            found = found + np.linalg.solve(bend, slope[..., None])[..., 0]
        return found.astype(np.float32)

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """Values, by the chance that the item is liked."""
        slope, offset, _ = self.learned["curve"]
        return np.asarray(offset + slope * _chance(self.rank_scores(weights, vectors)), np.float32)

    def rank_scores(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The logit of that chance."""
        return super().predict(weights, vectors)


def _chance(logit: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    chance: npt.NDArray[np.floating] = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    return chance


def _line(x: npt.NDArray[np.floating], y: Float32s) -> tuple[float, float]:
    """Slope and offset of the line through n points."""
    centred = x - x.mean()
    slope = float((centred * y).sum() / max(float((centred**2).sum()), 1e-6))
    return slope, float(y.mean() - slope * x.mean())
