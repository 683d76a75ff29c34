"""What ratings say of items and of users in general: the prior of tastes, by variational EM."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import Float32s, Float64s, Hashes
from models.dataset import Dataset
from models.features import FeatureMap
from models.meta import em
from models.meta.tasks import Tasks
from models.taste import RATE, Taste, halves

_SIZE: Final = 8
"""d, numbers of a taste."""
_ROUNDS: Final = 12
_WARM_ROUNDS: Final = 6
_MOST_FEATURES: Final = 256
_LEAST_EVENTS: Final = 50


@dataclass(frozen=True, slots=True)
class Tastes:
    """A fit, from which another can go on: of items by hash, and of values as they were scaled."""

    found: em.Fitted
    hashes: Hashes  # [I], ascending
    features: FeatureMap
    mean: float
    deviation: float
    limits: Float32s  # [2], lowest and highest value

    def table(self, hashes: Hashes) -> Taste:
        """What is served, for items in the order of the hashes, all that the fit knows included."""
        own = _items(self.found, self.mean, self.deviation)
        item = np.zeros((len(hashes), own.shape[1]), dtype=np.float32)
        item[np.searchsorted(hashes, self.hashes)] = own
        return Taste(item, _start(self.found), self.limits)

    def grown(self, hashes: Hashes, content: Float64s) -> em.Fitted:
        """The fit for more items: what is new is as its content [n, 1 + F] says."""
        old, prior = self.found, content @ self.found.content
        item = prior.copy()
        cov = np.tile(old.spread, (len(hashes), 1, 1))
        kept = np.isin(self.hashes, hashes)
        place = np.searchsorted(hashes, self.hashes[kept])
        item[place], cov[place] = old.item[kept], old.item_cov[kept]
        return replace(old, item=item, item_cov=cov, prior=prior)


def learn_taste(data: Dataset, end: int, seed: int, start: Tastes | None = None) -> Tastes | None:
    """Learn from the ratings among events [0, end), from an earlier fit to fewer on.

    Nothing is learned of fewer than 50 ratings, or if all are alike.
    """
    rated = (data.kind == RATE) & np.isfinite(data.value)
    rated[end:] = False
    value = data.value[rated].astype(np.float64)
    if len(value) < _LEAST_EVENTS or value.min() == value.max():
        return None
    hashes, first = np.unique(data.hashes[data.item[rated]], return_index=True)
    contents = [data.contents[item] for item in data.item[rated][first].tolist()]
    features = FeatureMap.learn(contents, most=_MOST_FEATURES) if start is None else start.features
    mean = float(value.mean()) if start is None else start.mean
    deviation = float(value.std()) if start is None else start.deviation
    tasks = Tasks.of(data, np.unique(data.user[rated]), rated)
    tasks = replace(
        tasks,
        item=np.searchsorted(hashes, data.hashes[tasks.item]).astype(np.int32),
        value=((tasks.value - mean) / deviation).astype(np.float32),
    )
    sparse = features.transform(contents), features.size
    before = None if start is None else start.grown(hashes, em.dense(*sparse, len(hashes)))
    found = em.fit(
        tasks, len(hashes), sparse, size=_SIZE, rounds=_ROUNDS if start is None else _WARM_ROUNDS,
        seed=seed, progress=lambda _done: None, start=before,
    )  # fmt: skip
    limits = np.array([value.min(), value.max()], dtype=np.float32)
    return Tastes(found, hashes, features, mean, deviation, limits)


def _items(found: em.Fitted, mean: float, deviation: float) -> Float32s:
    """What items add to sums; values were standardised for the fit."""
    n, dim = found.item.shape
    x = found.item.copy()
    x[:, 0] = 1.0
    square = x[:, :, None] * x[:, None, :]
    square[:, 1:, 1:] += found.item_cov[:, 1:, 1:]
    offset = mean + deviation * (found.mean + found.item[:, :1])
    shift = np.zeros((n, dim))
    shift[:, 1:] = -found.item_cov[:, 0, 1:]
    told = np.concatenate([x / deviation, shift, halves(square)], axis=1) / found.noise
    return np.concatenate([offset, told], axis=1).astype(np.float32)


def _start(found: em.Fitted) -> Float32s:
    precision: Float64s = np.linalg.inv(found.user_cov).astype(np.float64)
    both = precision @ found.user_mean, halves(precision[None])[0]
    return np.concatenate(both).astype(np.float32)
