"""The prior over users learned end to end, through the posterior's solve.

A user is told by items' vectors that were fitted without that user: the users are cut into folds,
and each fold has tables of its own. So the prior learns how far vectors reach for new users.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.arrays import Float64s, Int64s
from models.meta.em import Fitted
from models.meta.tasks import Tasks, item_numbers
from models.training.threads import one_thread

_EPOCHS: Final = 25
_RATE: Final = 3e-3
_BATCH: Final = 64
_FEW: Final = 20
"""A window of a user's events is 0 to so many to adapt to …"""
_LONG: Final = 0.3
"""… but for this share of windows, which take any part of all …"""
_TOLD: Final = 50
"""… and up to so many that follow, to be told."""
_PROFILE_DECAY: Final = 0.1
"""Of what profiles shift, in a step by the rate."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What was learned: of D numbers each, and of P attributes of a profile."""

    mean: Float64s  # [D]
    precision: Float64s  # [D, D]
    noise: float
    doubt: float  # how much the items' uncertainty counts
    shift: Float64s  # [P, D]


def learn_prior(
    tasks: Tasks,
    folds: Int64s,
    fits: Sequence[Fitted],
    start: Fitted,
    profiles: tuple[Float64s, Float64s],
    seed: int,
    progress: Callable[[int, int], None],
) -> Prior:
    """Learn from users in folds [n], each told by fits[fold].

    profiles: float64[n, P], and what they shift at first, [P, D].
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _Model(fits, start, profiles[1])
        windows = _Windows(tasks, folds, profiles[0], seed)
        _descend(model, windows, progress)
    with torch.no_grad():
        return Prior(
            mean=model.mean.numpy().astype(np.float64),
            precision=model.precision().numpy().astype(np.float64),
            noise=float(torch.exp(-model.log_weight)),
            doubt=float(torch.exp(model.log_doubt)),
            shift=model.shift.numpy().astype(np.float64),
        )


class _Model(nn.Module):
    """The posterior as models.meta.bayes has it, with gradients for the prior alone."""

    def __init__(self, fits: Sequence[Fitted], start: Fitted, shift: Float64s) -> None:
        super().__init__()
        self.item = torch.stack([_float(fit.item) for fit in fits])
        self.item[..., 0] += start.mean
        self.cov = torch.stack([_float(fit.item_cov[:, 1:, 1:]) for fit in fits])
        self.shared = torch.stack([_float(fit.item_cov[:, 0, 1:]) for fit in fits])
        root = np.linalg.cholesky(np.linalg.inv(start.user_cov))
        self.mean = nn.Parameter(_float(start.user_mean))
        self.root = nn.Parameter(_float(root))
        self.log_weight = nn.Parameter(_float(-np.log(start.noise)))
        self.log_doubt = nn.Parameter(torch.zeros(()))
        self.shift = nn.Parameter(_float(shift))

    def precision(self) -> Tensor:
        """The prior's precision [D, D]."""
        return self.root @ self.root.T

    def forward(self, window: "_Window") -> Tensor:
        """The users' mean absolute or squared errors, whichever is smaller (Huber)."""
        fold, there = window.fold[:, None], (window.item >= 0).float()
        item = window.item.clamp(min=0)
        seen = self.item[fold, item]
        x = torch.cat([there[..., None], seen[..., 1:] * there[..., None]], dim=-1)
        doubt, weight = torch.exp(self.log_doubt), torch.exp(self.log_weight)
        unsure = (self.cov[fold, item] * there[..., None, None]).sum(1) * doubt
        shared = (self.shared[fold, item] * there[..., None]).sum(1) * doubt
        square = x.transpose(1, 2) @ x + functional.pad(unsure, (1, 0, 1, 0))
        told = (((window.value - seen[..., 0]) * there)[:, None] @ x)[:, 0]
        told = told - functional.pad(shared, (1, 0))
        prior = self.precision()
        target = (self.mean + window.profile @ self.shift) @ prior + weight * told
        user = torch.linalg.solve(prior + weight * square, target[..., None])[..., 0]
        asked = self.item[fold, window.asked.clamp(min=0)]
        found = asked[..., 0] + user[:, :1] + (asked[..., 1:] @ user[:, 1:, None])[..., 0]
        share = (window.asked >= 0).float()
        share = share / share.sum(1, keepdim=True).clamp(min=1)
        loss = functional.huber_loss(found, window.answer, reduction="none")
        return (loss * share).sum() / len(user)


