"""Which predecessors an item's row drops once it has too many: the weakest of those not protected.

The PROTECTED newest stay however weak they are. Of equals in age, as of equals in strength, those
stay whose hash is larger in its upper half: the same items in every row, so that some of the many
that came once come to count. Slots do not matter, and so neither does it how events are cut into
batches.
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Words
from models.compiled import helper
from models.item_states import SLOTS, Fact, ItemColumns
from models.limits import PREDECESSORS, PROTECTED, STEP

_STEPS, _PAIRS, _NEWEST = int(Fact.STEPS), int(Fact.PAIRS), int(Fact.NEWEST)
_FACTS: Final = len(Fact)
_MOST: Final = np.uint32(0xFFFFFFFF)
_HALF: Final = np.uint64(32)


_STEPS_UP: Final = 3
"""Distinct keys that are tried, the least first, before a bound is found by halving."""


class Room(NamedTuple):
    """Memory for one trimming, by slot but for the last."""

    age: Words  # [SLOTS], the complement of the newest event, s
    strength: Words  # [SLOTS]
    mark: Words  # [SLOTS], the upper half of the hash
    dropped: Words  # [SLOTS], slots in ascending order


class _Reach(NamedTuple):
    """How many keys do not exceed a bound, and how many are smaller than it."""

    bound: np.uint32
    within: int
    below: int


class Cut(NamedTuple):
    """Cut off: all with a smaller key, and of those with this key all up to this mark."""

    key: np.uint32
    mark: np.uint32


@helper
def trimming_room() -> Room:
    """Memory for trimmings, one after the other."""
    return Room(
        np.empty(SLOTS, dtype=np.uint32),
        np.empty(SLOTS, dtype=np.uint32),
        np.empty(SLOTS, dtype=np.uint32),
        np.empty(SLOTS, dtype=np.uint32),
    )


@helper
def _within(keys: Words, size: int, bound: np.uint32) -> int:
    """How many keys do not exceed the bound; in 32 bits, eight at once."""
    count = np.uint32(0)
    for slot in range(size):
        count = np.uint32(count + np.uint32(keys[slot] <= bound))
    return int(count)


@helper
def _next(keys: Words, size: int, least: np.uint32) -> np.uint32:
    """The smallest key that is not less than `least`; there must be one."""
    nearest = _MOST
    for slot in range(size):
        # Without a sign: keys below `least` are farther away than all above it.
        away = np.uint32(keys[slot] - least)
        nearest = np.uint32(min(nearest, away))
    return np.uint32(least + nearest)


@helper
def _between(low: np.uint32, high: np.uint32, share: float) -> np.uint32:
    """The number that lies so far on the way from low to high, share < 1."""
    return np.uint32(low + np.uint32(np.float64(np.uint32(high - low)) * share))


@helper
def _reach(keys: Words, size: int, wanted: int) -> _Reach:
    """Find a bound that as many keys as wanted do not exceed; of equals there may be more.

    What came with one event is of one age, so the bound is often among the smallest keys. If not,
    it is found by guesses and halvings, whose passes are vectorised, 25 ns each.
    """
    low = high = _next(keys, size, np.uint32(0))
    below, within, turn, span = 0, _within(keys, size, high), 0, np.uint32(1024)
    while within < wanted:
        low, below, turn = np.uint32(high + np.uint32(1)), within, turn + 1
        if turn < _STEPS_UP:
            low = high = _next(keys, size, low)
        else:
            high = np.uint32(low + min(span, np.uint32(_MOST - low)))
            span = np.uint32(min(np.uint64(span) << np.uint64(3), np.uint64(_MOST)))
        within = _within(keys, size, high)
    while low < high and within != wanted:
        turn += 1
        middle = _between(low, high, 0.5 if turn % 2 else (wanted - below) / (within - below + 1.0))
        reached = _within(keys, size, middle)
        if reached >= wanted:
            high, within = middle, reached
        else:
            low, below = np.uint32(middle + np.uint32(1)), reached
    return _Reach(high, within, below)


@helper
def _cut(keys: Words, marks: Words, flip: np.uint32, size: int, wanted: int) -> Cut:
    """Cut off as many slots as wanted: those with the smallest keys, of equals marks ^ flip.

    The marks are as good as random, so where a share of them ends can be guessed; every fourth
    turn halves instead, should they be chosen to mislead.
    """
    reach = _reach(keys, size, wanted)
    if reach.within == wanted:
        return Cut(reach.bound, _MOST)
    low, high, turn = np.uint32(0), _MOST, 0
    fewer, more = reach.below, reach.within
    while low < high:
        turn += 1
        guess = (wanted - fewer + 0.5) / (more - fewer + 1.0)
        middle = _between(low, high, guess if turn % 4 else 0.5)
        count = np.uint32(0)
        for slot in range(size):
            small = np.uint32(marks[slot] ^ flip) <= middle
            equal = np.uint32(keys[slot] == reach.bound) & np.uint32(small)
            count = np.uint32(count + equal)
        reached = reach.below + int(count)
        if reached == wanted:
            return Cut(reach.bound, middle)
        if reached > wanted:
            high, more = middle, reached
        else:
            low, fewer = np.uint32(middle + np.uint32(1)), reached
    return Cut(reach.bound, low)


@helper
def _choose(room: Room, size: int, excess: int) -> None:
    """Find the slots to be dropped."""
    age, strength, mark = room.age, room.strength, room.mark
    newest = _cut(age, mark, _MOST, size, PROTECTED)
    for slot in range(size):
        equal = (age[slot] == newest.key) & (mark[slot] ^ _MOST <= newest.mark)
        kept = equal | (age[slot] < newest.key)
        strength[slot] = _MOST if kept else strength[slot]
    weak = _cut(strength, mark, np.uint32(0), size, excess)
    dropped, count = room.dropped, 0
    # Without a branch: which slots these are is not to be foreseen.
    for slot in range(size):
        dropped[count] = slot
        equal = (strength[slot] == weak.key) & (mark[slot] <= weak.mark)
        count += int(equal | (strength[slot] < weak.key))


@helper
def trim(items: ItemColumns, item: int, room: Room) -> None:
    """Drop what an item's row has too many; the last survivors move into the slots dropped."""
    size = items.size[item]
    excess = size - PREDECESSORS
    if excess <= 0:
        return
    before, facts = items.before[item], items.facts[item]
    for slot in range(size):
        room.mark[slot] = np.uint32(before[slot] >> _HALF)
    for slot in range(size):
        room.age[slot] = facts[slot, _NEWEST] ^ _MOST
        pairs = np.uint64(facts[slot, _PAIRS]) * np.uint64(STEP)
        weight = pairs + np.uint64(facts[slot, _STEPS])
        room.strength[slot] = np.uint32(min(weight, np.uint64(_MOST - 1)))
    _choose(room, size, excess)
    source, hole, last = size - 1, 0, excess - 1
    while hole <= last and room.dropped[hole] < PREDECESSORS:
        if room.dropped[last] == source:
            last -= 1
        else:
            slot = room.dropped[hole]
            before[slot] = before[source]
            for fact in range(_FACTS):
                facts[slot, fact] = facts[source, fact]
            hole += 1
        source -= 1
    items.size[item] = PREDECESSORS
