"""A network as a contestant: settings and epochs chosen on the last tenth of the training part.

All trials start; the one that is ahead after a few epochs goes on.

Its fast state is the user's last 50 events, encoded anew at every prediction. Items without
training events are below all others, ordered by recent popularity.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import ClassVar, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Bools, Float32s, Int64s
from models.by_user import ByUser
from models.dataset import Dataset
from models.errors import DataError
from models.evaluation.baselines.measures import TAIL, tail
from models.evaluation.baselines.next_item import Network, seen_items, train
from models.evaluation.baselines.passages import LENGTH
from models.evaluation.baselines.validation import frozen_hits, validation_start
from models.evaluation.contest import Context, ScoreContestant
from models.search.space import Float, Space
from models.training.divergence import refuse_divergence
from models.training.threads import one_thread

_EPOCHS: Final = 14
"""Of the best trial. None ends early: HR@10 stands still while the rate is high."""
_FIRST_EPOCHS: Final = 4
"""After which only the best trial goes on."""
_MOST_TARGETS: Final = 1_000
"""Predicted after each epoch, about."""
_WARM_EPOCHS: Final = 3
"""At half the rate, to learn what came since: the last tenth, or the events since the last time."""


class Trial(NamedTuple):
    """What the validation tenth chooses."""

    dropout: float
    rate: float


@dataclass
class _Run:
    """A trial under way."""

    trial: Trial
    network: Network
    epochs: Iterator[list[float]]
    epoch: int = 0
    losses: list[float] = field(default_factory=list)  # of all steps
    hits: float = -1.0  # after its best epoch
    weights: Mapping[str, Tensor] = field(default_factory=dict)  # then


class Sequential(ScoreContestant):
    """Items that follow on the user's last ones, by a network."""

    trials: Sequence[Trial]
    chosen: Trial
    space: ClassVar[Space] = {
        "dropout": Float(0.0, 0.7),
        "rate": Float(5e-4, 2e-2, log=True),
    }

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.defaults = self.trials[0]._asdict()
        if told := context.settings.get(self.name):
            trial = self.trials[0]._replace(**told)
            if not (0 <= trial.dropout < 1 and trial.rate > 0):
                raise DataError(f"dropout must be in 0 to 1 and rate above 0; got {told}.")
            self.trials = (trial,)

    @abstractmethod
    def encoder(self, dropout: float) -> nn.Module:
        """The part that differs: [b, t, WIDTH] of [b, t, WIDTH], each from those up to it."""

    def start(self, end: int) -> None:
        """Train each trial before the last tenth; the best one then learns the tenth too."""
        self._history = ByUser(self.data, len(self.data))
        self._tail = tail(len(self.data.items))
        self._tail.add(self.data, np.arange(end))
        with one_thread(), self._seeded():
            best = self._best(end)
            self._network, self.chosen = best.network, best.trial
        self.refit(self.data, end)

    def refit(self, data: Dataset, end: int) -> None:
        """Train a few warm epochs on all events behind."""
        with one_thread(), self._seeded():
            losses = []
            epochs = self._train(self._network, self.chosen.rate / 2, end, _WARM_EPOCHS)
            for epoch, more in enumerate(epochs, 1):
                losses += more
                self.context.progress(f"training {self.name} on all", epoch, _WARM_EPOCHS)
        self._refuse_divergence(losses, end, self.chosen)
        self._seen = seen_items(data, end)

    def fold(self, window: Int64s) -> None:
        """Count the events; users are encoded when they are asked for."""
        self._tail.add(self.data, window)

    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """Products with what the network makes of the users' last events."""
        with one_thread():
            scores = self._scores(self._network, self._seen, window[targets])
        return scores + TAIL * self._tail.sums()

    def state_bytes(self) -> int:
        """Bytes of the network, the users' last events and the items' counts."""
        weights = sum(weight.nbytes for weight in self._network.parameters())
        events = np.dtype(np.int32).itemsize * LENGTH * len(self.data.users)
        return weights + events + self._tail.nbytes

    def _best(self, end: int) -> "_Run":
        """The best trial before the last tenth, as it was after its best epoch."""
        cut = validation_start(end)
        runs = []
        for trial in self.trials:
            torch.manual_seed(self.context.seed)
            network = Network(len(self.data.items), self.encoder(trial.dropout), trial.dropout)
            epochs = self._train(network, trial.rate, cut, _EPOCHS)
            runs.append(_Run(trial, network, epochs))
            self._go_on(runs[-1], _FIRST_EPOCHS, end)
        best = max(runs, key=lambda run: run.hits)
        self._go_on(best, _EPOCHS, end)
        self._refuse_divergence(best.losses, cut, best.trial)
        best.network.load_state_dict(best.weights)
        return best

    def _go_on(self, run: "_Run", until: int, end: int) -> None:
        """Train until that epoch, and keep the weights after the one with most hits."""
        what = f"training {self.name}, dropout {run.trial.dropout:g}, rate {run.trial.rate:g}"
        self.context.progress(what, run.epoch, _EPOCHS)
        seen = seen_items(self.data, validation_start(end))
        for losses in islice(run.epochs, until - run.epoch):
            run.epoch += 1
            run.losses += losses
            score = partial(self._scores, run.network, seen)
            hits = float(frozen_hits(self.eligible, end, _MOST_TARGETS, score).sum())
            if hits > run.hits:
                run.hits, run.weights = hits, deepcopy(run.network.state_dict())
            self.context.progress(what, run.epoch, _EPOCHS)

    def _train(self, network: Network, rate: float, end: int, epochs: int) -> Iterator[list[float]]:
        seed, repeats = self.context.seed, self.context.repeats
        return train(network, self.data, end, rate=rate, epochs=epochs, seed=seed, repeats=repeats)

    def _refuse_divergence(self, losses: Sequence[float], end: int, trial: Trial) -> None:
        """Raise DivergedError if a training on events [0, end) led away.

        A constant gives all items of these events the same chance.
        """
        items = len(np.unique(self.data.item[:end]))
        refuse_divergence(self.name, trial.rate, losses, float(np.log(max(items, 1))))

    def _scores(self, network: Network, seen: Bools, events: Int64s) -> Float32s:
        inputs, last = self._inputs(events)
        with torch.inference_mode():
            queries = network.queries(torch.from_numpy(inputs), torch.from_numpy(seen))
            query = queries[torch.arange(len(events)), torch.from_numpy(last)]
            scores: Float32s = network.scores(query).numpy()
        lowest = scores.min(axis=1, keepdims=True, initial=0.0)
        return np.where(seen[:-1], scores, lowest - 1.0)

    def _inputs(self, events: Int64s) -> tuple[Int64s, Int64s]:
        """The users' last items, oldest first, int64[m, LENGTH]; and the place of the newest.

        As in training: after the start where the user has fewer than LENGTH.
        """
        start = len(self.data.items)
        past = self._history.before(events, LENGTH)
        last = np.minimum((past >= 0).sum(axis=1), LENGTH - 1)
        age = last[:, None] - np.arange(LENGTH)
        event = np.take_along_axis(past, np.maximum(age, 0), axis=1)
        inputs = np.where((age >= 0) & (event >= 0), self.data.item[event], start)
        return inputs.astype(np.int64), last

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Draw dropout and first weights from the seed, and leave torch's generator as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.context.seed)
            yield
