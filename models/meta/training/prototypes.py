"""Episodes that teach a space of prototypes."""

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.meta import metric
from models.meta.learner import Progress
from models.meta.prototypes import PrototypeSettings, split
from models.meta.tasks import Tasks, World
from models.meta.training.items import Prior, array
from models.meta.training.learn import Learned, Model, Taught, learn_episodes
from models.meta.training.loop import Batch

_APART: Final = 0.25
"""Each prototype is at first this part of all users' taste from where nothing is told."""
_NUMBERS: Final = {
    "offset_pull": 5.0,
    "pull": 5.0,
    "own_slope": 1.0,
    "slope": 0.1,
    "reach": 0.3,
    "gain": 1.0,
}
"""Where the numbers of metric.Space begin; they stay above 0."""


def learn(
    name: str,  # noqa: ARG001  # as others' learn
    settings: PrototypeSettings,
    of: tuple[World, Tasks],
    *,
    seed: int,
    progress: Progress,
) -> Taught:
    """What `Prototypes` reads of `learned`, its settings aside."""
    return learn_episodes(
        lambda prior, attributes: _Model(settings, of[0], prior, (attributes, seed)),
        settings, of, seed=seed, progress=progress,
    )  # fmt: skip


class _Model(Model):
    """The space, and prototypes before any event."""

    def __init__(
        self, settings: PrototypeSettings, world: World, prior: Prior, sizes: tuple[int, int]
    ) -> None:
        super().__init__(world, prior, (sizes[0], 1 + 2 * settings.size))
        self._settings, self._low = settings, world.low
        self._draw = torch.Generator().manual_seed(sizes[1])
        self._turn = nn.Parameter(torch.eye(settings.size))
        taste = prior.user[1:] * _APART
        self._start = nn.Parameter(
            torch.from_numpy(np.concatenate([prior.user[:1], taste, -taste]))
        )
        numbers = torch.tensor(list(_NUMBERS.values()))
        self._logs = nn.Parameter(numbers.log())
        self._middle = nn.Parameter(torch.tensor([(world.low + world.high) / 2]))
        self.quick = (self._logs, self._middle)

    @property
    def _space(self) -> metric.Space:
        numbers = dict(zip(_NUMBERS, self._logs.exp()[:, None], strict=True))
        return metric.Space(self._turn, middle=self._middle, **numbers)

    def learned(self) -> Learned:
        """The space, and what all start from."""
        turn, *numbers = self._space
        return {
            "start": array(self._start),
            "turn": array(turn),
            "numbers": array(torch.stack(numbers)),
        }

    def loss(self, batch: Batch) -> Tensor:
        """How far off the prototypes are on the queries."""
        settings, support = self._settings, batch.support
        prior = split(self._start + batch.profile @ self.shift)
        noisy = support._replace(value=self._noisy(support.value))
        mine = metric.found(settings.metric, self._space, prior, noisy, weighted=settings.weighted)
        return self.off(metric.value(settings.metric, self._space, mine, batch.query.vector), batch)

    def _noisy(self, value: Tensor) -> Tensor:
        """Some values replaced by drawn ones, so that it is learned whom to trust."""
        drawn = self._low + self.span * torch.rand(value.shape, generator=self._draw)
        replaced = torch.rand(value.shape, generator=self._draw) < self._settings.noise
        return torch.where(replaced, drawn, value)
