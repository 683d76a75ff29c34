"""What ratings say of items and of users in general: the prior of tastes, by variational EM."""

from dataclasses import replace
from typing import Final

import numpy as np

from models.arrays import Float32s, Float64s, Hashes
from models.dataset import Dataset
from models.features import FeatureMap
from models.meta import em
from models.meta.tasks import Tasks
from models.taste import RATE, Taste, halves, no_taste

_SIZE: Final = 8
"""d, numbers of a taste."""
_ROUNDS: Final = 12
_MOST_FEATURES: Final = 256
_LEAST_EVENTS: Final = 50


def learn_taste(data: Dataset, end: int, hashes: Hashes, seed: int) -> Taste:
    """Learn from the ratings among events [0, end), for items in the order of the hashes.

    Nothing is learned of fewer than 50 ratings, or if all are alike.
    """
    rated = (data.kind == RATE) & np.isfinite(data.value)
    rated[end:] = False
    value = data.value[rated].astype(np.float64)
    if len(value) < _LEAST_EVENTS or value.min() == value.max():
        return no_taste(len(hashes))
    known = np.unique(data.hashes[data.item[rated]], return_index=True)
    numbers = data.item[rated][known[1]]
    tasks = Tasks.of(data, np.unique(data.user[rated]), rated)
    mean, deviation = value.mean(), value.std()
    tasks = replace(
        tasks,
        item=np.searchsorted(known[0], data.hashes[tasks.item]).astype(np.int32),
        value=((tasks.value - mean) / deviation).astype(np.float32),
    )
    contents = [data.contents[item] for item in numbers.tolist()]
    features = FeatureMap.learn(contents, most=_MOST_FEATURES)
    found = em.fit(
        tasks, len(numbers), (features.transform(contents), features.size),
        size=_SIZE, rounds=_ROUNDS, seed=seed, progress=lambda _done: None,
    )  # fmt: skip
    own = _items(found, float(mean), float(deviation))
    item = np.zeros((len(hashes), own.shape[1]), dtype=np.float32)
    place = np.searchsorted(hashes, known[0])
    item[place] = own
    limits = np.array([value.min(), value.max()], dtype=np.float32)
    return Taste(item, _start(found), limits)


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
