"""From tasks to what a learner keeps: the same way for all that are trained on episodes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.arrays import Float32s, Int64s
from models.errors import DivergedError
from models.meta.episodic import EpisodicSettings, attributes, learn_attributes
from models.meta.learner import Progress
from models.meta.tasks import Tasks, World
from models.meta.training.items import Prior, SlowItems
from models.meta.training.loop import Batch, Schedule, meta_train, user_mean

Learned: TypeAlias = dict[str, npt.NDArray[Any]]
Taught: TypeAlias = tuple[Learned, list[tuple[Int64s, Float32s]]]
"""What a learner keeps; users of each fold, and items' vectors as one who is not trained on sees
them."""

_WORSE = 10.0
"""Steps that make the loss of their own events so many times greater lead away."""


class Model(nn.Module):
    """Slow weights that episodes teach; a subclass adds its own, `loss` and `learned`."""

    def __init__(self, world: World, prior: Prior, shift: tuple[int, int]) -> None:
        super().__init__()
        self.items = SlowItems(prior)
        self.shift = nn.Parameter(torch.zeros(shift))  # what profile attributes add to the start
        self.quick: tuple[nn.Parameter, ...] = ()
        self.taught = 0
        self.span = world.high - world.low or 1.0

    def target(self, value: Float32s) -> Float32s:
        """Values of events as the model predicts them."""
        return value

    def loss(self, batch: Batch) -> Tensor:
        """What is to become small."""
        raise NotImplementedError

    def learned(self) -> Learned:
        """What the learner reads, beside what all have."""
        raise NotImplementedError

    def off(self, value: Tensor, batch: Batch) -> Tensor:
        """Huber's loss on the queries: its bend is a quarter of the range, 1 where that is 1..5."""
        bend = self.span / 4
        off = functional.huber_loss(value, batch.query.value, reduction="none", delta=bend)
        return user_mean(off, batch.query.mask)

    def refuse_divergence(
        self, losses: tuple[Tensor, Tensor], mask: Tensor, what: str, outer_rate: float
    ) -> None:
        """Raise DivergedError if steps lead away: losses of their own events before and after.

        The inner rate is to blame as long as no step of the slow weights was taken. After that both
        are, or the outer one alone where the slow weights are off before any inner step.
        """
        with torch.no_grad():
            first, last = (float(user_mean(loss, mask)) for loss in losses)
        if last <= _WORSE * first + 1e-3 * self.span**2:
            return
        told = (
            f"Learner {what} make the loss of their own events grow from {first:.3g} to {last:.3g}"
        )
        if not self.taught:
            raise DivergedError(f"{told}: the inner loop diverges; give a lower rate.")
        inner = ", or a lower rate" if first <= _WORSE * self.span**2 else ""
        raise DivergedError(
            f"{told}, after step {self.taught:,} of the slow weights at an outer rate of up to"
            f" {outer_rate:g}: give a lower outer_rate{inner}."
        )


def learn_episodes(
    build: Callable[[Prior, int], Model],
    settings: EpisodicSettings,
    of: tuple[World, Tasks],
    *,
    seed: int,
    progress: Progress,
    scale: tuple[float, float] = (0.0, 1.0),
) -> Taught:
    """What an EpisodicLearner keeps, and vectors by folds.

    build makes the model of a start and a number of attributes; scale: see Prior.
    """
    world, tasks = of
    features, kept = learn_attributes(tasks.profiles)
    prior = Prior.fit(world, tasks, settings, seed=seed, scale=scale, progress=progress)
    model = build(prior, features.size)
    schedule = Schedule(
        settings.epochs, settings.batch, settings.outer_rate, settings.weight_decay, settings.long
    )
    table = attributes(features, tasks.profiles)
    meta_train(model, tasks, table, schedule, seed=seed, progress=progress)
    with torch.no_grad():
        learned = {
            **model.items.tables(world, tasks),
            **model.learned(),
            "shift": np.array(model.shift.numpy()),
            "attributes": kept,
        }
        return learned, list(model.items.unseen())
