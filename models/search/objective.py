"""How good settings are, on validation parts alone: what is tested later is never looked at.

A contestant's score is HR@10 over the last fifth of the events' first part; a meta-learner's the
MAE over users who are held out of those that a test would train on, the mean of several draws and
of all numbers of events adapted to. On the way both tell scores so far, by which a trial that
promises nothing can be stopped.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from models.arrays import Bools, Int64s
from models.dataset import Dataset
from models.errors import DataError
from models.evaluation.baselines.validation import hits
from models.evaluation.contest import Contestant, Context, Placing, Progress
from models.evaluation.contestants import contestant
from models.evaluation.excerpts import of_events
from models.evaluation.prequential import Plan, Protocol, plan, run
from models.evaluation.ranks import MISS, draw_ranks
from models.evaluation.user_cold.plan import Plan as ColdPlan
from models.evaluation.user_cold.plan import held_out, split
from models.evaluation.words import counted
from models.meta import learner_of
from models.meta.asking import ask
from models.meta.learner import MetaLearner
from models.search.space import Settings

Tell = Callable[[int, float], None]
"""Told a step, from 0, and the score so far; it may raise to end the trial."""

_VALIDATION: Final = 0.2
_PARTS: Final = 5
"""After each of which of the validation's targets the score so far is told."""
_TOP: Final = 10


class Objective(ABC):
    """Scores settings of one learner."""

    figure: str
    higher_is_better: bool
    quiet_steps: int
    """Steps whose scores say too little to stop a trial."""
    notes: tuple[str, ...] = ()
    """What of the data is scored in another way than one might think, beside the data's own."""

    @abstractmethod
    def __call__(self, settings: Settings, tell: Tell, progress: Progress) -> float:
        """Score the settings.

        Raises
        ------
        DataError
            If a setting is out of its range, or nothing can be learned.

        """


class Prequential(Objective):
    """HR@10, as `headwater evaluate` has it, over the end of the events' first part."""

    figure, higher_is_better = f"HR@{_TOP}", True

    def __init__(
        self, name: str, data: Dataset, part: float, context: Context, epochs: int
    ) -> None:
        """Take the first `part` of the events; epochs: the most that a trial trains, 0: none.

        Raises
        ------
        DataError
            If that is too little.

        """
        self._name, self._context, self._epochs = name, context, epochs
        self._plan = plan(_first(data, part), Protocol(warm_up=1 - _VALIDATION))
        self.quiet_steps = epochs // 3

    def __call__(self, settings: Settings, tell: Tell, progress: Progress) -> float:
        """Train, then predict and learn event after event."""
        context = replace(
            self._context, settings={self._name: settings}, validated=tell, progress=progress
        )
        watched = _Watched(contestant(self._name, context), self._plan, tell, self._epochs)
        outcome = run(watched, self._plan, progress)
        rows = self._plan.data.row[self._plan.targets]
        rank = draw_ranks(outcome.better, outcome.ties, rows, context.seed)
        return float(((rank != MISS) & (rank <= _TOP)).mean())


class _Watched:
    """A contestant whose hits so far are told after each part of the targets."""

    def __init__(self, contestant: Contestant, plan: Plan, tell: Tell, first: int) -> None:
        self.name = contestant.name
        self._contestant, self._tell, self._first = contestant, tell, first
        self._of, self._part = len(plan.targets), 0
        self._hits, self._targets = 0.0, 0
        self.fit, self.refit = contestant.fit, contestant.refit
        self.learn, self.state_bytes = contestant.learn, contestant.state_bytes

    def rank(self, window: Int64s, targets: Bools) -> Placing:
        """Place the targets, and count them."""
        placing = self._contestant.rank(window, targets)
        self._hits += float(hits(placing, _TOP).sum())
        self._targets += len(placing.better)
        part = self._targets * _PARTS // self._of
        if part > self._part:
            self._part = part
            self._tell(self._first + part - 1, self._hits / self._targets)
        return placing


class Cold(Objective):
    """MAE after 0 to 20 events, for users held out of those that the test trains on."""

    figure, higher_is_better, quiet_steps = "MAE", False, 0

    def __init__(self, name: str, data: Dataset, share: float, seed: int, draws: int) -> None:
        """Leave out the users whom `headwater evaluate` with that share and seed tests.

        Raises
        ------
        DataError
            If nobody is left to train on or to be told.

        """
        self._name, self._seed = name, seed
        rest = _without(data, held_out(data, share, seed))
        self._plans = [split(rest, share, seed + 1 + draw) for draw in range(draws)]
        told = dict.fromkeys(note for plan in self._plans for note in plan.notes)
        self.notes = tuple(note for note in told if note not in data.notes)

    def __call__(self, settings: Settings, tell: Tell, progress: Progress) -> float:
        """Train and tell for each draw of users; the mean of what they give."""
        found: list[float] = []
        for draw, laid_out in enumerate(self._plans):
            report = partial(progress, f"{self._name}: training {draw + 1} of {len(self._plans)}")
            trained = learner_of(self._name, settings).meta_train(
                laid_out.world, laid_out.train, seed=self._seed, progress=report
            )
            found.append(_error(laid_out, trained))
            tell(draw, float(np.mean(found)))
        return float(np.mean(found))


def _error(plan: ColdPlan, trained: MetaLearner) -> float:
    """MAE over users, the mean over how many events were adapted to."""
    vectors, query = trained.item_vectors(plan.world.hashes, plan.world.contents), plan.query
    errors = []
    for k in plan.steps.values():
        weights = trained.weights_after(plan.support.between(0, k), vectors)
        predicted = ask(trained.middle, weights, query, vectors)
        away = np.abs(predicted - query.value)
        errors.append((np.bincount(query.user, away) / query.size).mean())
    return float(np.mean(errors))


def _first(data: Dataset, part: float) -> Dataset:
    """The history as it was when that part of its events had come."""
    end = round(part * len(data))
    if end == 0:
        raise DataError(f"The first {part:.0%} of {counted(len(data), 'event')} holds none.")
    return of_events(data, np.arange(end))


def _without(data: Dataset, users: Int64s) -> Dataset:
    """The history without some users."""
    kept = np.setdiff1d(np.arange(len(data.users)), users)
    number = np.full(len(data.users), -1, dtype=np.int32)
    number[kept] = np.arange(len(kept))
    rest = of_events(data, np.flatnonzero(number[data.user] >= 0))
    return replace(
        rest,
        users=tuple(data.users[user] for user in kept.tolist()),
        profiles=tuple(data.profiles[user] for user in kept.tolist()),
        user=number[rest.user],
    )
