"""The item hop's fold: feedback records into counts, decayed sums and predecessors."""

import numpy as np
import numpy.typing as npt

from models.arrays import Int64s, Words
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


@helper
def _add(facts: Words, what: int, amount: int) -> None:
    """Add to a 32-bit fact, staying at its maximum once there."""
    facts[what] = np.uint32(min(np.uint64(facts[what]) + np.uint64(amount), _MOST))


@helper
def _slot_of(items: ItemColumns, item: int, hash_: np.uint64) -> int:
    """The slot of a predecessor, a new one at the end if it has none."""
    size = int(items.size[item])
    for slot in range(size):
        if items.before[item, slot] == hash_:
            return slot
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
    protected_from = np.partition(age, size - PROTECTED)[size - PROTECTED]
    strength = np.empty(size, dtype=np.uint64)
    for slot in range(size):
        tie = items.before[item, slot] >> np.uint64(32)
        pairs = np.uint64(items.facts[item, slot, _PAIRS]) * np.uint64(STEP)
        weight = min(pairs + np.uint64(items.facts[item, slot, _STEPS]), _MOST)
        strength[slot] = weight << np.uint64(32) | tie
        if age[slot] >= protected_from:
            strength[slot] = np.uint64(0xFFFFFFFFFFFFFFFF)
    dropped_to = np.partition(strength, excess - 1)[excess - 1]
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
    for record in range(len(index)):
        item = index[record]
        liked, time = feedback.liked[record], feedback.time[record]
        _decay(items, item, time, 1.0 if liked else DISLIKED_WEIGHT)
        items.events[item] += 1
        items.liked[item] += liked
        seconds = np.uint32(min(max(time // 1000, 0), 0xFFFFFFFF))
        for age in range(feedback.size[record]):
            before = feedback.before[record, age]
            facts = items.facts[item, _slot_of(items, item, before)]
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
