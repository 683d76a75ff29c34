"""The protocol: time order; each positive event is predicted, then every event is learned.

The first part trains. Of the rest every positive event is a target, whatever is known of its item:
a target that no list may hold is a miss. Slow weights may be learned anew now and then from all
that lies behind; the fast state learns each event right after its window was predicted.
"""

from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

import numpy as np

from models.arrays import Bools, Int64s
from models.dataset import Dataset
from models.errors import DataError
from models.evaluation.contest import Contestant, Progress
from models.evaluation.windows import window_starts
from models.evaluation.words import counted


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the history is gone through.

    warm_up: the part that trains; refit_every: a part of all events after which slow weights are
    learned anew, None: never; window: events that may be predicted together.
    """

    warm_up: float = 0.7
    refit_every: float | None = None
    window: int = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """Which events are predicted, in which windows, and what was known of their users."""

    data: Dataset
    start: int  # first event that is predicted
    stages: tuple[int, ...]  # start, where slow weights are learned anew, n
    window: int
    targets: Int64s  # [m], events
    history: Int64s  # [m], the user's earlier events
    same_second: int  # targets that share user and second with the event before


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a contestant made of the targets, and at what cost.

    Seconds are sums, by the clock: of fitting and fitting anew, of learning the events, of placing
    the targets.
    """

    name: str
    better: Int64s  # [m]
    ties: Int64s  # [m]
    train_seconds: float
    learn_seconds: float
    rank_seconds: float
    state_bytes: int


def plan(data: Dataset, protocol: Protocol) -> Plan:
    """Lay out the contest.

    Raises
    ------
    DataError
        If the warm-up holds no event, or what follows no positive one.

    """
    n = len(data)
    start = round(protocol.warm_up * n)
    targets = start + np.flatnonzero(data.positive[start:])
    if start == 0:
        raise DataError(
            f"The warm-up, {protocol.warm_up:.0%} of {counted(n, 'event')}, holds none."
        )
    if not len(targets):
        raise DataError(
            f"Nothing can be predicted: of the last {n - start:,} of {counted(n, 'event')} none is"
            " positive."
        )
    step = round(protocol.refit_every * n) if protocol.refit_every else n
    stages = (*range(start, n, max(step, 1)), n)
    history, previous = _before(data)
    held = previous >= 0
    same = held & (data.time // 1000 == data.time[previous] // 1000)
    return Plan(
        data, start, stages, protocol.window, targets, history[targets], int(same[targets].sum())
    )


def _before(data: Dataset) -> tuple[Int64s, Int64s]:
    """The number of the user's events before each event, and the last of them, -1: none."""
    n = len(data)
    order = np.argsort(data.user, kind="stable")
    counts = np.bincount(data.user, minlength=len(data.users))
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    history = place - (np.cumsum(counts) - counts)[data.user]
    return history, np.where(history > 0, order[np.maximum(place - 1, 0)], -1)


def run(contestant: Contestant, plan: Plan, progress: Progress) -> Outcome:
    """Let one contestant predict and learn everything."""
    data, n = plan.data, len(plan.data)
    better, ties = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    training, learning, ranking = _Watch(), _Watch(), _Watch()
    with training:
        contestant.fit(data, plan.start)
    for begin, end in pairwise(plan.stages):
        if begin > plan.start:
            with training:
                contestant.refit(data, begin)
        for first, stop in pairwise(window_starts(data.user, begin, end, plan.window).tolist()):
            window = np.arange(first, stop)
            wanted: Bools = data.positive[first:stop]
            if wanted.any():
                with ranking:
                    placing = contestant.rank(window, wanted)
                better[window[wanted]], ties[window[wanted]] = placing
            with learning:
                contestant.learn(window)
            progress(contestant.name, stop - plan.start, n - plan.start)
    return Outcome(
        contestant.name,
        better[plan.targets],
        ties[plan.targets],
        training.seconds,
        learning.seconds,
        ranking.seconds,
        contestant.state_bytes(),
    )


class _Watch:
    """Adds up the seconds spent inside it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, *_exception: object) -> None:
        self.seconds += perf_counter() - self._began
