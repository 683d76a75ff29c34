"""Which predecessors an item's row drops once it has too many: the weakest of those not protected.

The PROTECTED newest stay however weak they are, of equals in age those in later slots. Of equals
in strength the hash decides, to _MARK bits, then the slot: it is always the same items that stay,
so that some of the many that came once come to count. (With the slot alone HR@10 of the counters
was .149 on MovieLens latest-small where this gives .150.) Slots are what the events in their
order make of them, however they are cut into batches.
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
_MARK: Final = 14
_UNIT: Final = np.uint64(STEP // 10)
"""Of strengths: a tenth of a pair."""
_HEAVIEST: Final = 2**18 - 2
"""Of strengths, 26,000 pairs, so that with _MARK bits behind them they stay below _MOST."""


class Room(NamedTuple):
    """Memory for one trimming, by slot."""

    age: Words  # [SLOTS], newest event, s
    strength: Words  # [SLOTS]
    dropped: Words  # [SLOTS], slots in ascending order


@helper
def trimming_room() -> Room:
    """Memory for trimmings, one after the other."""
    return Room(
        np.empty(SLOTS, dtype=np.uint32),
        np.empty(SLOTS, dtype=np.uint32),
        np.empty(SLOTS, dtype=np.uint32),
    )


@helper
def _smallest(values: Words, size: int, wanted: int, high: np.uint32) -> np.uint32:
    """The wanted-th smallest value, 1 for the smallest; high: none is larger.

    By halving, since its passes are vectorised, 20 ns each: np.partition took five times as long.
    """
    low = np.uint32(0)
    while low < high:
        middle = np.uint32(low + (np.uint32(high - low) >> np.uint32(1)))
        if _reaching(values, size, middle) >= wanted:
            high = middle
        else:
            low = np.uint32(middle + np.uint32(1))
    return low


@helper
def _reaching(values: Words, size: int, most: np.uint32) -> int:
    """How many values are not larger than `most`; in 32 bits, eight at once."""
    reached = np.uint32(0)
    for slot in range(size):
        reached = np.uint32(reached + np.uint32(values[slot] <= most))
    return int(reached)


@helper
def _protect(room: Room, size: int, latest: np.uint32) -> None:
    """Give the PROTECTED newest the greatest strength."""
    age, strength = room.age, room.strength
    least = _smallest(age, size, size - PROTECTED + 1, latest)
    left = PROTECTED - (size - _reaching(age, size, least))
    first = size
    while left > 0:
        first -= 1
        left -= age[first] == least
    for slot in range(size):
        newest = age[slot] > least or (age[slot] == least and slot >= first)
        strength[slot] = _MOST if newest else strength[slot]


@helper
def _choose(room: Room, size: int, excess: int, strongest: np.uint32) -> None:
    """Find the slots to be dropped."""
    strength, dropped = room.strength, room.dropped
    least = _smallest(strength, size, excess, strongest)
    left = excess
    if least > 0:
        left -= _reaching(strength, size, np.uint32(least - np.uint32(1)))
    count = 0
    # Without a branch: which slots are dropped is not to be foreseen.
    for slot in range(size):
        dropped[count] = slot
        equal = int((strength[slot] == least) & (left > 0))
        left -= equal
        count += equal + int(strength[slot] < least)


@helper
def trim(items: ItemColumns, item: int, room: Room) -> None:
    """Drop what an item's row has too many; the last survivors move into the slots dropped."""
    size = items.size[item]
    excess = size - PREDECESSORS
    if excess <= 0:
        return
    before, facts = items.before[item], items.facts[item]
    latest, strongest = np.uint32(0), np.uint32(0)
    for slot in range(size):
        room.age[slot] = facts[slot, _NEWEST]
        pairs = np.uint64(facts[slot, _PAIRS]) * np.uint64(STEP)
        weight = (pairs + np.uint64(facts[slot, _STEPS])) // _UNIT
        weight = min(weight, np.uint64(_HEAVIEST))
        mark = before[slot] >> np.uint64(64 - _MARK)
        room.strength[slot] = np.uint32(weight << np.uint64(_MARK) | mark)
    for slot in range(size):
        latest = max(latest, room.age[slot])
        strongest = max(strongest, room.strength[slot])
    _protect(room, size, latest)
    _choose(room, size, excess, strongest)
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
