"""A network as a contestant: settings and epochs chosen on the last tenth of the training part.

Its fast state is the user's last 50 events, encoded anew at every prediction. Items without
training events are below all others, ordered by recent popularity.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import nn

from models.arrays import Bools, Float32s, Int64s
from models.dataset import Dataset
from models.evaluation.baselines.history import History
from models.evaluation.baselines.measures import TAIL, tail
from models.evaluation.baselines.next_item import Network, Vocabulary, train
from models.evaluation.baselines.passages import LENGTH
from models.evaluation.baselines.validation import frozen_hits, validation_start
from models.evaluation.contest import ScoreContestant

_MOST_EPOCHS: Final = 25
_PATIENCE: Final = 3
"""Epochs without a better HR@10 after which a trial ends."""
_MOST_TARGETS: Final = 2_000
"""Predicted after each epoch, about."""
_WARM_EPOCHS: Final = 3
"""At half the rate, to learn what came since: the last tenth, or the events since the last time."""


class Trial(NamedTuple):
    """What the validation tenth chooses."""

    dropout: float
    rate: float


class Sequential(ScoreContestant):
    """Items that follow on the user's last ones, by a network."""

    trials: Sequence[Trial]
    chosen: Trial

    @abstractmethod
    def encoder(self, dropout: float) -> nn.Module:
        """The part that differs: [b, t, WIDTH] of [b, t, WIDTH], each from those up to it."""

    def start(self, end: int) -> None:
        """Train each trial before the last tenth; the best one then learns the tenth too."""
        self._history = History(self.data)
        self._tail = tail(len(self.data.items))
        self._tail.add(self.data, np.arange(end))
        best = -1.0
        for trial in self.trials:
            network, found = self._try(trial, end)
            if found > best:
                self._network, self.chosen, best = network, trial, found
        self.refit(self.data, end)

    def refit(self, data: Dataset, end: int) -> None:
        """Train a few warm epochs on all events behind."""
        with self._seeded():
            rate, seed = self.chosen.rate / 2, self.context.seed
            for _ in train(self._network, data, end, rate=rate, epochs=_WARM_EPOCHS, seed=seed):
                pass
        self._seen = Vocabulary(data, end).seen

    def fold(self, window: Int64s) -> None:
        """Count the events; users are encoded when they are asked for."""
        self._tail.add(self.data, window)

    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """Products with what the network makes of the users' last events."""
        scores = self._scores(self._network, self._seen, window[targets])
        return scores + TAIL * self._tail.sums()

    def state_bytes(self) -> int:
        """Bytes of the network, the users' last events and the items' counts."""
        weights = sum(weight.nbytes for weight in self._network.parameters())
        events = np.dtype(np.int32).itemsize * LENGTH * len(self.data.users)
        return weights + events + self._tail.nbytes

    def _try(self, trial: Trial, end: int) -> tuple[Network, float]:
        """The network after its best epoch, and its hits on the last tenth."""
        cut = validation_start(end)
        seen = Vocabulary(self.data, cut).seen
        best, found, since = None, -1.0, 0
        with self._seeded():
            network = Network(len(self.data.items), self.encoder(trial.dropout), trial.dropout)
            epochs = train(
                network,
                self.data,
                cut,
                rate=trial.rate,
                epochs=_MOST_EPOCHS,
                seed=self.context.seed,
            )
            for epoch in epochs:
                now = self._hits(network, seen, end)
                self.context.progress(f"training {self.name}, {trial}", epoch, _MOST_EPOCHS)
                since += 1
                if now > found:
                    best, found, since = deepcopy(network.state_dict()), now, 0
                if since == _PATIENCE:
                    break
        network.load_state_dict(best or network.state_dict())
        return network, found

    def _hits(self, network: Network, seen: Bools, end: int) -> float:
        score = partial(self._scores, network, seen)
        return float(frozen_hits(self.eligible, end, _MOST_TARGETS, score).sum())

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
