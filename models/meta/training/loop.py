"""Meta-training: episodes in batches, one step of the slow weights each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Float32s
from models.meta.episodes import LONG, SUPPORT, Episodes, Padded, draw
from models.meta.learner import Progress
from models.meta.tasks import Tasks, repeated
from models.meta.training.items import SlowItems
from models.training.threads import one_thread

_LARGEST_NORM: Final = 1.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the slow weights are trained: AdamW, its rate rising and falling in one cycle."""

    epochs: int = 5
    batch: int = 16  # users
    rate: float = 1e-3
    weight_decay: float = 0.1  # of matrices
    long: float = 0.0  # share of batches whose supports may be long
    quicker: float = 10.0  # the rate of the parameters that a model names quick, over `rate`


class Events(NamedTuple):
    """Some events of n users, L of the most."""

    vector: Tensor  # [n, L, p]
    value: Tensor  # [n, L], as the model predicts them
    mask: Tensor  # [n, L], 0 at padding


class Batch(NamedTuple):
    """Episodes of n users."""

    profile: Tensor  # [n, F]
    support: Events
    query: Events


class Episodic(Protocol):
    """What can be meta-trained."""

    items: SlowItems
    taught: int  # steps of the slow weights so far
    quick: tuple[nn.Parameter, ...]  # few parameters that learn faster, such as rates

    def parameters(self) -> Iterator[nn.Parameter]:
        """All slow weights."""

    def target(self, value: Float32s) -> Float32s:
        """Values of events as the model predicts them."""

    def loss(self, batch: Batch) -> Tensor:
        """What is to become small. Raises DivergedError."""


def meta_train(
    model: Episodic,
    tasks: Tasks,
    profiles: Float32s,
    schedule: Schedule,
    *,
    seed: int,
    progress: Progress,
) -> None:
    """Train a model in place; profiles: float32[n, F], features of the tasks' users."""
    users = repeated(tasks)
    steps = -(-len(users) // schedule.batch)
    total = steps * schedule.epochs
    with one_thread():
        optimiser, cycle = _optimiser(model, schedule, total)
        rng = np.random.default_rng(seed)
        for epoch in range(schedule.epochs):
            order = rng.permutation(users)
            for step in range(steps):
                chosen = order[step * schedule.batch : (step + 1) * schedule.batch]
                most = LONG if schedule.long and rng.random() < schedule.long else SUPPORT
                batch = _batch(model, draw(tasks, chosen, rng, most), profiles)
                optimiser.zero_grad()
                torch.autograd.backward(model.loss(batch))
                nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_NORM)
                optimiser.step()
                model.taught += 1
                cycle.step()
                progress(total + epoch * steps + step + 1, 2 * total)
        with torch.no_grad():
            model.loss(batch)  # refuses what the last step led away, items' vectors aside


def _optimiser(
    model: Episodic, schedule: Schedule, total: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    quick = {id(one) for one in model.quick}
    slow = [one for one in model.parameters() if id(one) not in quick]
    rates = (schedule.rate, schedule.rate, schedule.rate * schedule.quicker)
    groups = (
        [one for one in slow if one.dim() > 1],
        [one for one in slow if one.dim() == 1],
        list(model.quick),
    )
    optimiser = torch.optim.AdamW(
        [
            {"params": group, "lr": rate, "weight_decay": decay}
            for group, rate, decay in zip(
                groups, rates, (schedule.weight_decay, 0.0, 0.0), strict=True
            )
            if group
        ]
    )
    peaks = [group["lr"] for group in optimiser.param_groups]
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, peaks, total_steps=total + 1)


def _batch(model: Episodic, episodes: Episodes, profiles: Float32s) -> Batch:
    """Look the episodes' items up, all at once."""
    parts = (episodes.support, episodes.query)
    vectors = model.items(np.concatenate([part.item for part in parts], axis=1), episodes.user)
    width = parts[0].item.shape[1]
    own = vectors[:, :width], vectors[:, width:]
    events = [_events(model, part, vector) for part, vector in zip(parts, own, strict=True)]
    return Batch(torch.from_numpy(profiles[episodes.user]), *events)


def _events(model: Episodic, padded: Padded, vector: Tensor) -> Events:
    value = torch.from_numpy(np.where(padded.there, model.target(padded.value), np.float32(0)))
    return Events(vector, value, torch.from_numpy(padded.there.astype(np.float32)))


def user_mean(loss: Tensor, mask: Tensor) -> Tensor:
    """The mean over users of each one's mean over events [n, L]."""
    return ((loss * mask).sum(1) / mask.sum(1).clamp(min=1.0)).mean()
