"""Which predecessors an item's row drops once it has too many: the weakest of those not protected.

The PROTECTED newest stay however weak they are. Of equals in age, as of equals in strength, those
stay whose hash is larger in its upper half: the same items in every row, so that some of the many
that came once come to count. Slots do not matter, and so neither does it how events are cut into
batches. Larger rows were no better (learners with a net on MovieLens latest-small, refreshed: .160
with 256, cut at each record; .160, .159, .159 where rows grew to 288, 320, 384 before a cut).
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
_LAST: Final = np.uint32(0xFFFFFFFE)
_HALF: Final = np.uint64(32)

_STEPS_UP: Final = 8
"""Distinct keys that are tried, the least first, before a bound is found by halving."""

_PASS: Final = (SLOTS + 31) // 32 * 32
"""Keys that a pass looks at, those behind the row's being _MOST: with a number known beforehand,
of whole vectors, a pass takes 16 ns instead of 25."""


class Room(NamedTuple):
    """Memory for one trimming, by slot but for the last."""

    age: Words  # [_PASS], less for what is newer, s
    strength: Words  # [_PASS]
    mark: Words  # [_PASS], the upper half of the hash
    some: Words  # [_PASS], the marks of equals, and then which are dropped
    dropped: Words  # [_PASS], slots in ascending order


class _Upto(NamedTuple):
    """How many keys do not exceed a bound, and the least that does."""

    within: np.int64
    following: np.uint32


class _Reach(NamedTuple):
    """How many keys do not exceed a bound, and how many are smaller than it."""

    bound: np.uint32
    within: np.int64
    below: np.int64


class Cut(NamedTuple):
    """Cut off: all with a smaller key, and of those with this key all up to this mark."""

    key: np.uint32
    mark: np.uint32


@helper
def trimming_room() -> Room:
    """Memory for trimmings, one after the other."""
    return Room(
        np.full(_PASS, _MOST, dtype=np.uint32),
        np.full(_PASS, _MOST, dtype=np.uint32),
        np.full(_PASS, _MOST, dtype=np.uint32),
        np.full(_PASS, _MOST, dtype=np.uint32),
        np.full(_PASS, _MOST, dtype=np.uint32),
    )


@helper
def _upto(keys: Words, bound: np.uint32) -> _Upto:
    """Look at all keys once, in 32 bits, eight at once; the bound is less than _MOST."""
    count, nearest, next_ = np.uint32(0), _MOST, np.uint32(bound + np.uint32(1))
    for slot in range(_PASS):
        count = np.uint32(count + np.uint32(keys[slot] <= bound))
        # Without a sign: keys up to the bound are farther away than all above it.
        nearest = np.uint32(min(nearest, np.uint32(keys[slot] - next_)))
    return _Upto(np.int64(count), np.uint32(next_ + nearest))


@helper
def _between(low: np.uint32, high: np.uint32, share: float) -> np.uint32:
    """The number that lies so far on the way from low to high, share < 1."""
    return np.uint32(low + np.uint32(np.float64(np.uint32(high - low)) * share))


@helper
def _reach(keys: Words, wanted: int) -> _Reach:
    """Find a bound that as many keys as wanted do not exceed; of equals there may be more.

    What came with one event is of one age, and most of what came once is equally weak, so the
    bound is often among the smallest keys. If not, it is found by halving.
    """
    high, below, turn = np.uint32(0), np.int64(0), 0
    upto = _upto(keys, high)
    while upto.within < wanted and turn < _STEPS_UP:
        high, below, turn = upto.following, upto.within, turn + 1
        upto = _upto(keys, high)
    if upto.within >= wanted:
        return _Reach(high, upto.within, below)
    low, below, span = upto.following, upto.within, np.uint32(STEP)
    within = below
    while within < wanted:
        high = np.uint32(low + min(span, np.uint32(_LAST - low)))
        span = np.uint32(min(np.uint64(span) << np.uint64(2), np.uint64(_MOST)))
        within = _upto(keys, high).within
    while low < high and within != wanted:
        middle = _between(low, high, 0.5)
        upto = _upto(keys, middle)
        if upto.within >= wanted:
            high, within = middle, upto.within
        else:
            low, below = upto.following, upto.within
    return _Reach(high, within, below)


@helper
def _cut(keys: Words, room: Room, flip: np.uint32, wanted: int) -> Cut:
    """Cut off as many slots as wanted: those with the smallest keys, of equals marks ^ flip.

    The marks are as good as random, so where a share of them ends can be guessed; every fourth
    turn halves instead, should they be chosen to mislead.
    """
    reach = _reach(keys, wanted)
    if reach.within == wanted:
        return Cut(reach.bound, _MOST)
    marks = room.some
    for slot in range(_PASS):
        marks[slot] = room.mark[slot] ^ flip if keys[slot] == reach.bound else _MOST
    low, high, turn = np.uint32(0), _MOST, 0
    fewer, more = reach.below, reach.within
    while low < high:
        turn += 1
        guess = (wanted - fewer + 0.5) / (more - fewer + 1.0)
        middle = _between(low, high, guess if turn % 4 else 0.5)
        upto = _upto(marks, middle)
        reached = reach.below + upto.within
        if reached == wanted:
            return Cut(reach.bound, middle)
        if reached > wanted:
            high, more = middle, reached
        elif reached + 1 == wanted:
            return Cut(reach.bound, upto.following)
        else:
            low, fewer = upto.following, reached
    return Cut(reach.bound, low)


@helper
def _gather(items: ItemColumns, item: int, room: Room) -> None:
    """Fill in keys and marks of a row, and _MOST behind them; no key of the row is _MOST."""
    size, before, facts = items.size[item], items.before[item], items.facts[item]
    for slot in range(size):
        room.mark[slot] = np.uint32(before[slot] >> _HALF)
    for slot in range(size):
        room.age[slot] = _LAST - min(facts[slot, _NEWEST], _LAST)
        pairs = np.uint64(facts[slot, _PAIRS]) * np.uint64(STEP)
        weight = pairs + np.uint64(facts[slot, _STEPS])
        room.strength[slot] = np.uint32(min(weight, np.uint64(_LAST)))
    for slot in range(size, _PASS):
        room.age[slot] = _MOST
        room.strength[slot] = _MOST


@helper
def _choose(room: Room, size: int, excess: int) -> None:
    """Find the slots to be dropped."""
    age, strength, mark, drops = room.age, room.strength, room.mark, room.some
    newest = _cut(age, room, _MOST, PROTECTED)
    for slot in range(_PASS):
        equal = (age[slot] == newest.key) & (mark[slot] ^ _MOST <= newest.mark)
        kept = equal | (age[slot] < newest.key)
        strength[slot] = _MOST if kept else strength[slot]
    weak = _cut(strength, room, np.uint32(0), excess)
    for slot in range(_PASS):
        equal = (strength[slot] == weak.key) & (mark[slot] <= weak.mark)
        drops[slot] = np.uint32(equal | (strength[slot] < weak.key))
    dropped, count = room.dropped, np.int64(0)
    # Without a branch: which slots these are is not to be foreseen.
    for slot in range(size):
        dropped[count] = slot
        count += np.int64(drops[slot])


@helper
def trim(items: ItemColumns, item: int, room: Room) -> None:
    """Drop what a row has too many; the last survivors move into the slots dropped."""
    size = items.size[item]
    if size <= PREDECESSORS:
        return
    excess = size - PREDECESSORS
    _gather(items, item, room)
    _choose(room, size, excess)
    before, facts = items.before[item], items.facts[item]
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
