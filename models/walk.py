"""From a user's ring to the items it speaks for, in one pass over the circles of the ring's items.

It gives the sparse features of transitions, neighbours and own repeats of all items they touch.
"""

from typing import Final, NamedTuple

import numpy as np

from models import neighbours, repeats, transitions
from models.arrays import Bytes, Float32s, Int32s, Int64s
from models.circles import FAR, Circles
from models.compiled import helper
from models.had import bar
from models.limits import DEPTH
from models.logarithm import log
from models.places import place_of
from models.shelves import Shelves
from models.user_columns import UserColumns

TRANSITIONS: Final = 0
NEIGHBOURS: Final = TRANSITIONS + transitions.FEATURES
REPEATS: Final = NEIGHBOURS + neighbours.FEATURES
FEATURES: Final = REPEATS + repeats.FEATURES
NAMES: Final = transitions.NAMES + neighbours.NAMES + repeats.NAMES


class Scratch(NamedTuple):
    """Memory for one user's walk; N positions.

    During a walk sums add up by position; at its end they become features by slot, and sums and
    marks are 0 again. Item j was touched if touched[slot[j]] == j with slot[j] below the number of
    items touched, so slots need no clearing.
    """

    sums: Float32s  # [N, _ROW]
    mark: Int32s  # [N], 1: touched
    touched: Int32s  # [N + 1], positions by slot
    slot: Int32s  # [N]
    feature: Float32s  # [N, FEATURES], by slot
    score: Float32s  # [N], by slot
    barred: Bytes  # [N], 1: the user has had it
    barred_item: Int32s  # [N], positions that are barred
    barred_count: Int64s  # [1]


_ROW: Final = 8
"""FEATURES, rounded up so that a row of sums lies in one cache line."""


def empty_scratch(items: int) -> Scratch:
    """Memory for a catalogue of `items` positions."""
    return Scratch(
        sums=np.zeros((items, _ROW), dtype=np.float32),
        mark=np.zeros(items, dtype=np.int32),
        touched=np.zeros(items + 1, dtype=np.int32),
        slot=np.zeros(items, dtype=np.int32),
        feature=np.zeros((items, FEATURES), dtype=np.float32),
        score=np.zeros(items, dtype=np.float32),
        barred=np.zeros(items, dtype=np.uint8),
        barred_item=np.zeros(items, dtype=np.int32),
        barred_count=np.zeros(1, dtype=np.int64),
    )


EXAMPLE: Final = empty_scratch(0)


@helper
def touched_slot(scratch: Scratch, item: int, touched: int) -> int:
    """The item's slot, -1 if the walk did not touch it."""
    slot = int(scratch.slot[item])
    if slot < touched and scratch.touched[slot] == item:
        return slot
    return -1


@helper
def _spread_near(
    circles: Circles, start: int, stop: int, weight: Float32s, scratch: Scratch, touched: int
) -> int:
    """Add one circle, weighed, to the sums of its items; returns the number of items touched.

    Without a branch, since whether an item is new is a coin toss: 6 ns an item, not 12.
    """
    items, values = circles.item, circles.value
    sums, mark, positions = scratch.sums, scratch.mark, scratch.touched
    step, liked_step, fast, middle = weight[0], weight[1], weight[2], weight[3]
    slow, liked = weight[4], weight[5]
    for cell in range(start, stop):
        item = items[cell]
        positions[touched] = item
        touched += 1 - mark[item]
        mark[item] = 1
        sums[item, TRANSITIONS] += step * values[cell, 0]
        sums[item, TRANSITIONS + 1] += liked_step * values[cell, 1]
        sums[item, NEIGHBOURS] += fast * values[cell, 2]
        sums[item, NEIGHBOURS + 1] += middle * values[cell, 2]
        sums[item, NEIGHBOURS + 2] += slow * values[cell, 2]
        sums[item, NEIGHBOURS + 3] += liked * values[cell, 3]
    return touched


@helper
def _spread_far(
    circles: Circles, start: int, stop: int, weight: Float32s, scratch: Scratch, touched: int
) -> int:
    """The same for an item too old for transitions and for the fast decay (.5^10)."""
    items, values = circles.item, circles.value
    sums, mark, positions = scratch.sums, scratch.mark, scratch.touched
    middle, slow, liked = weight[3], weight[4], weight[5]
    for cell in range(start, stop):
        item = items[cell]
        positions[touched] = item
        touched += 1 - mark[item]
        mark[item] = 1
        sums[item, NEIGHBOURS + 1] += middle * values[cell, 2]
        sums[item, NEIGHBOURS + 2] += slow * values[cell, 2]
        sums[item, NEIGHBOURS + 3] += liked * values[cell, 3]
    return touched


@helper
def _repeat(scratch: Scratch, item: int, age: int, touched: int) -> int:
    """Add to the item what the user's having had it says; returns the number of items touched."""
    scratch.touched[touched] = item
    touched += 1 - scratch.mark[item]
    scratch.mark[item] = 1
    scratch.sums[item, REPEATS] += repeats.weight(age)
    return touched


@helper
def _finish(scratch: Scratch, touched: int) -> None:
    """Make features of the sums, by slot, and clear sums and marks."""
    sums, feature, positions = scratch.sums, scratch.feature, scratch.touched
    for slot in range(touched):
        item = positions[slot]
        scratch.slot[item] = slot
        scratch.mark[item] = 0
        for place in range(FEATURES):
            feature[slot, place] = sums[item, place]
            sums[item, place] = 0
    flat = feature.reshape(-1)
    for place in range(touched * FEATURES):
        flat[place] = log(flat[place] + np.float32(1.0))


@helper
def _weights(
    users: UserColumns, user: int, age: int, shelves: Shelves, item: int, weight: Float32s
) -> None:
    """Fill in what the ring's item of that age counts for, by feature."""
    weight[:] = 0
    if age < DEPTH:
        for which in range(transitions.FEATURES):
            steps_out = shelves.links.after_total[item, which]
            weight[TRANSITIONS + which] = transitions.weight(age, steps_out)
    events = shelves.popularity.events[item]
    liked = users.ring_liked[user, users.ring_size[user] - 1 - age]
    for which in range(neighbours.FEATURES):
        weight[NEIGHBOURS + which] = neighbours.weight(which, age, events, liked)


@helper
def walk(users: UserColumns, user: int, shelves: Shelves, scratch: Scratch, repeated: bool) -> int:
    """Fill features and slots for one user and bar the items had; the number of items touched.

    If what the user has had is to be `repeated` there are own repeats, and nothing is barred.
    """
    bar(
        users, user, shelves.places, repeated,
        scratch.barred, scratch.barred_item, scratch.barred_count,
    )  # fmt: skip
    circles = shelves.circles
    weight = np.empty(REPEATS, dtype=np.float32)
    touched = 0
    size = users.ring_size[user]
    for age in range(size):
        item = place_of(shelves.places, users.ring_item[user, size - 1 - age])
        if item < 0:
            continue
        _weights(users, user, age, shelves, item, weight)
        start, reach = circles.start[item], circles.size[item]
        if age < DEPTH:
            touched = _spread_near(circles, start, start + reach, weight, scratch, touched)
        else:
            stop = start + min(reach, FAR)
            touched = _spread_far(circles, start, stop, weight, scratch, touched)
        if repeated:
            touched = _repeat(scratch, item, age, touched)
    _finish(scratch, touched)
    return touched
