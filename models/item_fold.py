"""The item hop's fold: feedback records into counts, decayed sums and predecessors."""

import numpy as np
import numpy.typing as npt

from models.arrays import Hashes, Int32s, Int64s, Words
from models.compiled import column, helper, kernel
from models.feedback import EXAMPLE as FEEDBACK
from models.feedback import Feedback, FeedbackColumns
from models.item_states import EXAMPLE as ITEMS
from models.item_states import FACTS, Fact, ItemColumns, ItemStates
from models.limits import (
    DEPTH,
    DISLIKED_WEIGHT,
    HALF_LIVES_MS,
    PREDECESSORS,
    PROTECTED,
    STEP,
)

# Plain numbers: a kernel takes an enum's member for a constant only by way of Python.
_STEPS, _LIKED_STEPS = int(Fact.STEPS), int(Fact.LIKED_STEPS)
_PAIRS, _LIKED_PAIRS = int(Fact.PAIRS), int(Fact.LIKED_PAIRS)
_PAIRS_OF_LIKED, _NEWEST = int(Fact.PAIRS_OF_LIKED), int(Fact.NEWEST)
_MOST = np.uint64(0xFFFFFFFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_CELLS = 1024
_LAST_CELL = np.uint64(_CELLS - 1)
"""Of the index from hashes to slots, of which a third is in use at most."""


@helper
def _add(facts: Words, what: int, amount: int) -> None:
    """Add to a 32-bit fact, staying at its maximum once there."""
    facts[what] = np.uint32(min(np.uint64(facts[what]) + np.uint64(amount), _MOST))


@helper
def _enter_slots(items: ItemColumns, item: int, index: Int32s) -> None:
    """Make the index for the item: open addressing by hash, slot + 1 in a cell, 0: empty."""
    index[:] = 0
    for slot in range(items.size[item]):
        cell = items.before[item, slot] & _LAST_CELL
        while index[cell] != 0:
            cell = (cell + np.uint64(1)) & _LAST_CELL
        index[cell] = slot + 1


@helper
def _slot_of(items: ItemColumns, item: int, index: Int32s, hash_: np.uint64) -> int:
    """The slot of a predecessor, a new one at the end if it has none."""
    cell = hash_ & _LAST_CELL
    while index[cell] != 0:
        if items.before[item, index[cell] - 1] == hash_:
            return int(index[cell]) - 1
        cell = (cell + np.uint64(1)) & _LAST_CELL
    size = int(items.size[item])
    index[cell] = size + 1
    items.before[item, size] = hash_
    for fact in range(FACTS):
        items.facts[item, size, fact] = 0
    items.size[item] = size + 1
    return size


@helper
def _decay(items: ItemColumns, item: int, time: int, weight: float) -> None:
    """s_h <- s_h 2^(-age/h) + w 2^(-lateness/h), referred to the newest event time seen."""
    newest = items.newest[item]
    if items.events[item] == 0:
        newest = time
    for place in range(len(HALF_LIVES_MS)):
        half_life = HALF_LIVES_MS[place]
        if time >= newest:
            kept = items.sums[item, place] * 2.0 ** ((newest - time) / half_life)
            items.sums[item, place] = kept + weight
        else:
            items.sums[item, place] += weight * 2.0 ** ((time - newest) / half_life)
    items.newest[item] = max(newest, time)


@helper
def _smallest(values: Hashes, wanted: int) -> np.uint64:
    """The wanted-th smallest of the values, 1 for the smallest.

    By halving, since its passes are vectorised: np.partition took five times as long.
    """
    low, high = np.uint64(_ALL), np.uint64(0)
    for place in range(len(values)):
        low, high = min(low, values[place]), max(high, values[place])
    while low < high:
        middle = low + (high - low >> np.uint64(1))
        reached = 0
        for place in range(len(values)):
            reached += values[place] <= middle
        if reached == wanted:
            found = np.uint64(0)
            for place in range(len(values)):
                if values[place] <= middle:
                    found = max(found, values[place])
            return found
        if reached > wanted:
            high = middle
        else:
            low = middle + np.uint64(1)
    return low


@helper
def _trim(items: ItemColumns, item: int) -> None:
    """Drop the weakest predecessors that are not among the newest; survivors keep their slots."""
    size = items.size[item]
    excess = size - PREDECESSORS
    if excess <= 0:
        return
    age = np.empty(size, dtype=np.uint64)
    for slot in range(size):
        tie = items.before[item, slot] >> np.uint64(32)
        age[slot] = np.uint64(items.facts[item, slot, _NEWEST]) << np.uint64(32) | tie
    protected_from = _smallest(age, size - PROTECTED + 1)
    strength = np.empty(size, dtype=np.uint64)
    for slot in range(size):
        tie = items.before[item, slot] >> np.uint64(32)
        pairs = np.uint64(items.facts[item, slot, _PAIRS]) * np.uint64(STEP)
        weight = min(pairs + np.uint64(items.facts[item, slot, _STEPS]), _MOST)
        strength[slot] = weight << np.uint64(32) | tie
        if age[slot] >= protected_from:
            strength[slot] = _ALL
    dropped_to = _smallest(strength, excess)
    source = PREDECESSORS
    for slot in range(PREDECESSORS):
        if strength[slot] <= dropped_to:
            while source < size and strength[source] <= dropped_to:
                source += 1
            if source < size:
                items.before[item, slot] = items.before[item, source]
                for fact in range(FACTS):
                    items.facts[item, slot, fact] = items.facts[item, source, fact]
                source += 1
    items.size[item] = PREDECESSORS


@kernel(ITEMS, column(np.int64), FEEDBACK)
def _fold(items: ItemColumns, index: Int64s, feedback: FeedbackColumns) -> None:
    """Fold the records into the items in place."""
    slots = np.empty(_CELLS, dtype=np.int32)
    for record in range(len(index)):
        item = index[record]
        _enter_slots(items, item, slots)
        liked, time = feedback.liked[record], feedback.time[record]
        _decay(items, item, time, 1.0 if liked else DISLIKED_WEIGHT)
        items.events[item] += 1
        items.liked[item] += liked
        seconds = np.uint32(min(max(time // 1000, 0), 0xFFFFFFFF))
        for age in range(feedback.size[record]):
            before = feedback.before[record, age]
            facts = items.facts[item, _slot_of(items, item, slots, before)]
            if age < DEPTH:
                _add(facts, _STEPS, STEP // (age + 1))
                _add(facts, _LIKED_STEPS, liked * (STEP // (age + 1)))
            if before != feedback.item[record]:
                _add(facts, _PAIRS, 1)
                _add(facts, _LIKED_PAIRS, liked)
                was_liked = feedback.before_liked[record] >> np.uint64(age) & np.uint64(1)
                _add(facts, _PAIRS_OF_LIKED, was_liked)
            facts[_NEWEST] = max(facts[_NEWEST], seconds)
        _trim(items, item)


def fold_items(items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback) -> ItemStates:
    """Fold record r into a copy of item index[r], for all records in order."""
    after = items.copy()
    _fold(after.columns, np.array(index, dtype=np.int64), feedback.columns)
    return after
