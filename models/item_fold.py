"""The item hop's fold: feedback records into counts, decayed sums and predecessors."""

import numpy as np
import numpy.typing as npt

from models.arrays import Int64s, Shorts, Words
from models.compiled import column, helper, kernel
from models.feedback import EXAMPLE as FEEDBACK
from models.feedback import Feedback, FeedbackColumns
from models.item_states import EXAMPLE as ITEMS
from models.item_states import FACTS, Fact, ItemColumns, ItemStates, empty_items
from models.limits import DEPTH, DISLIKED_WEIGHT, HALF_LIVES_MS, STEP
from models.packing import copy_cells
from models.trimming import Room, trim, trimming_room

# Plain numbers: a kernel takes an enum's member for a constant only by way of Python.
_STEPS, _LIKED_STEPS = int(Fact.STEPS), int(Fact.LIKED_STEPS)
_PAIRS, _LIKED_PAIRS = int(Fact.PAIRS), int(Fact.LIKED_PAIRS)
_PAIRS_OF_LIKED, _NEWEST = int(Fact.PAIRS_OF_LIKED), int(Fact.NEWEST)
_MOST = np.uint64(0xFFFFFFFF)
_CELLS = 2048
_LAST_CELL = np.uint64(_CELLS - 1)
"""Of the index from hashes to slots, of which a seventh is in use at most: with half the cells,
filling it took half as long again (1 us for a full row)."""


@helper
def _add(facts: Words, what: int, amount: int) -> None:
    """Add to a 32-bit fact, staying at its maximum once there."""
    facts[what] = np.uint32(min(np.uint64(facts[what]) + np.uint64(amount), _MOST))


@helper
def _enter_slots(items: ItemColumns, item: int, index: Shorts) -> None:
    """Make the index for the item: open addressing by hash, slot + 1 in a cell, 0: empty."""
    index[:] = 0
    for slot in range(items.size[item]):
        cell = items.before[item, slot] & _LAST_CELL
        while index[cell] != 0:
            cell = (cell + np.uint64(1)) & _LAST_CELL
        index[cell] = slot + 1


@helper
def _slot_of(items: ItemColumns, item: int, index: Shorts, hash_: np.uint64) -> int:
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
def _copy(source: ItemColumns, items: ItemColumns, item: int) -> None:
    """Copy an item."""
    items.events[item] = source.events[item]
    items.liked[item] = source.liked[item]
    items.newest[item] = source.newest[item]
    copy_cells(source.sums[item], items.sums[item], len(HALF_LIVES_MS))
    size = source.size[item]
    items.size[item] = size
    copy_cells(source.before[item], items.before[item], size)
    # As one row of numbers: as rows of six each took 1 us more.
    copy_cells(source.facts[item].reshape(-1), items.facts[item].reshape(-1), FACTS * size)


@helper
def _fold(
    items: ItemColumns, item: int, feedback: FeedbackColumns, record: int, index: Shorts, room: Room
) -> None:
    """Fold one record into its item in place."""
    _enter_slots(items, item, index)
    liked, time = feedback.liked[record], feedback.time[record]
    _decay(items, item, time, 1.0 if liked else DISLIKED_WEIGHT)
    items.events[item] += 1
    items.liked[item] += liked
    seconds = np.uint32(min(max(time // 1000, 0), 0xFFFFFFFF))
    for age in range(feedback.size[record]):
        before = feedback.before[record, age]
        facts = items.facts[item, _slot_of(items, item, index, before)]
        if age < DEPTH:
            _add(facts, _STEPS, STEP // (age + 1))
            _add(facts, _LIKED_STEPS, liked * (STEP // (age + 1)))
        if before != feedback.item[record]:
            _add(facts, _PAIRS, 1)
            _add(facts, _LIKED_PAIRS, liked)
            was_liked = feedback.before_liked[record] >> np.uint64(age) & np.uint64(1)
            _add(facts, _PAIRS_OF_LIKED, was_liked)
        facts[_NEWEST] = max(facts[_NEWEST], seconds)
    trim(items, item, room)


@kernel(ITEMS, ITEMS, column(np.int64), FEEDBACK)
def _fold_all(
    source: ItemColumns, items: ItemColumns, chosen: Int64s, feedback: FeedbackColumns
) -> None:
    """Make the items those of the source with record r folded into item chosen[r], for all r.

    An item is copied when its first record comes, and so is in the cache for the fold: copied all
    at once before, each took half as long again.
    """
    copied = np.zeros(len(items.size), dtype=np.bool_)
    index, room = np.empty(_CELLS, dtype=np.uint16), trimming_room()
    for record in range(len(chosen)):
        item = chosen[record]
        if not copied[item]:
            copied[item] = True
            _copy(source, items, item)
        _fold(items, item, feedback, record, index, room)
    for item in range(len(copied)):
        if not copied[item]:
            _copy(source, items, item)


def fold_items(items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback) -> ItemStates:
    """Fold record r into a copy of item index[r], for all records in order."""
    after = empty_items(len(items))
    _fold_all(items.columns, after, np.array(index, dtype=np.int64), feedback.columns)
    return ItemStates(after)