@dataclass(frozen=True, slots=True)
class _Window:
    """n users: events to adapt to [n, L] and others to be told [n, Q]; -1 for padding."""

    fold: Tensor
    profile: Tensor
    item: Tensor
    value: Tensor
    asked: Tensor
    answer: Tensor


class _Windows:
    """Draws windows of users' histories."""

    def __init__(self, tasks: Tasks, folds: Int64s, profiles: Float64s, seed: int) -> None:
        self._size = tasks.size
        numbers = item_numbers(tasks)
        self._item = torch.from_numpy(numbers.astype(np.int64))
        self._value = torch.zeros(numbers.shape)
        self._value[self._item >= 0] = torch.from_numpy(tasks.value)
        self._fold = torch.from_numpy(folds)
        self._profile = _float(profiles)
        self._draw = np.random.default_rng(seed)

    def __len__(self) -> int:
        return (len(self._size) + _BATCH - 1) // _BATCH

    def epoch(self) -> "list[Int64s]":
        """All users in batches, in an order drawn."""
        order = self._draw.permutation(len(self._size))
        return [order[first : first + _BATCH] for first in range(0, len(order), _BATCH)]

    def of(self, users: Int64s) -> _Window:
        """A window of each user: half of them from the first event on."""
        draw, size = self._draw, self._size[users]
        few = draw.integers(0, _FEW + 1, len(users))
        part = (size * draw.random(len(users))).astype(np.int64)
        length = np.where(draw.random(len(users)) < _LONG, part, few)
        length = np.minimum(length, np.maximum(size - 1, 0))
        later = (draw.random(len(users)) * np.maximum(size - _FEW, 1)).astype(np.int64)
        begin = np.where(draw.random(len(users)) < 0.5, 0, later)
        begin = np.minimum(begin, size - length - 1).clip(min=0)
        item, value = self._cut(users, begin, length)
        rest = np.minimum(size - begin - length, _TOLD)
        asked, answer = self._cut(users, begin + length, rest)
        return _Window(self._fold[users], self._profile[users], item, value, asked, answer)

    def _cut(self, users: Int64s, begin: Int64s, length: Int64s) -> tuple[Tensor, Tensor]:
        """Items and values of events begin .. begin + length - 1."""
        within = torch.arange(max(int(length.max(initial=0)), 1))
        there = within < torch.from_numpy(length)[:, None]
        at = (torch.from_numpy(begin)[:, None] + within).clamp(max=self._item.shape[1] - 1)
        who = torch.from_numpy(users)[:, None]
        return torch.where(there, self._item[who, at], -1), self._value[who, at] * there


def _descend(model: _Model, windows: _Windows, progress: Callable[[int, int], None]) -> None:
    """Train for a fixed number of epochs."""
    rest = [each for name, each in model.named_parameters() if name != "shift"]
    groups: list[dict[str, Any]] = [
        {"params": [model.shift], "weight_decay": _PROFILE_DECAY},
        {"params": rest},
    ]
    optimiser = torch.optim.AdamW(groups, lr=_RATE, weight_decay=0.0)
    total = _EPOCHS * len(windows)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=total)
    for epoch in range(_EPOCHS):
        for users in windows.epoch():
            optimiser.zero_grad()
            loss = model(windows.of(users))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        progress(epoch + 1, _EPOCHS)


def _float(table: object) -> Tensor:
    return torch.as_tensor(np.asarray(table), dtype=torch.float32).clone()
