"""Passes over a history: windows in batches, one optimiser step each."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.arrays import Float32s
from models.dataset import Dataset
from models.training.batches import Batch, Windows, batch, epoch, had_at
from models.training.candidates import Candidates, Drawer
from models.training.history import History
from models.training.loss import softmax_loss
from models.training.model import Items, Model
from models.training.settings import TrainSettings

_WARM_UP: Final = 0.2
"""Share of the steps in which the rate rises."""
_FROM: Final = 25.0
"""The rate starts at its peak over this."""
_LARGEST_NORM: Final = 1.0


class Epochs:
    """Trains a model, in place, on the first `end` events; only windows with events >= since.

    An epoch draws its random numbers from seed, stage and its own number, so that a run that goes
    on from an epoch's end repeats what an uninterrupted one does.
    """

    def __init__(
        self,
        model: Model,
        data: Dataset,
        end: int,
        settings: TrainSettings,
        *,
        stage: int,
        epochs: int,
        peak: float,
        since: int = 0,
    ) -> None:
        self.epochs = epochs
        self._model, self._settings, self._stage, self._peak = model, settings, stage, peak
        self._device = model.network.bias.device
        self._history = History.of(data, end, model.rows)
        self._items = Items.of(model, self._history, data.hashes, data.contents)
        self._drawer = Drawer(self._history, settings)
        self._weight = _weights(self._history, settings)
        windows = Windows.of(self._history, settings.window, settings.burn_in, since)
        index = np.flatnonzero(_with_targets(windows, self._weight))
        self._windows = windows.at(index)
        self._batches = -(-len(self._windows.low) // settings.batch)
        self._optimiser = _optimiser(model, settings)
        _count_liked(model, self._history, self._items)

    def run(self, number: int, report: Callable[[float], None]) -> float:
        """Epoch `number`, from 0; report takes the part that is done. Returns the mean loss."""
        seed = [self._settings.seed, self._stage, number]
        rng = np.random.default_rng(seed)
        torch.manual_seed(int(rng.integers(2**62)))
        self._model.network.train()
        total = weight = 0.0
        for step, windows in enumerate(epoch(self._windows, self._settings.batch, rng)):
            done = number * self._batches + step
            rate = one_cycle(done / (self.epochs * self._batches), self._peak)
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            loss, mass = self._step(windows, rng)
            total, weight = total + loss * mass, weight + mass
            report((step + 1) / self._batches)
        return total / max(weight, 1.0)

    def state(self) -> dict[str, Any]:
        """What another run needs to go on after an epoch, weights aside."""
        return self._optimiser.state_dict()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._optimiser.load_state_dict(dict(state))

    def _step(self, windows: Windows, rng: np.random.Generator) -> tuple[float, float]:
        settings, network = self._settings, self._model.network
        part = batch(self._history, windows, self._weight, settings.most_rows, rng)
        candidates = self._drawer.draw(part.item.ravel(), rng)
        self._optimiser.zero_grad(set_to_none=True)
        table = self._tensor(self._items.table[candidates.items])
        features = self._items.features(candidates.items, self._device)
        query = self._queries(part, candidates, network.content(features, network.content_enter))
        loss = softmax_loss(
            query,
            network.outputs(table, features),
            network.biases(table),
            self._tensor(candidates.column[part.target]),
            self._tensor(part.weight),
            None if settings.repeats else self._hidden(windows, part, candidates),
            None if candidates.correction is None else self._tensor(candidates.correction),
        )
        torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_NORM)
        self._optimiser.step()
        return loss, float(part.weight.sum())

    def _queries(self, part: Batch, candidates: Candidates, content: Tensor) -> Tensor:
        network = self._model.network
        vectors = network.entering(
            self._tensor(self._items.table[part.item]),
            content,
            self._tensor(candidates.column[part.item]),
        )
        states = network.states(vectors, self._tensor(part.row), self._tensor(part.gap))
        chosen = states.flatten(0, 1)[self._tensor(part.at)]
        return network.queries(chosen, self._tensor(part.earlier.astype(np.float32)))

    def _hidden(
        self, windows: Windows, part: Batch, candidates: Candidates
    ) -> tuple[Tensor, Tensor, Tensor]:
        had = had_at(self._history, windows, candidates.column, len(candidates.items))
        earlier = part.earlier.astype(np.int32)
        return self._tensor(had), self._tensor(part.user), self._tensor(earlier)

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def one_cycle(done: float, peak: float) -> float:
    """Rate after a share of the steps: up and down along cosines (Smith and Topin 2018)."""
    if done < _WARM_UP:
        low, share = peak / _FROM, 1 - done / _WARM_UP
    else:
        low, share = 0.0, (done - _WARM_UP) / (1 - _WARM_UP)
    return low + (peak - low) * (1 + math.cos(math.pi * share)) / 2


def _weights(history: History, settings: TrainSettings) -> Float32s:
    """What each event counts as a target; nothing where no list could hold it."""
    weight = np.where(history.positive, 1.0, settings.disliked_weight)
    if not settings.repeats:
        weight[history.again] = 0.0
    return weight.astype(np.float32)


def _with_targets(windows: Windows, weight: Float32s) -> npt.NDArray[np.bool_]:
    before = np.concatenate([[0], np.cumsum(weight > 0)])
    return before[windows.stop] > before[windows.first]


def _optimiser(model: Model, settings: TrainSettings) -> torch.optim.AdamW:
    parameters = list(model.network.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.rate, fused=True)


def _count_liked(model: Model, history: History, items: Items) -> None:
    """Enter the likes of this history's items; others keep theirs."""
    liked = np.bincount(history.item[history.positive], minlength=len(items.table))
    column = model.network.log_liked
    counts = torch.from_numpy(np.log1p(liked).astype(np.float32)).to(column.device)
    column[torch.from_numpy(items.table).to(column.device)] = counts
