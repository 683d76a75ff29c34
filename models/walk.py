"""From a user's ring to the items it speaks for: the sparse features of transitions, neighbours and
own repeats, of all items that they touch, in one pass over the links of the ring's items."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models import neighbours, repeats, transitions
from models.compiled import helper
from models.item_states import Fact
from models.limits import DEPTH
from models.places import place_of

TRANSITIONS: Final = 0
NEIGHBOURS: Final = TRANSITIONS + transitions.FEATURES
REPEATS: Final = NEIGHBOURS + neighbours.FEATURES
FEATURES: Final = REPEATS + repeats.FEATURES
NAMES: Final = transitions.NAMES + neighbours.NAMES + repeats.NAMES

_STEPS, _LIKED_STEPS = 1 + int(Fact.STEPS), 1 + int(Fact.LIKED_STEPS)
_PAIRS, _LIKED_PAIRS = 1 + int(Fact.PAIRS), 1 + int(Fact.LIKED_PAIRS)
_PAIRS_OF_LIKED = 1 + int(Fact.PAIRS_OF_LIKED)


class Scratch(NamedTuple):
    """Memory for one user's walk; N positions. Nothing in it outlives the walk, nothing is cleared.

    Item j was touched if touched[slot[j]] == j with slot[j] below the number of items touched.
    """

    slot: npt.NDArray[np.int32]  # [N]
    touched: npt.NDArray[np.int32]  # [N]
    feature: npt.NDArray[np.float32]  # [N, FEATURES], by slot
    score: npt.NDArray[np.float32]  # [N], by slot


def scratch(items: int) -> Scratch:
    """Memory for a catalogue of `items` positions."""
    return Scratch(
        slot=np.zeros(items, dtype=np.int32),
        touched=np.zeros(items, dtype=np.int32),
        feature=np.zeros((items, FEATURES), dtype=np.float32),
        score=np.zeros(items, dtype=np.float32),
    )


EXAMPLE: Final = scratch(0)


@helper
def touched_slot(scratch, item, touched):  # type: ignore[no-untyped-def]
    """The item's slot, -1 if the walk did not touch it."""
    slot = scratch.slot[item]
    if slot < touched and scratch.touched[slot] == item:
        return slot
    return np.int32(-1)


@helper
def _touch(scratch, item, touched):  # type: ignore[no-untyped-def]
    """The item's slot, the next one if it has none yet: (slot, touched)."""
    slot = scratch.slot[item]
    if slot < touched and scratch.touched[slot] == item:
        return slot, touched
    scratch.slot[item] = touched
    scratch.touched[touched] = item
    scratch.feature[touched, :] = 0
    return np.int32(touched), np.int32(touched + 1)


@helper
def _log_gain(value, floor):  # type: ignore[no-untyped-def]
    """How far log(value + floor) lies above an untouched item's log(floor)."""
    return np.float32(np.log(value / floor + np.float32(1.0)))


@helper
def walk(users, user, shelves, scratch):  # type: ignore[no-untyped-def]
    """Fill features and slots for one user; returns the number of items touched."""
    links = shelves.links
    touched = np.int32(0)
    size = users.ring_size[user]
    for age in range(size):
        item = place_of(shelves.places, users.ring_item[user, size - 1 - age])
        if item < 0:
            continue
        slot, touched = _touch(scratch, item, touched)
        scratch.feature[slot, REPEATS] += repeats.weight(age)
        count = shelves.popularity.count[item]
        liked = users.ring_liked[user, size - 1 - age]
        near = age < DEPTH
        step = transitions.weight(age, links.after_total[item, 0])
        liked_step = transitions.weight(age, links.after_total[item, 1])
        fast = neighbours.weight(neighbours.FAST, age, count, liked)
        middle = neighbours.weight(neighbours.MIDDLE, age, count, liked)
        slow = neighbours.weight(neighbours.SLOW, age, count, liked)
        if_liked = neighbours.weight(neighbours.LIKED, age, count, liked)
        start = links.after_start[item]
        for place in range(start, start + links.after_size[item]):
            link = links.after[place]
            slot, touched = _touch(scratch, link[0], touched)
            feature = scratch.feature[slot]
            pairs = np.float32(link[_PAIRS])
            if near:
                feature[TRANSITIONS] += step * np.float32(link[_STEPS])
                feature[TRANSITIONS + 1] += liked_step * np.float32(link[_LIKED_STEPS])
                feature[NEIGHBOURS] += fast * pairs
            feature[NEIGHBOURS + 1] += middle * pairs
            feature[NEIGHBOURS + 2] += slow * pairs
            feature[NEIGHBOURS + 3] += if_liked * np.float32(link[_LIKED_PAIRS])
        start = links.before_start[item]
        for place in range(start, start + links.before_size[item]):
            link = links.before[place]
            slot, touched = _touch(scratch, link[0], touched)
            feature = scratch.feature[slot]
            pairs = np.float32(link[_PAIRS])
            if near:
                feature[NEIGHBOURS] += fast * pairs
            feature[NEIGHBOURS + 1] += middle * pairs
            feature[NEIGHBOURS + 2] += slow * pairs
            feature[NEIGHBOURS + 3] += if_liked * np.float32(link[_PAIRS_OF_LIKED])
    for slot in range(touched):
        root = shelves.root[scratch.touched[slot]]
        feature = scratch.feature[slot]
        for place in range(transitions.FEATURES):
            feature[place] = _log_gain(feature[place], np.float32(transitions.FLOOR))
        for place in range(NEIGHBOURS, REPEATS):
            feature[place] = _log_gain(feature[place] * root, np.float32(neighbours.FLOOR))
        feature[REPEATS] = _log_gain(feature[REPEATS], np.float32(repeats.FLOOR))
    return touched
