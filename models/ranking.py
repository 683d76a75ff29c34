"""Top lists: the best of the items that a user's walk touched and of those that lead for everyone."""

import numpy as np
import numpy.typing as npt

from models import catalogue as catalogue_
from models import popularity, walk
from models.compiled import column, helper, kernel
from models.gate import BUCKETS, FEATURES, GateColumns, bucket_of, effective
from models.gate import EXAMPLE as GATE
from models.user_states import EXAMPLE as USERS
from models.user_states import UserColumns, has_had
from models.walk import Scratch, touched_slot

_STATIC = popularity.FEATURES


@helper
def base_score(shelves, item, weight):  # type: ignore[no-untyped-def]
    """What the features that are alike for all users give the item."""
    feature = shelves.popularity.feature[item]
    score = np.float32(0.0)
    for place in range(_STATIC):
        score += weight[place] * feature[place]
    return score


@helper
def touched_score(shelves, scratch, slot, weight):  # type: ignore[no-untyped-def]
    """What all features give the item in a slot."""
    score = base_score(shelves, scratch.touched[slot], weight)
    feature = scratch.feature[slot]
    for place in range(walk.FEATURES):
        score += weight[_STATIC + place] * feature[place]
    return score


@helper
def insert(position, score, found, item, value):  # type: ignore[no-untyped-def]
    """Put an item into a list that is sorted, best first; returns its length."""
    last = found if found < len(position) else found - 1
    while last > 0 and score[last - 1] < value:
        position[last] = position[last - 1]
        score[last] = score[last - 1]
        last -= 1
    position[last] = item
    score[last] = value
    return min(found + 1, len(position))


@helper
def rank(users, user, shelves, scratch, touched, leaders, weight, repeats, position, score):  # type: ignore[no-untyped-def]
    """Fill position and score with the user's best items, best first; returns how many."""
    found = 0
    full = len(position)
    for slot in range(touched):
        item = scratch.touched[slot]
        value = touched_score(shelves, scratch, slot, weight)
        scratch.score[slot] = value
        if (found < full or value > score[full - 1]) and shelves.shown[item]:
            if repeats or not has_had(users, user, shelves.hash[item]):
                found = insert(position, score, found, item, value)
    for place in range(len(leaders)):
        item = leaders[place]
        value = base_score(shelves, item, weight)
        if (found < full or value > score[full - 1]) and shelves.shown[item]:
            if touched_slot(scratch, item, touched) < 0:
                if repeats or not has_had(users, user, shelves.hash[item]):
                    found = insert(position, score, found, item, value)
    return found


@kernel(
    USERS,
    catalogue_.EXAMPLE,
    walk.EXAMPLE,
    column(np.int32, 2),
    GATE,
    True,
    column(np.int32, 2),
    column(np.float32, 2),
)
def recommend(
    users: UserColumns,
    shelves: catalogue_.Shelves,
    scratch: Scratch,
    leaders: npt.NDArray[np.int32],
    gate: GateColumns,
    repeats: bool,
    position: npt.NDArray[np.int32],
    score: npt.NDArray[np.float32],
) -> None:
    """Fill in each user's list: position and score are [n, k], -1 and -inf where it ends."""
    weight = np.empty((BUCKETS, FEATURES), dtype=np.float32)
    for bucket in range(BUCKETS):
        effective(gate, bucket, weight[bucket])
    everything = np.arange(shelves.size[0]).astype(np.int32)
    k = min(position.shape[1], shelves.size[0])
    for user in range(len(users.count)):
        bucket = bucket_of(users.count[user])
        touched = walk.walk(users, user, shelves, scratch)
        found = rank(
            users,
            user,
            shelves,
            scratch,
            touched,
            leaders[bucket],
            weight[bucket],
            repeats,
            position[user],
            score[user],
        )
        if found < k and leaders.shape[1] < shelves.size[0]:
            found = rank(
                users,
                user,
                shelves,
                scratch,
                touched,
                everything,
                weight[bucket],
                repeats,
                position[user],
                score[user],
            )
        position[user, found:] = -1
        score[user, found:] = -np.inf
