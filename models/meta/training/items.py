"""Slow vectors of items while they are trained: what each has of its own, and of its content."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.arrays import Float32s, Float64s, Int64s
from models.content import Sparse
from models.features import FeatureMap
from models.meta import em
from models.meta.episodic import EpisodicSettings
from models.meta.learner import Progress, item_tables
from models.meta.tasks import Tasks, World

_MOST_FEATURES: Final = 512


@dataclass(frozen=True, slots=True)
class Prior:
    """Where all gradient learners start: what variational EM makes of the tasks.

    Values are those of `scale`: (value - middle) * factor.
    """

    features: FeatureMap
    sparse: Sparse
    own: Float64s  # [I, p], beyond the content's
    content: Float64s  # [F, p]
    unknown: Float64s  # [p], an item without content
    user: Float32s  # [p], offset and taste of all

    @classmethod
    def fit(
        cls,
        world: World,
        tasks: Tasks,
        settings: EpisodicSettings,
        *,
        seed: int,
        scale: tuple[float, float],
        progress: Progress,
    ) -> Self:
        """Fit p = 1 + size numbers an item; scale: middle and factor of values as they are told."""
        features = FeatureMap.learn(world.contents, most=_MOST_FEATURES)
        sparse = features.transform(world.contents)
        size, rounds = settings.size, settings.rounds
        found = em.fit(
            tasks, len(world), (sparse, features.size),
            size=size, rounds=rounds, seed=seed, progress=lambda done: progress(done, 2 * rounds),
        )  # fmt: skip
        middle, factor = scale
        weight = np.ones(1 + size)
        weight[0] = factor
        unknown = found.content[0] * weight
        unknown[0] += (found.mean - middle) * factor
        own = (found.item - found.prior) * weight
        own[np.bincount(tasks.item, minlength=len(world)) == 0] = 0
        user = (found.user_mean * factor).astype(np.float32)
        return cls(features, sparse, own, found.content[1:] * weight, unknown, user)


class SlowItems(nn.Module):
    """Vectors float32[p] of items: own + content + what an item without content has."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self._prior = prior
        self._own = nn.Parameter(torch.tensor(prior.own, dtype=torch.float32))
        self._content = nn.Parameter(torch.tensor(prior.content, dtype=torch.float32))
        self._unknown = nn.Parameter(torch.tensor(prior.unknown, dtype=torch.float32))

    def forward(self, item: Int64s) -> Tensor:
        """Vectors of items int64[...]: [..., p]."""
        distinct, place = np.unique(item, return_inverse=True)
        own = self._own[torch.from_numpy(distinct)] + self._unknown
        vectors = own + self._of_content(distinct)
        return vectors[torch.from_numpy(place.reshape(item.shape))]

    def _of_content(self, item: Int64s) -> Tensor:
        if not len(self._content):
            return self._unknown.new_zeros(len(item), len(self._unknown))
        sparse = self._prior.sparse
        size = np.diff(sparse.start)[item]
        start = np.cumsum(size) - size
        cell = np.arange(size.sum()) + np.repeat(sparse.start[item] - start, size)
        return functional.embedding_bag(
            torch.from_numpy(sparse.feature[cell].astype(np.int64)),
            self._content,
            torch.from_numpy(start),
            mode="sum",
            per_sample_weights=torch.from_numpy(sparse.weight[cell]),
        )

    def tables(self, world: World, tasks: Tasks) -> dict[str, npt.NDArray[Any]]:
        """What `MetaLearner.item_vectors` and `clip` read; items with events have vectors."""
        known = np.flatnonzero(np.bincount(tasks.item, minlength=len(world)))
        with torch.no_grad():
            own = array(self(known))
        return item_tables(
            world, (known, own), self._prior.features, array(self._content), array(self._unknown)
        )


def array(tensor: Tensor) -> Float32s:
    """Copy a tensor."""
    return np.array(tensor.detach().numpy(), dtype=np.float32)
