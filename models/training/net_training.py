"""The net's training: most of the log with early stopping, then the newest events too."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.dataset import Dataset
from models.training.checkpoint import Checkpoint
from models.training.epochs import Epochs
from models.training.model import Model
from models.training.progress import Progress, Step
from models.training.settings import TrainSettings
from models.training.threads import one_thread
from models.training.validation import Validation

LEAST_EVENTS: Final = 50
"""Below this a last tenth says nothing."""

_Weights = dict[str, Tensor]


class Nets(NamedTuple):
    """What training gives."""

    before: Model  # has seen nothing of the last tenth
    after: Model  # has learned it too
    hit_rate: float | None  # of `before`, over the last tenth
    epochs: int  # that were run
    best: int  # the epoch, from 1, that `before` is of


class _Best:
    """The weights with the best validation so far; without one the newest."""

    def __init__(self, saved: dict[str, Any] | None) -> None:
        self.epoch: int = saved["epoch"] if saved else 0
        self.score: float | None = saved["score"] if saved else None
        self.weights: _Weights = saved["weights"] if saved else {}

    def take(self, epoch: int, score: float | None, network: torch.nn.Module) -> None:
        if self.score is None or score is None or score > self.score:
            state = network.state_dict()
            self.weights = {name: tensor.detach().clone() for name, tensor in state.items()}
            self.epoch, self.score = epoch, score

    def saved(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "score": self.score, "weights": self.weights}


class NetTraining:
    """One training on events [0, end) of a dataset; resumes from the checkpoint, if given."""

    def __init__(
        self,
        data: Dataset,
        end: int,
        settings: TrainSettings,
        progress: Progress,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._data, self._end, self._settings = data, end, settings
        self._cut = newest(end)
        self._progress, self._checkpoint = progress, checkpoint
        self._device = device(settings)

    def run(self) -> Nets:
        """Train; random numbers of others are left as they were."""
        saved = self._checkpoint.load() if self._checkpoint else None
        with torch.random.fork_rng(), one_thread():
            before, best, ran = self._most(saved)
            after = self._newest(before, best, ran, saved if saved and saved["stage"] else None)
        return Nets(before, after, best.score, ran, best.epoch)

    def _most(self, saved: dict[str, Any] | None) -> tuple[Model, _Best, int]:
        """Learn the first nine tenths; stop when the last tenth is predicted no better."""
        settings, data = self._settings, self._data
        model, best = self._fresh(), _Best(saved["best"] if saved else None)
        ran = saved["ran"] if saved else 0
        if not (saved and saved["stage"]):
            epochs = Epochs(
                model,
                data,
                self._cut,
                settings,
                stage=0,
                epochs=settings.epochs,
                peak=settings.rate,
            )
            if saved:
                _restore(model, epochs, saved)
            validation = Validation(
                data,
                self._cut,
                self._end,
                most=settings.validation_targets,
                seed=settings.seed,
                repeats=settings.repeats,
            )
            while ran < settings.epochs and ran - best.epoch < settings.patience:
                loss = epochs.run(ran, self._report("net", ran, settings.epochs, best))
                score = validation.hit_rate(model)
                ran += 1
                best.take(ran, score, model.network)
                self._progress(Step("net", ran - 1, settings.epochs, 1.0, loss, score))
                self._save(0, ran, model, epochs, best)
        model.network.load_state_dict(best.weights)
        return model, best, ran

    def _newest(self, before: Model, best: _Best, ran: int, saved: dict[str, Any] | None) -> Model:
        """Learn the last tenth too, from what the first nine gave: windows with its events alone.

        (With all events HR@10 was .248 instead of .247 on MovieLens-100K, but .515 instead of .535
        for users with fewer than 5 events.)
        """
        model = warm(before, self._data, self._end)
        settings = self._settings
        epochs = Epochs(
            model,
            self._data,
            self._end,
            settings,
            stage=1,
            epochs=settings.warm_epochs,
            peak=settings.warm_rate,
            since=self._cut,
        )
        first = 0
        if saved:
            _restore(model, epochs, saved)
            first = saved["warm"]
        for epoch in range(first, settings.warm_epochs):
            report = self._report("newest", epoch, settings.warm_epochs, best)
            epochs.run(epoch, report)
            self._save(1, ran, model, epochs, best, warm=epoch + 1)
        return model

    def _fresh(self) -> Model:
        data, cut = self._data, self._cut
        torch.manual_seed(self._settings.seed)
        items = np.unique(data.item[:cut])
        model = Model.new(
            data.hashes[items],
            [data.contents[item] for item in items],
            data.kind[:cut],
            data.value[:cut],
            self._settings,
        )
        model.network.to(self._device)
        return model

    def _report(self, stage: str, epoch: int, epochs: int, best: _Best) -> Callable[[float], None]:
        return lambda part: self._progress(Step(stage, epoch, epochs, part, None, best.score))

    def _save(
        self, stage: int, ran: int, model: Model, epochs: Epochs, best: _Best, warm: int = 0
    ) -> None:
        if self._checkpoint is None:
            return
        self._checkpoint.save(
            {
                "stage": stage,
                "ran": ran,
                "warm": warm,
                "network": model.network.state_dict(),
                "optimiser": epochs.state(),
                "best": best.saved(),
            }
        )


def newest(end: int) -> int:
    """The first event of the last tenth."""
    return end - end // 10


def warm(model: Model, data: Dataset, end: int) -> Model:
    """Copy a model, with room for the items of events [0, end)."""
    grown = model.grown(data.hashes[np.unique(data.item[:end])])
    grown.network.to(model.network.bias.device)
    return grown


def why_not(data: Dataset, end: int) -> str | None:
    """Why a net cannot be trained on events [0, end); None if it can."""
    cut = newest(end)
    if end < LEAST_EVENTS:
        return f"a net needs {LEAST_EVENTS} events to train on, got {end}"
    if len(np.unique(data.item[:cut])) < 2:
        return "a net needs events on two items, got one item"
    if not data.positive[:cut].any():
        return "a net needs positive events, got none"
    if len(np.unique(data.user[:cut])) == cut:
        return "a net needs users with two events, got one event of each"
    return None


def has_gpu() -> bool:
    """Whether there is a GPU that torch can use."""
    return torch.cuda.is_available()


def device(settings: TrainSettings) -> torch.device:
    """Where to train."""
    if settings.device == "auto":
        return torch.device("cuda" if has_gpu() else "cpu")
    return torch.device(settings.device)


def key(data: Dataset, end: int, settings: TrainSettings) -> str:
    """What a checkpoint must share with the training that goes on from it."""
    return json.dumps([data.fingerprint, end, asdict(settings)], sort_keys=True)


def _restore(model: Model, epochs: Epochs, saved: dict[str, Any]) -> None:
    model.network.load_state_dict(saved["network"])
    epochs.restore(saved["optimiser"])
