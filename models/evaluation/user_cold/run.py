"""One learner through the protocol: trained, adapted to k events of each user, asked, timed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter, process_time
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from models.arrays import Float32s, Int64s
from models.evaluation.contest import Progress
from models.evaluation.failures import Guard, outcomes, unguarded
from models.evaluation.ranks import draw_ranks
from models.evaluation.user_cold.metrics import Columns, Told, columns
from models.evaluation.user_cold.plan import Plan, barred
from models.meta import learner_of
from models.meta.asking import ask
from models.meta.learner import MetaLearner
from models.meta.shapes import check_shapes

_SCORES: Final = 2**22
"""Scores of all items that are held at once."""
_TIMES: Final = 51
"""How often adapting is timed, of which the middle counts …"""
_LEAST: Final = 5
_ENOUGH: Final = 0.5
"""… and less often, if so many seconds were spent."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a learner reached and took. by_support: for each of the plan's steps."""

    name: str
    by_support: dict[str, Columns]
    train_seconds: float
    adapt_seconds: float  # an event
    state_bytes: int


def run(
    plans: Sequence[Plan],
    names: Sequence[str],
    seed: int,
    progress: Progress,
    settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    guard: Guard = unguarded,
) -> Iterator[Outcome]:
    """Let the named learners go through the plans, one after the other, each within the guard.

    Of several plans, that hold out other users each, the figures are those of all these users.
    settings: of those that have other ones than always.

    Raises
    ------
    DataError
        If one is not known, cannot learn from the data, or gives what its methods may not.
    MissingLibraryError
        If one needs a library that is not installed.

    """
    learners = [
        (name, learner_of(name, settings.get(name, {}))) for name in names
    ]  # what one lacks is told at once
    works = (
        (name, partial(_through_all, plans, name, learner, seed, progress))
        for name, learner in learners
    )
    yield from outcomes(works, guard)


def _through_all(
    plans: Sequence[Plan], name: str, learner: MetaLearner, seed: int, progress: Progress
) -> Outcome:
    """What a learner reaches for the users of all plans, and takes: training in all."""
    called = (
        [name]
        if len(plans) == 1
        else [f"{name}, part {part} of {len(plans)}" for part in range(1, len(plans) + 1)]
    )
    parts = [
        _through(plan, what, learner, seed, progress)
        for plan, what in zip(plans, called, strict=True)
    ]
    return Outcome(
        name,
        {
            step: {
                figure: np.concatenate([part.by_support[step][figure] for part in parts])
                for figure in columns
            }
            for step, columns in parts[0].by_support.items()
        },
        sum(part.train_seconds for part in parts),
        float(np.mean([part.adapt_seconds for part in parts])),
        max(part.state_bytes for part in parts),
    )


def _through(plan: Plan, name: str, learner: MetaLearner, seed: int, progress: Progress) -> Outcome:
    began = perf_counter()
    trained = learner.meta_train(
        plan.world,
        plan.train,
        seed=seed,
        progress=lambda done, of: progress(f"{name}: training", done, of),
    )
    check_shapes(learner, trained, plan.world, plan.train)
    trained = trained.completed(plan.world, plan.train)
    vectors = trained.item_vectors(plan.world.hashes, plan.world.contents)
    train_seconds = perf_counter() - began
    by_support = {}
    for done, (step, k) in enumerate(plan.steps.items(), 1):
        weights = trained.weights_after(plan.support.between(0, k), vectors)
        by_support[step] = _told(plan, trained, weights, vectors, seed)
        progress(f"{name}: telling", done, len(plan.steps))
    slow = sum(table.nbytes for table in trained.learned.values())
    return Outcome(
        name, by_support, train_seconds, _seconds(plan, trained, vectors), slow + weights.nbytes
    )


def _told(
    plan: Plan, learner: MetaLearner, weights: Float32s, vectors: Float32s, seed: int
) -> Columns:
    """Ask for all queries, with the users' weights as they are."""
    query = plan.query
    predicted = ask(learner.predict, weights, query, vectors)
    told = Told(
        user=query.user,
        value=query.value,
        liked=query.positive,
        predicted=predicted,
        mean=learner.clip(predicted),
        middle=ask(learner.middle, weights, query, vectors),
        median=ask(learner.median, weights, query, vectors),
        told=ask(learner.told, weights, query, vectors),
        rank=_ranks(plan, learner, weights, vectors, seed),
    )
    return columns(told, len(query), plan.world.liked)


def _ranks(
    plan: Plan, learner: MetaLearner, weights: Float32s, vectors: Float32s, seed: int
) -> Int64s:
    """Where each query stands among all items that are of no event in support or query."""
    query = plan.query
    better, ties = np.zeros(len(query.item), np.int64), np.zeros(len(query.item), np.int64)
    popular = learner.popularity(plan.world.hashes)
    step = max(_SCORES // max(len(vectors), 1), 1)
    for first in range(0, len(query), step):
        scores = learner.rank_scores(weights[first : first + step], vectors) + popular
        for user, row in enumerate(scores, first):
            own = slice(query.start[user], query.start[user + 1])
            mine = row[query.item[own]]
            others = np.sort(np.delete(row, np.unique(barred(plan, user))))
            above = np.searchsorted(others, mine, side="right")
            better[own] = len(others) - above
            ties[own] = above - np.searchsorted(others, mine, side="left")
    return draw_ranks(better, ties, np.arange(len(better)), seed)


def _seconds(plan: Plan, learner: MetaLearner, vectors: Float32s) -> float:
    """Seconds of processor time an event, of adapting all held-out users at once to all events.

    The lookup of the items' vectors by number is part of it; a user's start, which is read of the
    profile once, is not.
    """
    start = learner.start(plan.support.profiles)
    took: list[float] = []
    while len(took) < _LEAST or (len(took) < _TIMES and sum(took) < _ENOUGH):
        began = process_time()
        learner.adapted(start, plan.support, vectors)
        took.append(process_time() - began)
    return median(took) / max(len(plan.support.item), 1)
