"""The gate's online learning: one step per positive event on its target and a sample of the rest.

Softmax regression: with p the softmax of the scores over all items that the user's list may hold,

    g = (E_p[f] - f_target) / sigma
    w   <- w   - .01 g / sqrt(mean g^2) / sqrt(1 + .0005 t)
    d_b <- d_b - .06 g / sqrt(mean_b g^2) / sqrt(n_b)

The expectation is over the TOP best items and RANDOM others, each of which stands for its share of
the rest. An event whose item is unknown, or that a list may not hold, teaches nothing. (learner.md,
"Gate".)
"""

from typing import Final, NamedTuple

import numpy as np

from models import shelves as shelves_
from models import walk
from models.arrays import Float32s, Int32s, Int64s
from models.compiled import column, helper, kernel
from models.dense import EXAMPLE as DENSE
from models.dense import Dense, best_of_all, fill_base, fill_scores
from models.describe import describe_items
from models.event_columns import EVENTS, EventColumns
from models.gate import EXAMPLE as GATE
from models.gate import FEATURES, GateColumns, bucket_of, effective, sigma
from models.gate_sample import TOP, Sample, empty_sample, random, sample_best, sample_rest
from models.places import place_of
from models.ranking import rank_others, rank_touched, score_touched
from models.shelves import Shelves
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns, fold_event, has_had
from models.walk import Scratch

_RATE: Final = 0.01
_SLOWING: Final = 0.0005
_OFFSET_RATE: Final = 0.06
_LEAST_SQUARE: Final = 1e-3
"""Of a gradient, so that a feature that never differs is not divided by nothing."""
_SLOWEST: Final = 0.001
"""Of the moments' rate, after a thousand steps."""
_LEAST_VARIANCE: Final = 1e-6


@helper
def _probabilities(sample: Sample, size: int, weight: Float32s) -> None:
    """Fill in the softmax of the sample's scores, each counted as often as its share."""
    best = -np.inf
    for place in range(size):
        score = 0.0
        for feature in range(FEATURES):
            score += weight[feature] * sample.feature[place, feature]
        sample.probability[place] = score
        best = max(best, score)
    total = 0.0
    for place in range(size):
        sample.probability[place] = sample.share[place] * np.exp(sample.probability[place] - best)
        total += sample.probability[place]
    sample.probability[:size] /= total


@helper
def _measure(gate: GateColumns, sample: Sample, first: int, size: int) -> None:
    """Move the features' running mean and variance towards those of the random items."""
    drawn = size - first
    if drawn == 0:
        return
    rate = max(1.0 / gate.steps[0], _SLOWEST)
    for feature in range(FEATURES):
        total, squares = 0.0, 0.0
        for place in range(first, size):
            total += sample.feature[place, feature]
            squares += sample.feature[place, feature] ** 2
        gate.mean[feature] += rate * (total / drawn - gate.mean[feature])
        variance = squares / drawn - gate.mean[feature] ** 2
        gate.variance[feature] += rate * (variance - gate.variance[feature])
        gate.variance[feature] = max(gate.variance[feature], _LEAST_VARIANCE)


@helper
def _step(gate: GateColumns, bucket: int, sample: Sample, size: int) -> None:
    """Move the weights against the gradient."""
    gate.steps[0] += 1.0
    gate.bucket_steps[bucket] += 1.0
    steps, in_bucket = gate.steps[0], gate.bucket_steps[bucket]
    for feature in range(FEATURES):
        gradient = -np.float64(sample.feature[0, feature])
        for place in range(size):
            gradient += sample.probability[place] * sample.feature[place, feature]
        gradient *= gate.learns[feature] / sigma(gate, feature)
        gate.square[feature] += gradient * gradient
        gate.offset_square[bucket, feature] += gradient * gradient
        scale = np.sqrt(gate.square[feature] / steps + _LEAST_SQUARE)
        slowed = np.sqrt(1.0 + _SLOWING * steps)
        gate.weight[feature] -= _RATE * gradient / scale / slowed
        scale = np.sqrt(gate.offset_square[bucket, feature] / in_bucket + _LEAST_SQUARE)
        gate.offset[bucket, feature] -= _OFFSET_RATE * gradient / scale / np.sqrt(in_bucket)


