"""Task structure: what first events and profile tell of a user modulates where learning starts.

See models.meta.relations for the encoder, the clusters and the modulation.

Tried (see EpisodicSettings), mean MAE: in 10 epochs 4, 8 and 16 clusters .8215, .8215, .8210; 4
numbers .8223; 3 steps .8246; 20 epochs .8245, 5 .8226; with folds, and clusters wider apart at
first than now, damping 20 .8230, 5 .8247.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from models.arrays import Float32s
from models.meta import heads, relations
from models.meta.episodic import SPACE, EpisodicLearner, EpisodicSettings
from models.meta.relations import Modulated, Relations
from models.meta.tasks import Profile, Support
from models.search.space import Float, Int, Space


@dataclass(frozen=True, slots=True)
class RelatedSettings(EpisodicSettings):
    """What is decided before training."""

    most: ClassVar[Mapping[str, int]] = {
        **EpisodicSettings.most, "clusters": 1000, "numbers": 256, "units": 1024, "steps": 100,
    }  # fmt: skip

    clusters: int = 8
    numbers: int = 8  # that describe a task
    units: int = 32  # of the encoder
    steps: int = 1
    rate: float = 0.6
    damping: float = 20.0  # events; steps on n events are n / (n + damping) long


class RelatedTasks(EpisodicLearner[RelatedSettings]):
    """Weights [n, 1 + 2 d + q]: offset, taste, scale of places, and the task's numbers."""

    name = "tasks"
    training = "related"
    defaults = RelatedSettings()
    space: ClassVar[Space] = {
        **SPACE,
        "clusters": Int(2, 32, log=True),
        "numbers": Int(2, 32, log=True),
        "units": Int(8, 64, log=True),
        "steps": Int(1, 5),
        "rate": Float(0.05, 1.0, log=True),
        "damping": Float(2.0, 100.0, log=True),
    }

    @cached_property
    def _relations(self) -> Relations:
        return Relations(*(self.learned[name] for name in Relations._fields))

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """The prior of what profiles say of the task."""
        return self._weights(self.learned["task"] + self.shifts(profiles))

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """Describe the task by its events, start from its prior, and take the steps."""
        if not support.value.shape[1]:
            return weights
        events = support.vector, support.value, support.mask
        task = relations.described(self._relations, self._split(weights)[1], events)
        mine, _ = self._split(self._weights(task))
        offset, taste = heads.stepped(
            (mine.offset, mine.taste), relations.hidden(mine, support.vector),
            support.vector[..., 0], support.value, support.mask,
            self.learned["rates"], np.float32(self.settings.damping),
        )  # fmt: skip
        return np.concatenate([offset, taste, mine.scale, task], axis=1).astype(np.float32)

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """What the user's own offset and taste say of the scaled places."""
        mine, _ = self._split(weights)
        return np.asarray(relations.value(mine, vectors), dtype=np.float32)

    def _weights(self, task: Float32s) -> Float32s:
        head = self.learned["start"]
        mine = relations.modulated(self._relations, (head[:1], head[1:]), task)
        return np.concatenate([*mine, task], axis=1).astype(np.float32)

    def _split(self, weights: Float32s) -> tuple[Modulated, Float32s]:
        size = self.settings.size
        offset, taste, scale, task = np.split(weights, [1, 1 + size, 1 + 2 * size], axis=1)
        return Modulated(offset, taste, scale), task
