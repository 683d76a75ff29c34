"""Who followed whom, both ways: each item's predecessors as in its row, and its successors.

An item's row names its predecessors by slot; the catalogue needs successors too. A link is one cell
in its item's block of predecessors and one in the predecessor's block of successors, each knowing
the other's place, so a row is merged by comparing slots and each changed slot costs O(1).
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Hashes, Int32s, Int64s, Words
from models.compiled import helper
from models.item_states import Fact
from models.pool import SMALLEST, Pool, empty_pool, give, size_class, take

WEIGHTS: Final = 5
"""Facts of a link that scores use: all of item_states.Fact but the newest time."""


PEER: Final = 1 + WEIGHTS
"""Column of a cell in which its peer on the other side is named."""

_CELL: Final = 8
"""Columns, so that a cell of 32 bytes lies in one cache line."""

_PAIRS: Final = int(Fact.PAIRS)


class Links(NamedTuple):
    """N positions of the catalogue, P cells for predecessors, Q for successors."""

    before_start: Int64s  # [N]
    before_room: Int32s  # [N], 0: no block yet
    before_size: Int32s  # [N]
    after_start: Int64s  # [N]
    after_room: Int32s  # [N]
    after_size: Int32s  # [N]
    after_total: Int64s  # [N, WEIGHTS], sums over the successors
    pairs: Int64s  # [N], both ways
    before_hash: Hashes  # [P], 0: an unlinked slot
    before: Words  # [P, _CELL]: position, weights, place in the predecessor's block
    after: Words  # [Q, _CELL]: position, weights, slot in the successor's block
    before_pool: Pool
    after_pool: Pool


def empty_links(items: int, before: int, after: int) -> Links:
    """Build links for `items` positions and the given numbers of cells (multiples of SMALLEST)."""
    return Links(
        before_start=np.zeros(items, dtype=np.int64),
        before_room=np.zeros(items, dtype=np.int32),
        before_size=np.zeros(items, dtype=np.int32),
        after_start=np.zeros(items, dtype=np.int64),
        after_room=np.zeros(items, dtype=np.int32),
        after_size=np.zeros(items, dtype=np.int32),
        after_total=np.zeros((items, WEIGHTS), dtype=np.int64),
        pairs=np.zeros(items, dtype=np.int64),
        before_hash=np.empty(before, dtype=np.uint64),
        before=np.empty((before, _CELL), dtype=np.uint32),
        after=np.empty((after, _CELL), dtype=np.uint32),
        before_pool=empty_pool(before),
        after_pool=empty_pool(after),
    )


@helper
def _copy_cell(cells: Words, source: int, target: int) -> None:
    """Copy one cell; numba's assignment of a row costs some 50 ns more."""
    for place in range(_CELL):
        cells[target, place] = cells[source, place]


@helper
def _clear_weights(cells: Words, cell: int) -> None:
    """Set a cell's weights to 0."""
    for place in range(1, PEER):
        cells[cell, place] = 0


@helper
def reserve_before(links: Links, item: int, wanted: int) -> bool:
    """Give the item a block for `wanted` predecessors; False if the pool must grow first."""
    room = links.before_room[item]
    if room >= wanted:
        return True
    new_class = size_class(wanted)
    start = take(links.before_pool, new_class)
    if start < 0:
        return False
    old = links.before_start[item]
    for slot in range(links.before_size[item]):
        links.before_hash[start + slot] = links.before_hash[old + slot]
        _copy_cell(links.before, old + slot, start + slot)
    if room > 0:
        give(links.before_pool, old, size_class(room))
    links.before_start[item] = start
    links.before_room[item] = SMALLEST << new_class
    return True


@helper
def _reserve_after(links: Links, item: int) -> bool:
    """Make room for one more successor; False if the pool must grow first."""
    room, size = links.after_room[item], links.after_size[item]
    if size < room:
        return True
    new_class = size_class(size + 1)
    start = take(links.after_pool, new_class)
    if start < 0:
        return False
    old = links.after_start[item]
    for place in range(size):
        _copy_cell(links.after, old + place, start + place)
    if room > 0:
        give(links.after_pool, old, size_class(room))
    links.after_start[item] = start
    links.after_room[item] = SMALLEST << new_class
    return True


@helper
def unlink(links: Links, item: int, slot: int) -> None:
    """Take the link in the item's slot away; the slot stays, empty."""
    cell = links.before_start[item] + slot
    if links.before_hash[cell] == np.uint64(0):
        return
    before = np.int64(links.before[cell, 0])
    for fact in range(WEIGHTS):
        links.after_total[before, fact] -= np.int64(links.before[cell, 1 + fact])
    pairs = np.int64(links.before[cell, 1 + _PAIRS])
    links.pairs[item] -= pairs
    links.pairs[before] -= pairs
    hole = np.int64(links.before[cell, PEER])
    start = links.after_start[before]
    last = links.after_size[before] - 1
    if hole != last:
        _copy_cell(links.after, start + last, start + hole)
        moved = np.int64(links.after[start + hole, 0])
        slot_moved = np.int64(links.after[start + hole, PEER])
        links.before[links.before_start[moved] + slot_moved, PEER] = np.uint32(hole)
    links.after_size[before] = last
    links.before_hash[cell] = np.uint64(0)


@helper
def link(links: Links, item: int, slot: int, before: int, hash_: np.uint64) -> bool:
    """Link an empty slot to a predecessor, weights 0; False if the pool must grow first."""
    if not _reserve_after(links, before):
        return False
    place = links.after_size[before]
    links.after_size[before] = place + 1
    after = links.after_start[before] + place
    links.after[after, 0] = np.uint32(item)
    _clear_weights(links.after, after)
    links.after[after, PEER] = np.uint32(slot)
    cell = links.before_start[item] + slot
    links.before_hash[cell] = hash_
    links.before[cell, 0] = np.uint32(before)
    _clear_weights(links.before, cell)
    links.before[cell, PEER] = np.uint32(place)
    return True


@helper
def weigh(links: Links, item: int, slot: int, facts: Words, row: int) -> int:
    """Set a linked slot's weights to the row's, both sides and sums; by how much pairs changed.

    Transitions come with pairs, but for those of an item to itself, so pairs measure the change.
    """
    cell = links.before_start[item] + slot
    changed = False
    for fact in range(WEIGHTS):
        changed |= links.before[cell, 1 + fact] != facts[row, slot, fact]
    if not changed:
        return 0
    before = np.int64(links.before[cell, 0])
    after = links.after_start[before] + np.int64(links.before[cell, PEER])
    gained = np.int64(facts[row, slot, _PAIRS]) - np.int64(links.before[cell, 1 + _PAIRS])
    for fact in range(WEIGHTS):
        old, new = links.before[cell, 1 + fact], facts[row, slot, fact]
        links.after_total[before, fact] += np.int64(new) - np.int64(old)
        links.before[cell, 1 + fact] = new
        links.after[after, 1 + fact] = new
    links.pairs[item] += gained
    links.pairs[before] += gained
    return max(abs(int(gained)), 1)
