"""Episodes that teach how tasks relate."""

import math
from typing import Final

import torch
from torch import Tensor, nn

from models.meta import heads, relations
from models.meta.learner import Progress
from models.meta.related import RelatedSettings
from models.meta.relations import Relations
from models.meta.tasks import Tasks, World
from models.meta.training.items import Prior, array
from models.meta.training.learn import Learned, Model, Taught, learn_episodes
from models.meta.training.loop import Batch, Events

_SMALL: Final = 0.1
"""Spread of what modulates the prior at first."""
_PULL: Final = 5.0
"""Events that say nothing of the task, beside those that do."""


def learn(
    name: str, settings: RelatedSettings, of: tuple[World, Tasks], *, seed: int, progress: Progress
) -> Taught:
    """What `RelatedTasks` reads of `learned`, its settings aside."""
    return learn_episodes(
        lambda prior, attributes: _Model(name, settings, of[0], prior, (attributes, seed)),
        settings, of, seed=seed, progress=progress,
    )  # fmt: skip


class _Model(Model):
    """The encoder, the clusters, and what all start from."""

    def __init__(
        self,
        name: str,
        settings: RelatedSettings,
        world: World,
        prior: Prior,
        sizes: tuple[int, int],
    ) -> None:
        super().__init__(world, prior, (sizes[0], settings.numbers))
        self._name, self._settings = name, settings
        self._damping = torch.tensor(settings.damping)
        self._start = nn.Parameter(torch.from_numpy(prior.user.copy()))
        self._task = nn.Parameter(torch.zeros(settings.numbers))
        self._log_rates = nn.Parameter(torch.full((settings.steps, 1), math.log(settings.rate)))
        self._log_pull = nn.Parameter(torch.tensor([math.log(_PULL)]))
        self.quick = (self._log_rates, self._log_pull)
        self._parts = _drawn(settings, sizes[1])

    @property
    def _relations(self) -> Relations:
        return Relations(pull=self._log_pull.exp(), **self._parts)

    def learned(self) -> Learned:
        """How tasks relate, what all start from, and rates."""
        learned = self._relations
        return {
            **{name: array(getattr(learned, name)) for name in Relations._fields},
            "start": array(self._start),
            "task": array(self._task),
            "rates": array(self._log_rates.exp()),
        }

    def loss(self, batch: Batch) -> Tensor:
        """How far off the modulated and adapted heads are on the queries."""
        learned, support = self._relations, batch.support
        task = relations.described(learned, self._task + batch.profile @ self.shift, support)
        mine = relations.modulated(learned, (self._start[:1], self._start[1:]), task)
        offset, taste = heads.stepped(
            (mine.offset, mine.taste), relations.hidden(mine, support.vector),
            support.vector[..., 0], support.value, support.mask,
            self._log_rates.exp(), self._damping,
        )  # fmt: skip
        after = mine._replace(offset=offset, taste=taste)
        self._check(mine, after, support)
        return self.off(relations.value(after, batch.query.vector), batch)

    def _check(
        self, before: relations.Modulated, after: relations.Modulated, support: Events
    ) -> None:
        off = [
            (relations.value(mine, support.vector) - support.value).square()
            for mine in (before, after)
        ]
        what = f"{self._name} diverged: steps at a rate that began with {self._settings.rate:g}"
        outer = self._settings.outer_rate
        self.refuse_divergence((off[0], off[1]), support.mask, what, outer)


def _drawn(settings: RelatedSettings, seed: int) -> nn.ParameterDict:
    """Where the encoder and the clusters begin."""
    draw = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, spread: float) -> nn.Parameter:
        return nn.Parameter(torch.randn(shape, generator=draw) * spread)

    size, units, numbers = settings.size, settings.units, settings.numbers
    wide = (2 * size + 1) ** -0.5
    return nn.ParameterDict(
        {
            "place_in": drawn(size, units, spread=wide),
            "away_in": drawn(units, spread=wide),
            "both_in": drawn(size, units, spread=wide),
            "bias_in": nn.Parameter(torch.zeros(units)),
            "out": drawn(units, numbers, spread=units**-0.5),
            "clusters": drawn(settings.clusters, numbers, spread=1.0),
            "offsets": drawn(settings.clusters, 1, spread=_SMALL),
            "tastes": drawn(settings.clusters, size, spread=_SMALL),
            "film": drawn(numbers, size, spread=_SMALL),
        }
    )
