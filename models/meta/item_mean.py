"""Item means, alike for all users, and these with the user's shrunk offset: the table's floor."""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np

from models.arrays import Float32s
from models.features import FeatureMap
from models.meta import item_tables
from models.meta.learner import MetaLearner, Progress, silent
from models.meta.tasks import Profile, Support, Tasks, World

_PRIOR_EVENTS: Final = 5.0
"""Events at the mean of all that an item's mean is shrunk by."""
_PRIOR_OFFSET: Final = 2.0
"""The same for a user's offset."""


class ItemMean(MetaLearner):
    """An item's value is its mean in training, shrunk to the mean of all; users are alike."""

    name = "item-mean"

    def meta_train(
        self,
        world: World,
        tasks: Tasks,
        *,
        seed: int = 0,  # noqa: ARG002  # nothing is drawn
        progress: Progress = silent,
    ) -> Self:
        """Average."""
        count = np.bincount(tasks.item, minlength=len(world))
        total = np.bincount(tasks.item, tasks.value, minlength=len(world))
        mean = tasks.value.mean(dtype=np.float64) if len(tasks.item) else world.low
        value = (total + _PRIOR_EVENTS * mean) / (count + _PRIOR_EVENTS)
        known = np.flatnonzero(count)
        no_features = FeatureMap.learn(())
        tables = item_tables.tables(
            world, (known, value[known, None]), no_features, np.zeros((0, 1)), np.array([mean])
        )
        progress(1, 1)
        return self.with_learned(tables, "no rate")

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """No offset: float32[n, 1]."""
        return np.zeros((len(profiles), 1), dtype=np.float32)

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:  # noqa: ARG002
        """Learn nothing."""
        return weights

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The item's mean and the user's offset."""
        return np.asarray(weights + vectors[..., 0], dtype=np.float32)


class ItemMeanOffset(ItemMean):
    """The item's mean and the user's mean distance from such means, shrunk to 0."""

    name = "item-mean-offset"

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """Average the distances, two of 0 among them."""
        away = (support.value - support.vector[..., 0]) * support.mask
        total = away.sum(axis=1, keepdims=True) + _PRIOR_OFFSET * weights
        return np.asarray(total / (support.size[:, None] + _PRIOR_OFFSET), dtype=np.float32)
