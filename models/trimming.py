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


class Room(NamedTuple):
    """Memory for one trimming, by slot but for the last two."""

    age: Words  # [SLOTS], newest event, s
    strength: Words  # [SLOTS]
    mark: Words  # [SLOTS], the upper half of the hash
    tied: Words  # [SLOTS], marks of equals
    dropped: Words  # [SLOTS], slots in ascending order


class Cut(NamedTuple):
    """Below: all with a smaller key, and of those with this key all up to this mark."""

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
        np.empty(SLOTS, dtype=np.uint32),
    )


@helper
def _reaching(values: Words, size: int, most: np.uint32) -> int:
    """How many values are not larger than `most`; in 32 bits, eight at once."""
    reached = np.uint32(0)
    for place in range(size):
        reached = np.uint32(reached + np.uint32(values[place] <= most))
    return int(reached)


@helper
def _bound(values: Words, size: int, wanted: int) -> np.uint32:
    """Find a bound that as many values as wanted reach; of equals there may be more.

    By halving, since its passes are vectorised, 20 ns each: np.partition took five times as long.
    """
    low, high = _MOST, np.uint32(0)
    for place in range(size):
        low, high = min(low, values[place]), max(high, values[place])
    while low < high:
        middle = np.uint32(low + (np.uint32(high - low) >> np.uint32(1)))
        reached = _reaching(values, size, middle)
        if reached == wanted:
            return middle
        if reached > wanted:
            high = middle
        else:
            low = np.uint32(middle + np.uint32(1))
    return low


@helper
def _cut(keys: Words, room: Room, size: int, wanted: int) -> Cut:
    """Cut off as many slots as wanted, those with the smallest keys."""
    key = _bound(keys, size, wanted)
    tied, count, below = room.tied, 0, np.uint32(0)
    # Without a branch: which slots are equal is not to be foreseen.
    for slot in range(size):
        tied[count] = room.mark[slot]
        count += int(keys[slot] == key)
        below = np.uint32(below + np.uint32(keys[slot] < key))
    left = wanted - int(below)
    return Cut(key, _MOST if left == count else _bound(tied, count, left))


@helper
def _choose(room: Room, size: int, excess: int) -> None:
    """Find the slots to be dropped."""
    age, strength, mark, dropped = room.age, room.strength, room.mark, room.dropped
    old = _cut(age, room, size, size - PROTECTED)
    for slot in range(size):
        newest = age[slot] > old.key or (age[slot] == old.key and mark[slot] > old.mark)
        strength[slot] = _MOST if newest else strength[slot]
    weak = _cut(strength, room, size, excess)
    count = 0
    for slot in range(size):
        dropped[count] = slot
        equal = int((strength[slot] == weak.key) & (mark[slot] <= weak.mark))
        count += equal + int(strength[slot] < weak.key)


@helper
def trim(items: ItemColumns, item: int, room: Room) -> None:
    """Drop what an item's row has too many; the last survivors move into the slots dropped."""
    size = items.size[item]
    excess = size - PREDECESSORS
    if excess <= 0:
        return
    before, facts = items.before[item], items.facts[item]
    for slot in range(size):
        room.age[slot] = facts[slot, _NEWEST]
        pairs = np.uint64(facts[slot, _PAIRS]) * np.uint64(STEP)
        weight = pairs + np.uint64(facts[slot, _STEPS])
        room.strength[slot] = np.uint32(min(weight, np.uint64(_MOST - 1)))
        room.mark[slot] = np.uint32(before[slot] >> _HALF)
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