@helper
def _teaches(users: UserColumns, user: int, shelves: Shelves, target: int, repeats: bool) -> bool:
    """Whether the user's list could have held the target."""
    if target < 0 or not shelves.shown[target]:
        return False
    return repeats or not has_had(users, user, shelves.hash[target])


class _Room(NamedTuple):
    """Memory for a dense scan, none without a net."""

    base: Float32s  # [N]
    score: Float32s  # [N]
    block: Float32s  # [N]


@helper
def _rank_sparse(
    shelves: Shelves,
    scratch: Scratch,
    touched: int,
    others: Int32s,
    weight: Float32s,
    best: Int32s,
    scores: Float32s,
) -> int:
    """List the best of the items touched and of those that lead for everyone; how many."""
    score_touched(shelves, scratch, touched, weight)
    found = rank_touched(shelves, scratch, touched, best, scores)
    return rank_others(shelves, scratch, touched, others, weight, best, scores, found)


@helper
def _rank_all(
    shelves: Shelves,
    scratch: Scratch,
    touched: int,
    dense: Dense,
    row: int,
    weight: Float32s,
    room: _Room,
    best: Int32s,
    scores: Float32s,
) -> int:
    """List the best of all items; how many."""
    fill_base(dense, shelves.shown, weight, room.base)
    fill_scores(dense, row, room.base, scratch, touched, weight, room.score)
    return best_of_all(room.score, room.block, best, scores)


@kernel(
    USERS,
    EVENTS,
    column(np.int64),
    shelves_.EXAMPLE,
    walk.EXAMPLE,
    column(np.int32, 2),
    DENSE,
    GATE,
    True,
    np.uint64(0),
)
def learn(
    users: UserColumns,
    events: EventColumns,
    rows: Int64s,
    shelves: Shelves,
    scratch: Scratch,
    leaders: Int32s,
    dense: Dense,
    gate: GateColumns,
    repeats: bool,
    seed: np.uint64,
) -> None:
    """Step the gate in place for each event that teaches, folding all into the users in place.

    rows: of the logits, for each event, -1: it teaches nothing. Without logits the leaders are
    used. The draws of the i-th event depend on seed + i alone.
    """
    weight = np.empty(FEATURES, dtype=np.float32)
    sample = empty_sample()
    top = min(TOP, shelves.size[0])
    best, scores = sample.best[:top], sample.score[:top]
    with_net = len(dense.logit) > 0
    size = shelves.size[0] if with_net else 0
    room = _Room(
        np.empty(size, dtype=np.float32),
        np.empty(size, dtype=np.float32),
        np.empty(size, dtype=np.float32),
    )
    for event in range(len(events.item)):
        user, row = events.user[event], rows[event]
        target = place_of(shelves.places, events.item[event])
        if row >= 0 and _teaches(users, user, shelves, target, repeats):
            bucket = bucket_of(users.events[user])
            effective(gate, bucket, weight)
            touched = walk.walk(users, user, shelves, scratch, repeats)
            if with_net:
                found = _rank_all(shelves, scratch, touched, dense, row, weight, room, best, scores)
            else:
                found = _rank_sparse(
                    shelves, scratch, touched, leaders[bucket], weight, best, scores
                )
            first = sample_best(sample, target, found)
            lowest = scores[found - 1] if found == top else np.float32(np.inf)
            drawn = sample_rest(
                sample, first, shelves, scratch, touched, weight, room.score, lowest,
                random(seed + np.uint64(event), 0),
            )  # fmt: skip
            describe_items(
                shelves, scratch, touched, dense, row, sample.item[:drawn], sample.feature
            )
            _probabilities(sample, drawn, weight)
            _measure(gate, sample, first, drawn)
            _step(gate, bucket, sample, drawn)
        fold_event(
            users,
            user,
            events.item[event],
            events.time[event],
            events.value[event],
            events.kind[event],
            events.liked[event],
        )
