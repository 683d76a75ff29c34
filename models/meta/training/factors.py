"""Factors of users and items trained in batches by torch: squared error, or cross-entropy."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.arrays import Float32s
from models.meta.mf import FactorSettings
from models.meta.tasks import Tasks
from models.training.divergence import refuse_divergence
from models.training.threads import one_thread

_BATCH: Final = 2048


def learn_factors(
    tasks: Tasks,
    items: int,
    settings: FactorSettings,
    seed: int,
    progress: Callable[[int, int], None],
    *,
    binary: bool,
    name: str,
) -> tuple[Float32s, Float32s]:
    """Biases and factors of items, float32[I, 1 + d], the bias first, and the users' mean [1 + d].

    The score mean + b_i + c_u + p_i q_u is told the value, or by its logistic curve the liking.
    The decay is of an event on what it touches, so that what is frequent is shrunk no more.

    Raises
    ------
    DivergedError
        If the score tells events worse than a constant would; the message has the learner's name.

    """
    middle = float(tasks.positive.mean() if binary else tasks.value.mean())
    if binary:
        middle = float(np.log(max(middle, 1e-3) / max(1 - middle, 1e-3)))
    target = tasks.positive.astype(np.float32) if binary else tasks.value
    answer = torch.from_numpy(target)
    events = [torch.from_numpy(each) for each in (tasks.user, tasks.item.astype(np.int64))]
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _Factors(len(tasks), items, settings.size, middle)
        losses = _train(model, events, answer, settings, progress, binary=binary)
    plain = float(_loss(torch.full_like(answer, middle), answer, binary=binary))
    refuse_divergence(name, settings.rate, losses, plain)
    learned = model.item.weight.detach().numpy().copy()
    learned[:, 0] += model.mean.detach().numpy()
    return learned, model.user.weight.detach().mean(0).numpy().copy()


def _train(
    model: "_Factors",
    events: Sequence[Tensor],
    answer: Tensor,
    settings: FactorSettings,
    progress: Callable[[int, int], None],
    *,
    binary: bool,
) -> list[float]:
    """Train a model in place; the loss of each step, without the ridge."""
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.rate)
    epochs = -(-settings.steps * _BATCH // max(len(answer), _BATCH))
    total = epochs * -(-len(answer) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=total)
    losses = []
    for epoch in range(epochs):
        order = torch.randperm(len(answer))
        for first in range(0, len(answer), _BATCH):
            some = order[first : first + _BATCH]
            optimiser.zero_grad()
            found, ridge = model(*(column[some] for column in events))
            loss = _loss(found, answer[some], binary=binary)
            (loss + settings.decay * ridge).backward()
            losses.append(loss.detach())
            optimiser.step()
            schedule.step()
        progress(epoch + 1, epochs)
    return [float(loss) for loss in losses]


def _loss(found: Tensor, answer: Tensor, *, binary: bool) -> Tensor:
    if binary:
        return functional.binary_cross_entropy_with_logits(found, answer)
    return functional.mse_loss(found, answer)


class _Factors(nn.Module):
    """A bias and d factors of each user and item."""

    def __init__(self, users: int, items: int, size: int, middle: float) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor(middle))
        self.user, self.item = nn.Embedding(users, 1 + size), nn.Embedding(items, 1 + size)
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.1)
            nn.init.zeros_(table.weight[:, 0])

    def forward(self, user: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and the mean square of the numbers that they are made of."""
        one, other = self.user(user), self.item(item)
        found = self.mean + one[:, 0] + other[:, 0] + (one[:, 1:] * other[:, 1:]).sum(1)
        return found, ((one**2).sum(1) + (other**2).sum(1)).mean()
