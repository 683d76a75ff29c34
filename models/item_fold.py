"""The item hop's fold: feedback records into counts, decayed sums and predecessors."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.arrays import Bytes, Int64s, Words
from models.compiled import column, helper, kernel, unchecked
from models.feedback import EXAMPLE as FEEDBACK
from models.feedback import Feedback, FeedbackColumns
from models.item_states import EXAMPLE as ITEMS
from models.item_states import FACTS, SLOTS, Fact, ItemColumns, ItemStates
from models.limits import DEPTH, DISLIKED_WEIGHT, HALF_LIVES_MS, RING, STEP
from models.trimming import Room, trim, trimming_room

# Plain numbers: a kernel takes an enum's member for a constant only by way of Python.
_STEPS, _LIKED_STEPS = int(Fact.STEPS), int(Fact.LIKED_STEPS)
_PAIRS, _LIKED_PAIRS = int(Fact.PAIRS), int(Fact.LIKED_PAIRS)
_PAIRS_OF_LIKED, _NEWEST = int(Fact.PAIRS_OF_LIKED), int(Fact.NEWEST)
_MOST = np.uint32(0xFFFFFFFF)
_CELLS = 1024
_LAST_CELL = np.uint64(_CELLS - 1)


class _Finder(NamedTuple):
    """Memory to find out where a record's predecessors lie in its item's row, by age of these."""

    cells: Bytes  # [_CELLS], by hash: age + 1 of a predecessor, 0: none; few are in use
    first: Bytes  # [RING], the least age at which the same item came
    slot: Int64s  # [RING], -1: not in the row
    maybe: Int64s  # [SLOTS], slots whose cells are in use


@helper
def _finder() -> _Finder:
    """Memory for one search after the other."""
    return _Finder(
        np.empty(_CELLS, dtype=np.uint8),
        np.empty(RING, dtype=np.uint8),
        np.empty(RING, dtype=np.int64),
        np.empty(SLOTS, dtype=np.int64),
    )


@helper
def _enter(finder: _Finder, feedback: FeedbackColumns, record: int) -> None:
    """Make the index of the record's predecessors, by open addressing."""
    cells, before = finder.cells, feedback.before[record]
    cells[:] = 0
    for age in range(feedback.size[record]):
        cell = before[age] & _LAST_CELL
        while cells[cell] != 0 and before[cells[cell] - 1] != before[age]:
            cell = (cell + np.uint64(1)) & _LAST_CELL
        if cells[cell] == 0:
            cells[cell] = age + 1
        finder.first[age] = cells[cell] - 1
        finder.slot[age] = -1


@helper
def _find(
    finder: _Finder, items: ItemColumns, item: int, feedback: FeedbackColumns, record: int
) -> None:
    """Find the slots of the record's predecessors: the row is looked up in the record.

    The other way round, with an index of the row's 300 hashes, it took 0.1 us more.
    """
    cells, maybe, row = finder.cells, finder.maybe, items.before[item]
    before, count = feedback.before[record], 0
    # Without a branch: whether a cell is in use is not to be foreseen.
    for slot in range(items.size[item]):
        maybe[count] = slot
        count += cells[row[slot] & _LAST_CELL] != 0
    for place in range(count):
        slot = maybe[place]
        cell = row[slot] & _LAST_CELL
        while cells[cell] != 0:
            if before[cells[cell] - 1] == row[slot]:
                finder.slot[cells[cell] - 1] = slot
                break
            cell = (cell + np.uint64(1)) & _LAST_CELL


@helper
def _place(
    finder: _Finder, items: ItemColumns, item: int, feedback: FeedbackColumns, record: int
) -> None:
    """Fill in the slots of all the record's predecessors, new ones for those that had none."""
    size = items.size[item]
    for age in range(feedback.size[record]):
        first = finder.first[age]
        if finder.slot[first] < 0:
            finder.slot[first] = size
            items.before[item, size] = feedback.before[record, age]
            for fact in range(FACTS):
                items.facts[item, size, fact] = 0
            size += 1
        finder.slot[age] = finder.slot[first]
    items.size[item] = size


@helper
def _add(facts: Words, what: int, amount: int) -> None:
    """Add to a 32-bit fact, staying at its maximum once there."""
    more = np.uint32(amount)
    total = np.uint32(facts[what] + more)
    facts[what] = _MOST if total < more else total


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
def _fold(
    items: ItemColumns,
    item: int,
    feedback: FeedbackColumns,
    record: int,
    finder: _Finder,
    room: Room,
) -> None:
    """Fold one record into its item in place."""
    _enter(finder, feedback, record)
    _find(finder, items, item, feedback, record)
    _place(finder, items, item, feedback, record)
    liked, time = feedback.liked[record], feedback.time[record]
    _decay(items, item, time, 1.0 if liked else DISLIKED_WEIGHT)
    items.events[item] += 1
    items.liked[item] += liked
    seconds = np.uint32(min(max(time // 1000, 0), 0xFFFFFFFF))
    for age in range(feedback.size[record]):
        before = feedback.before[record, age]
        facts = items.facts[item, finder.slot[age]]
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


@kernel(ITEMS, column(np.int64), FEEDBACK)
def _fold_all(items: ItemColumns, chosen: Int64s, feedback: FeedbackColumns) -> None:
    """Fold record r into item chosen[r], for all r, in place."""
    finder, room = _finder(), trimming_room()
    for record in range(len(chosen)):
        _fold(items, chosen[record], feedback, record, finder, room)


_run: Final = unchecked(_fold_all)


def fold_items(items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback) -> ItemStates:
    """Fold record r into item index[r], for all records in order; `items` are used up."""
    columns = items.take_over()
    _run(columns, np.array(index, dtype=np.int64), feedback.columns)
    return ItemStates(columns)
