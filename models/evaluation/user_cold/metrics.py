"""Figures of predictions for held-out users: each user weighs the same.

mae is of what a learner predicts where the absolute error counts, rmse and ndcg of what it predicts
where the squared one does: for most this is the same. mae_of_median is of the median that curves
tell of any learner's prediction, mae_of_steps, accuracy, precision, recall and f1 of the step at
that median (models.meta.telling): with stars the least absolute error.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from models.arrays import Bools, Float32s, Float64s, Int64s
from models.evaluation.ranks import MISS

LENGTH: Final = 10
"""Of the lists among all items."""
_TOP: Final = (5, 10)
"""Of the lists among the user's queries."""
_MOST_GAIN: Final = 60.0
"""Values are cut here for gains 2^value - 1, so that these stay finite."""
_TAIL: Final = 0.025
_DRAWS: Final = 1000


class Told(NamedTuple):
    """What a learner said of m query events, ordered by user 0 .. n - 1."""

    user: Int64s  # [m]
    value: Float32s  # [m], what they were
    liked: Bools  # [m]
    predicted: Float32s  # [m], as it is
    mean: Float32s  # [m], within the range of training
    middle: Float32s  # [m], likewise, where the absolute error counts
    median: Float32s  # [m], likewise, by curves of the steps of values
    told: Float32s  # [m], of the values of training
    rank: Int64s  # [m], among all items; of those that are not liked it does not count


Columns = Mapping[str, Float64s]
"""What figures are made of, a number a user each; nan: the user does not count for it."""


def columns(told: Told, users: int, liked_from: float) -> Columns:
    """Means over each user's queries."""
    count = np.bincount(told.user, minlength=users)

    def mean(of: Float64s | Bools, among: Bools | None = None) -> Float64s:
        counts = count if among is None else np.bincount(told.user, among, minlength=users)
        weighed = of if among is None else of * among
        total = np.bincount(told.user, weighed, minlength=users)
        return _ratio(total, counts)

    away = told.mean.astype(np.float64) - told.value
    said = told.told >= liked_from
    hit = (told.rank != MISS) & (told.rank <= LENGTH)
    found = {
        "mae": mean(np.abs(told.middle.astype(np.float64) - told.value)),
        "mae_of_median": mean(np.abs(told.median.astype(np.float64) - told.value)),
        "mae_of_steps": mean(np.abs(told.told.astype(np.float64) - told.value)),
        "mse": mean(away**2),
        "accuracy": mean(said == told.liked),
        "both": mean(said & told.liked),
        "said": mean(said),
        "liked": mean(told.liked),
        f"hit_rate@{LENGTH}": mean(hit, told.liked),
        f"mrr@{LENGTH}": mean(hit / np.maximum(told.rank, 1), told.liked),
    }
    return found | {f"ndcg@{k}": ndcg(told, users, k) for k in _TOP}


def ndcg(told: Told, users: int, k: int) -> Float64s:
    """NDCG@k of each user's queries by prediction, gains 2^value - 1; nan where all gains are 0."""
    gain = np.exp2(np.minimum(told.value.astype(np.float64), _MOST_GAIN)) - 1
    place = np.arange(len(told.user)) - np.searchsorted(told.user, told.user)
    discount = np.where(place < k, 1 / np.log2(place + 2.0), 0.0)
    by_prediction = np.lexsort((-told.predicted, told.user))
    by_gain = np.lexsort((-gain, told.user))
    reached = np.bincount(told.user, gain[by_prediction] * discount, minlength=users)
    best = np.bincount(told.user, gain[by_gain] * discount, minlength=users)
    return _ratio(reached, best)


def figures(of: Columns, times: Float64s | None = None) -> dict[str, Float64s]:
    """Each figure, d times: float64[d], where user u counts times[d, u] times (once without)."""
    users = len(of["mae"])
    times = np.ones((1, users)) if times is None else times
    mean = {name: _means(column, times) for name, column in of.items()}
    both, said, liked = mean.pop("both"), mean.pop("said"), mean.pop("liked")
    precision, recall = _ratio(both, said), _ratio(both, liked)
    return {
        "mae": mean.pop("mae"),
        "mae_of_median": mean.pop("mae_of_median"),
        "mae_of_steps": mean.pop("mae_of_steps"),
        "rmse": np.sqrt(mean.pop("mse")),
        "accuracy": mean.pop("accuracy"),
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * both, said + liked),
        **dict(sorted(mean.items())),
    }


def intervals(of: Columns, seed: int, draws: int = _DRAWS) -> dict[str, list[float | None]]:
    """Of each figure, where 95 % of it lie if other users had been drawn."""
    times = _drawn(len(of["mae"]), seed, draws)
    found: dict[str, list[float | None]] = {}
    for name, values in figures(of, times).items():
        finite = values[np.isfinite(values)]
        ends = np.quantile(finite, [_TAIL, 1 - _TAIL]).tolist() if len(finite) else [None, None]
        found[name] = ends
    return found


def mae_apart(of: Columns, other: Columns, seed: int, draws: int = _DRAWS) -> dict[str, float]:
    """How much more absolute error there is than another learner has for the same users.

    less and more: where 95 % of that lie if other users had been drawn.
    """
    apart = of["mae"] - other["mae"]
    drawn = _drawn(len(apart), seed, draws) @ apart / len(apart)
    less, more = np.quantile(drawn, [_TAIL, 1 - _TAIL]).tolist()
    return {"mae": float(apart.mean()), "less": less, "more": more}


def _drawn(users: int, seed: int, draws: int) -> Float64s:
    """How often each user is drawn: float64[draws, users]."""
    drawn = np.random.default_rng(seed).integers(0, users, (draws, users))
    return np.stack([np.bincount(row, minlength=users) for row in drawn]).astype(np.float64)


def _means(column: Float64s, times: Float64s) -> Float64s:
    there = np.isfinite(column)
    return _ratio(times[:, there] @ column[there], times[:, there].sum(axis=1))


def _ratio(part: Float64s | Int64s, whole: Float64s | Int64s) -> Float64s:
    """Part by whole, nan where that is none."""
    found = np.full(len(part), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
