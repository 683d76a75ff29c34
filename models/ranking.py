"""Top lists: the best of the items that a user's walk touched and of those that lead for everyone.

An item that is neither has a score no better than the leaders', so the lists are exact but for what
moved since the leaders were chosen.
"""

from typing import Final, NamedTuple

import numpy as np

from models import popularity, walk
from models import shelves as shelves_
from models.arrays import Float32s, Int32s
from models.compiled import column, helper, kernel
from models.gate import BUCKETS, FEATURES, GateColumns, bucket_of, effective
from models.gate import EXAMPLE as GATE
from models.shelves import Shelves
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns
from models.walk import Scratch, touched_slot

_STATIC: Final = popularity.FEATURES


class Lists(NamedTuple):
    """n lists of up to k items, best first."""

    position: Int32s  # [n, k], -1: none
    score: Float32s  # [n, k], -inf: none


def empty_lists(n: int, k: int) -> Lists:
    """Build n lists of k items to be filled."""
    return Lists(np.empty((n, k), dtype=np.int32), np.empty((n, k), dtype=np.float32))


@helper
def base_score(shelves: Shelves, item: int, weight: Float32s) -> np.float32:
    """What the features that are alike for everyone give the item."""
    score = np.float32(0.0)
    for place in range(_STATIC):
        score += weight[place] * shelves.popularity.feature[item, place]
    return score


@helper
def walked_score(scratch: Scratch, slot: int, score: np.float32, weight: Float32s) -> np.float32:
    """Add to an item's score what the walk says of it."""
    for place in range(walk.FEATURES):
        score += weight[_STATIC + place] * scratch.feature[slot, place]
    return score


@helper
def score_touched(shelves: Shelves, scratch: Scratch, touched: int, weight: Float32s) -> None:
    """Score all items that the walk touched, by slot."""
    for slot in range(touched):
        base = base_score(shelves, scratch.touched[slot], weight)
        scratch.score[slot] = walked_score(scratch, slot, base, weight)


@helper
def may_hold(shelves: Shelves, scratch: Scratch, item: int) -> bool:
    """Whether the list of the user who was walked may hold the item."""
    return bool(shelves.shown[item] != 0 and scratch.barred[item] == 0)


@helper
def insert(position: Int32s, score: Float32s, found: int, item: int, value: np.float32) -> int:
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
def rank_touched(
    shelves: Shelves,
    scratch: Scratch,
    touched: int,
    position: Int32s,
    score: Float32s,
) -> int:
    """Fill the list with the best of the items touched; returns how many."""
    found = 0
    full = len(position)
    for slot in range(touched):
        value = scratch.score[slot]
        if found == full and value <= score[full - 1]:
            continue
        if may_hold(shelves, scratch, scratch.touched[slot]):
            found = insert(position, score, found, scratch.touched[slot], value)
    return found


@helper
def rank_others(
    shelves: Shelves,
    scratch: Scratch,
    touched: int,
    others: Int32s,
    weight: Float32s,
    position: Int32s,
    score: Float32s,
    found: int,
) -> int:
    """Put the best of the others, as far as they were not touched, into the list; its length."""
    full = len(position)
    for item in others:
        value = base_score(shelves, item, weight)
        if found == full and value <= score[full - 1]:
            continue
        if touched_slot(scratch, item, touched) >= 0:
            continue
        if may_hold(shelves, scratch, item):
            found = insert(position, score, found, item, value)
    return found


@kernel(
    USERS,
    shelves_.EXAMPLE,
    walk.EXAMPLE,
    column(np.int32, 2),
    GATE,
    True,
    empty_lists(0, 0),
)
def recommend(
    users: UserColumns,
    shelves: Shelves,
    scratch: Scratch,
    leaders: Int32s,
    gate: GateColumns,
    repeats: bool,
    lists: Lists,
) -> None:
    """Fill in each user's list."""
    weights = np.empty((BUCKETS, FEATURES), dtype=np.float32)
    for bucket in range(BUCKETS):
        effective(gate, bucket, weights[bucket])
    size = shelves.size[0]
    wanted = min(lists.position.shape[1], size)
    for user in range(len(users.events)):
        bucket = bucket_of(users.events[user])
        weight = weights[bucket]
        position, score = lists.position[user, :wanted], lists.score[user, :wanted]
        touched = walk.walk(users, user, shelves, scratch, repeats)
        score_touched(shelves, scratch, touched, weight)
        found = rank_touched(shelves, scratch, touched, position, score)
        found = rank_others(
            shelves, scratch, touched, leaders[bucket], weight, position, score, found,
        )  # fmt: skip
        if found < wanted and leaders.shape[1] < size:
            found = rank_touched(shelves, scratch, touched, position, score)
            everything = np.arange(size).astype(np.int32)
            found = rank_others(
                shelves, scratch, touched, everything, weight, position, score, found,
            )  # fmt: skip
        lists.position[user, found:] = -1
        lists.score[user, found:] = -np.inf
