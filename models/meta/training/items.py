"""Slow vectors of items while they are trained: what each has of its own, and of its content."""

from collections.abc import Iterator
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
from models.meta import em, item_tables
from models.meta.episodic import EpisodicSettings
from models.meta.learner import Progress
from models.meta.tasks import Tasks, World

_MOST_FEATURES: Final = 512
_FOLD_ROUNDS: Final = 3
"""From the fit to all users on: so many rounds forget a fold's users."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Where all gradient learners start: what variational EM makes of the tasks.

    Values are those of `scale`: (value - middle) * factor. Users are cut into folds, each of which
    sees items as a fit to all other users does: so episodes are no easier than those of new users.
    """

    features: FeatureMap
    sparse: Sparse
    own: Float64s  # [I, p], beyond the content's
    content: Float64s  # [F, p]
    unknown: Float64s  # [p], an item without content
    user: Float32s  # [p], offset and taste of all
    fold: Int64s  # [n], of the tasks' users
    unseen: Float32s  # [folds, I, p], what the fit without a fold adds to an item
    whole: em.Fitted  # to all users, of values as they are

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
        rounds, folds = settings.rounds, _folds(tasks, settings.folds, seed)
        others = [np.flatnonzero(folds != fold) for fold in range(int(folds.max(initial=0)) + 1)]
        steps = 2 * (rounds + len(others) * _FOLD_ROUNDS)

        def fit(some: Tasks, more: int, before: int, start: em.Fitted | None) -> em.Fitted:
            return em.fit(
                some, len(world), (sparse, features.size), size=settings.size, rounds=more,
                seed=seed, start=start, progress=lambda done: progress(before + done, steps),
            )  # fmt: skip

        whole = fit(tasks, rounds, 0, None)
        middle, factor = scale
        weight = np.ones(1 + settings.size)
        weight[0] = factor
        unseen = [
            (
                fit(tasks.select(rest), _FOLD_ROUNDS, rounds + fold * _FOLD_ROUNDS, whole).item
                - whole.item
            )
            * weight
            for fold, rest in enumerate(others)
            if len(rest)
        ]
        unknown = whole.content[0] * weight
        unknown[0] += (whole.mean - middle) * factor
        return cls(
            features,
            sparse,
            own=(whole.item - whole.prior) * weight,
            content=whole.content[1:] * weight,
            unknown=unknown,
            user=(whole.user_mean * factor).astype(np.float32),
            fold=folds,
            unseen=np.array(unseen or [0 * whole.item], dtype=np.float32),
            whole=whole,
        )


def _folds(tasks: Tasks, folds: int, seed: int) -> Int64s:
    """The fold of each user, drawn by the seed."""
    drawn = np.random.default_rng(seed).permutation(len(tasks))
    return drawn % min(folds, len(tasks))


class SlowItems(nn.Module):
    """Vectors float32[p] of items: own + content + what an item without content has."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self._prior = prior
        self._own = nn.Parameter(torch.tensor(prior.own, dtype=torch.float32))
        self._content = nn.Parameter(torch.tensor(prior.content, dtype=torch.float32))
        self._unknown = nn.Parameter(torch.tensor(prior.unknown, dtype=torch.float32))

    def forward(self, item: Int64s, user: Int64s | None = None) -> Tensor:
        """Vectors of items int64[...]: [..., p].

        user: int64[n], the tasks' users who see the rows of item [n, L], each as its fold does.
        """
        distinct, place = np.unique(item, return_inverse=True)
        own = self._own[torch.from_numpy(distinct)] + self._unknown
        own = own + self.of_content(self._content, distinct)
        vectors = own[torch.from_numpy(place.reshape(item.shape))]
        if user is None:
            return vectors
        return vectors + torch.from_numpy(self._prior.unseen[self._prior.fold[user][:, None], item])

    def of_content(self, table: Tensor, item: Int64s) -> Tensor:
        """What a table of features [F, t] says of items [n]: [n, t]."""
        if not len(table):
            return table.new_zeros(len(item), table.shape[1])
        sparse = self._prior.sparse
        size = np.diff(sparse.start)[item]
        start = np.cumsum(size) - size
        cell = np.arange(size.sum()) + np.repeat(sparse.start[item] - start, size)
        return functional.embedding_bag(
            torch.from_numpy(sparse.feature[cell].astype(np.int64)),
            table,
            torch.from_numpy(start),
            mode="sum",
            per_sample_weights=torch.from_numpy(sparse.weight[cell]),
        )

    def tables(self, world: World, tasks: Tasks) -> dict[str, npt.NDArray[Any]]:
        """See models.meta.item_tables; items with events have vectors."""
        known = np.flatnonzero(np.bincount(tasks.item, minlength=len(world)))
        content, unknown = map(array, self.unknown())
        return item_tables.tables(
            world, (known, array(self(known))), self._prior.features, content, unknown
        )

    def unknown(self) -> tuple[Tensor, Tensor]:
        """What features add [F, p] to an item [p] that has no vector of its own."""
        return self._content, self._unknown

    def unseen(self) -> Iterator[tuple[Int64s, Float32s]]:
        """Users of each fold, and all items' vectors [I, p] as they see them."""
        items = np.arange(self._prior.unseen.shape[1])
        for fold in range(int(self._prior.fold.max(initial=-1)) + 1):
            users = np.flatnonzero(self._prior.fold == fold)
            yield users, array(self(items[None], users[:1])[0])


def array(tensor: Tensor) -> Float32s:
    """Copy a tensor."""
    return np.array(tensor.detach().numpy(), dtype=np.float32)
