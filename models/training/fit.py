"""From a log to what a worker serves: the net, and the gate from which partitions start."""

from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from models.dataset import Dataset
from models.errors import CodecError, DivergedError
from models.gate import Gate
from models.mixture import Mixture, MixtureSettings
from models.net import Net
from models.search.modules import NET, TASTE, features_of
from models.taste import no_taste
from models.training.checkpoint import Checkpoint, Tell, untold
from models.training.epochs import Epochs
from models.training.gate_start import learn_start
from models.training.model import Model
from models.training.net_training import NetTraining, key, newest, warm, why_not
from models.training.progress import Progress, Step, silent
from models.training.settings import TrainSettings
from models.training.taste import Tastes, learn_taste
from models.training.threads import one_thread


@dataclass(frozen=True, slots=True)
class Trained:
    """A mixture to serve, and what `refresh` goes on from; without a model it has no net.

    What differs between two trainings of one result is here, not in the mixture's notes: equal
    seeds give equal files.
    """

    mixture: Mixture
    settings: TrainSettings
    model: Model | None
    tastes: Tastes | None = None
    seconds: float = 0.0


def train(
    data: Dataset,
    end: int,
    settings: TrainSettings | None = None,
    *,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    tell: Tell = untold,
) -> Trained:
    """Train on events [0, end): the net stops early by the last tenth, then learns it too.

    The gate's start comes from the last tenth, for which the net is the one that has not seen it.
    Where no net can be trained (too few events, one item, no positive event, or no user with two
    events) the mixture is one of counters alone, and its notes say why under "net". The checkpoint
    is a file that is written after each epoch, gone on from if it is there and of the same data,
    end and settings, which is told; whoever has saved the mixture removes it.
    """
    settings = settings or TrainSettings()
    started = perf_counter()
    reason = why_not(data, end)
    if NET not in settings.modules:
        reason = "it is not among the modules"
    if reason is not None:
        gate = _start(data, end, settings, None, progress)
        notes = _notes(data, end, settings) | {"net": reason}
        mixture = _mixture(data, end, settings, gate, None, notes)
        return Trained(mixture, settings, None, seconds=perf_counter() - started)
    saved = Checkpoint(checkpoint, key(data, end, settings), tell) if checkpoint else None
    nets = NetTraining(data, end, settings, progress, saved).run()
    gate = _start(data, end, settings, nets.before, progress)
    notes = _notes(data, end, settings) | {
        "validation hit_rate@10": nets.hit_rate,
        "epochs": nets.epochs,
        "best epoch": nets.best,
    }
    tastes = _tastes(data, end, settings)
    mixture = _mixture(data, end, settings, gate, _net(nets.after, tastes, settings), notes)
    return Trained(mixture, settings, nets.after, tastes, perf_counter() - started)


def refresh(trained: Trained, data: Dataset, end: int, *, progress: Progress = silent) -> Trained:
    """Learn events [0, end) in a few warm epochs; the gate starts as before.

    All events are gone through: with the new ones alone HR@10 was .249 where this gives .251
    (MovieLens-100K, a refresh after every tenth). Tastes go on from those before, too.
    """
    before, settings, mixture = trained.model, trained.settings, trained.mixture
    if before is None:
        return train(data, end, settings, progress=progress)
    if data.time[end - 1] <= mixture.trained_until:
        return trained
    started = perf_counter()
    with torch.random.fork_rng(), one_thread():
        model = warm(before, data, end)
        epochs = Epochs(
            model,
            data,
            end,
            settings,
            stage=end,
            epochs=settings.warm_epochs,
            peak=settings.warm_rate,
        )
        for epoch in range(settings.warm_epochs):
            epochs.run(epoch, _reporter(progress, "newest", epoch, settings.warm_epochs))
    notes = {**mixture.notes, **_notes(data, end, settings)}
    tastes = _tastes(data, end, settings, trained.tastes)
    net = _net(model, tastes, settings)
    after = _mixture(data, end, settings, mixture.initial_gate(), net, notes)
    return Trained(after, settings, model, tastes, perf_counter() - started)


def _start(
    data: Dataset, end: int, settings: TrainSettings, model: Model | None, progress: Progress
) -> Gate:
    net = None
    if model is not None:
        net = _net(model, _tastes(data, newest(end), settings), settings)
    report = _reporter(progress, "gate", 0, 1)
    return learn_start(data, newest(end), end, _of(settings), net, report)


def _of(settings: TrainSettings) -> MixtureSettings:
    return MixtureSettings(settings.repeats, features_of(settings.modules))


def _reporter(progress: Progress, stage: str, epoch: int, epochs: int) -> Any:
    return lambda part: progress(Step(stage, epoch, epochs, part))


def _mixture(
    data: Dataset,
    end: int,
    settings: TrainSettings,
    gate: Gate,
    net: Net | None,
    notes: dict[str, Any],
) -> Mixture:
    until = int(data.time[end - 1]) if net is not None else 0
    return Mixture(_of(settings), gate, net, until, notes)


def _tastes(
    data: Dataset, end: int, settings: TrainSettings, before: Tastes | None = None
) -> Tastes | None:
    """What events [0, end) say of tastes; None if nothing, or if these are no module."""
    if TASTE not in settings.modules:
        return None
    return learn_taste(data, end, settings.seed, before)


def _net(model: Model, tastes: Tastes | None, settings: TrainSettings) -> Net:
    """The net together with tastes.

    Raises
    ------
    DivergedError
        If its weights did not stay finite.

    """
    hashes = np.sort(model.hashes)
    taste = no_taste(len(hashes)) if tastes is None else tastes.table(hashes)
    try:
        return Net(model.weights(taste), model.features)
    except CodecError as error:
        raise DivergedError(
            f"The net diverged with a rate of {settings.rate:g}, and {settings.warm_rate:g} in warm"
            f" epochs: {error}. Give lower ones."
        ) from error


def _notes(data: Dataset, end: int, settings: TrainSettings) -> dict[str, Any]:
    return {
        "fingerprint": data.fingerprint,
        "events": end,
        "users": len(set(data.user[:end].tolist())),
        "items": len(set(data.item[:end].tolist())),
        "settings": {**asdict(settings), "modules": list(settings.modules)},
    }
