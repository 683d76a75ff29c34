"""The gate's online learning: one step per positive event on its target and a sample of the rest.

Softmax regression: with p the scores' softmax over all items that a list may hold,

    g = E_p[f / sigma] - f_target / sigma
    w   <- w   - .01 g / sqrt(mean g^2) / sqrt(1 + .0005 t)
    d_b <- d_b - .06 g / sqrt(mean_b g^2) / sqrt(n_b)

The expectation is over the best TOP items and RANDOM others, each of which stands for its share of
the rest. (learner.md, "Gate".)
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from models import catalogue as catalogue_
from models import popularity, walk
from models.compiled import column, helper, kernel
from models.gate import EXAMPLE as GATE
from models.gate import FEATURES, GateColumns, bucket_of, effective
from models.places import place_of
from models.ranking import base_score, rank
from models.user_fold import EVENTS, EventColumns
from models.user_states import EXAMPLE as USERS
from models.user_states import UserColumns, fold_event, has_had
from models.walk import Scratch, touched_slot

TOP: Final = 100
RANDOM: Final = 156
_STATIC = popularity.FEATURES


@helper
def _random(state):  # type: ignore[no-untyped-def]
    """splitmix64: (next state, 64 random bits)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state, mixed ^ (mixed >> np.uint64(31))


@helper
def _describe(shelves, scratch, touched, item, feature):  # type: ignore[no-untyped-def]
    """Fill in all features of an item."""
    for place in range(_STATIC):
        feature[place] = shelves.popularity.feature[item, place]
    slot = touched_slot(scratch, item, touched)
    for place in range(walk.FEATURES):
        feature[_STATIC + place] = scratch.feature[slot, place] if slot >= 0 else np.float32(0.0)


@kernel(
    USERS,
    EVENTS,
    catalogue_.EXAMPLE,
    walk.EXAMPLE,
    column(np.int32, 2),
    GATE,
    True,
    np.uint64(0),
    column(np.float64),
)
def learn(
    users: UserColumns,
    events: EventColumns,
    shelves: catalogue_.Shelves,
    scratch: Scratch,
    leaders: npt.NDArray[np.int32],
    gate: GateColumns,
    repeats: bool,
    seed: np.uint64,
    rates: npt.NDArray[np.float64],
) -> None:
    """Step the gate in place for each positive event, folding all into the users in place."""
    size = shelves.size[0]
    weight = np.empty(FEATURES, dtype=np.float32)
    position = np.empty(min(TOP, size), dtype=np.int32)
    score = np.empty(min(TOP, size), dtype=np.float32)
    item = np.empty(TOP + RANDOM + 1, dtype=np.int32)
    share = np.empty(TOP + RANDOM + 1, dtype=np.float64)
    feature = np.empty((TOP + RANDOM + 1, FEATURES), dtype=np.float32)
    gradient = np.empty(FEATURES, dtype=np.float64)
    for event in range(len(events.item)):
        user = events.user[event]
        target = place_of(shelves.places, events.item[event])
        teaches = events.liked[event] and target >= 0 and shelves.shown[target]
        if teaches and (repeats or not has_had(users, user, events.item[event])):
            bucket = bucket_of(users.count[user])
            effective(gate, bucket, weight)
            touched = walk.walk(users, user, shelves, scratch)
            found = rank(
                users,
                user,
                shelves,
                scratch,
                touched,
                leaders[bucket],
                weight,
                repeats,
                position,
                score,
            )
            # the sample: the target, the top, a random rest
            item[0] = target
            share[0] = 1.0
            n = 1
            for place in range(found):
                if position[place] != target:
                    item[n] = position[place]
                    share[n] = 1.0
                    n += 1
            lowest = score[found - 1] if found > 0 else np.float32(-np.inf)
            state = seed + np.uint64(event) * np.uint64(0xD1342543DE82EF95)
            first = n
            drawn = 0
            for draw in range(RANDOM):
                state, bits = _random(state)
                other = np.int32((bits >> np.uint64(32)) * np.uint64(size) >> np.uint64(32))
                drawn += 1
                if other == target or not shelves.shown[other]:
                    continue
                slot = touched_slot(scratch, other, touched)
                value = scratch.score[slot] if slot >= 0 else base_score(shelves, other, weight)
                if found == len(position) and value >= lowest:
                    continue
                if not repeats and has_had(users, user, shelves.hash[other]):
                    continue
                item[n] = other
                n += 1
            for place in range(first, n):
                share[place] = size / drawn
            best = -np.inf
            for place in range(n):
                _describe(shelves, scratch, touched, item[place], feature[place])
            # softmax
            p = np.empty(n, dtype=np.float64)
            for place in range(n):
                value = 0.0
                for m in range(FEATURES):
                    value += weight[m] * feature[place, m]
                p[place] = value
                best = max(best, value)
            total = 0.0
            for place in range(n):
                p[place] = share[place] * np.exp(p[place] - best)
                total += p[place]
            gradient[:] = 0.0
            for place in range(n):
                q = p[place] / total
                if place == 0:
                    q -= 1.0
                for m in range(FEATURES):
                    gradient[m] += q * feature[place, m]
            # moments over the random items
            if n - first > 10:
                t = gate.steps[0]
                rate = max(1.0 / t, 0.001)
                for m in range(FEATURES):
                    mean = 0.0
                    square = 0.0
                    for place in range(first, n):
                        mean += feature[place, m]
                        square += feature[place, m] ** 2
                    mean /= n - first
                    square /= n - first
                    gate.mean[m] += rate * (mean - gate.mean[m])
                    gate.variance[m] += rate * (square - gate.mean[m] ** 2 - gate.variance[m])
                    gate.variance[m] = max(gate.variance[m], 1e-6)
            gate.steps[0] += 1.0
            gate.steps[1 + bucket] += 1.0
            t = gate.steps[0]
            tb = gate.steps[1 + bucket]
            for m in range(FEATURES):
                g = gradient[m] / (np.sqrt(gate.variance[m]) + 1e-3)
                gate.square[m] += g * g
                gate.weight[m] -= rates[0] * g / np.sqrt(gate.square[m] / t + 1e-3) / np.sqrt(1.0 + rates[1] * t)
                gate.offset_square[bucket, m] += g * g
                gate.offset[bucket, m] -= rates[2] * g / np.sqrt(gate.offset_square[bucket, m] / tb + 1e-3) / np.sqrt(tb)
        fold_event(
            users,
            user,
            events.item[event],
            events.time[event],
            events.value[event],
            events.kind[event],
            events.liked[event],
        )
