"""The last tenth of the training part, predicted like the test, to choose a baseline's settings."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from models.arrays import Bools, Float32s, Float64s, Int64s
from models.dataset import Dataset
from models.evaluation.contest import Placing
from models.evaluation.eligible import Eligible
from models.evaluation.windows import windows

TOP: Final = 10
"""Length of the lists that choose: HR@10."""
MOST_TARGETS: Final = 5_000
"""Predicted while choosing, about."""
_TOGETHER: Final = 256


def validation_start(end: int) -> int:
    """Where the last tenth of events [0, end) begins."""
    return end - end // 10


def validation(data: Dataset, end: int, most: int = MOST_TARGETS) -> Iterator[tuple[Int64s, Bools]]:
    """The tenth's windows and what to predict of them, about `most` events, evenly in time."""
    begin = validation_start(end)
    every = -(-int(data.positive[begin:end].sum()) // most)
    for place, window in enumerate(windows(data.user, begin, end)):
        targets: Bools = data.positive[window] & (place % max(every, 1) == 0)
        yield window, targets


def hits(placing: Placing, top: int = TOP) -> Float64s:
    """Hits that lists of `top` items are expected to have for each target, ties in random order."""
    chances = np.clip((top - placing.better) / (placing.ties + 1.0), 0.0, 1.0)
    return np.where(placing.better >= 0, chances, 0.0)


def hits_by_user(eligible: Eligible, window: Int64s, targets: Bools, scores: Float32s) -> Float64s:
    """The users' hits, float64[U], where scores[m, I] order the lists of the window's targets."""
    found = hits(Placing(*eligible.place(window, targets, scores)))
    users = eligible.data.user[window[targets]]
    return np.bincount(users, found, len(eligible.data.users)).astype(np.float64)


def frozen_hits(
    eligible: Eligible, end: int, most: int, score: Callable[[Int64s], Float32s]
) -> Float64s:
    """The users' hits on the tenth, float64[U], where `score` needs no state but users' histories.

    So many events are scored at once; about `most` of the tenth's, evenly in time.
    """
    events = np.flatnonzero(eligible.data.positive[:end])
    events = events[events >= validation_start(end)]
    events = events[:: -(-len(events) // most) or 1]
    found, target = np.zeros(len(eligible.data.users)), np.ones(1, dtype=np.bool_)
    for first in range(0, len(events), _TOGETHER):
        some = events[first : first + _TOGETHER]
        for event, scores in zip(some, score(some), strict=True):
            found += hits_by_user(eligible, np.array([event]), target, scores[None])
    return found


def choose(found: Float64s) -> int:
    """The variant with most hits, float64[variants, users]; without a clear winner the first.

    Clear: ahead of the first by more than a standard error, of the differences between users. On a
    tenth with few users the luckiest of many variants need not be the best.
    """
    best = int(found.sum(axis=1).argmax())
    ahead = found[best] - found[0]
    return best if ahead.sum() > np.sqrt((ahead**2).sum()) else 0
