"""Where in the catalogue an item lies: an open-addressing table from hashes to positions."""

from typing import NamedTuple

import numpy as np

from models.arrays import Hashes, Int64s
from models.compiled import column, helper, kernel


class Places(NamedTuple):
    """Linear probing over a power of two of cells; key 0 marks an empty one."""

    key: Hashes  # [cells]
    place: Int64s  # [cells]


def empty_places(cells: int) -> Places:
    """Build a table of `cells` (a power of two) empty cells; fill at most half of them."""
    return Places(np.zeros(cells, dtype=np.uint64), np.empty(cells, dtype=np.int64))


EXAMPLE = empty_places(0)


@helper
def cell_of(places: Places, item: np.uint64) -> np.uint64:
    """The cell that holds the hash, or the empty one where it belongs."""
    last = np.uint64(len(places.key) - 1)
    # Hashes are uniform, so their bits serve as they are: the upper ones, which users' sets keep.
    cell = item >> np.uint64(32) & last
    while places.key[cell] != item and places.key[cell] != np.uint64(0):
        cell = (cell + np.uint64(1)) & last
    return cell


@helper
def place_of(places: Places, item: np.uint64) -> int:
    """The position of an item by its hash, -1 if it has none."""
    cell = cell_of(places, item)
    if places.key[cell] == item:
        return int(places.place[cell])
    return -1


@kernel(EXAMPLE, column(np.uint64), column(np.int64))
def look_up(places: Places, item: Hashes, place: Int64s) -> int:
    """Fill in the items' positions, -1 for those that have none; how many these are."""
    strange = 0
    for index in range(len(item)):
        place[index] = place_of(places, item[index])
        strange += place[index] < 0
    return strange


@kernel(EXAMPLE, EXAMPLE)
def move(source: Places, target: Places) -> None:
    """Enter all that one table holds into another."""
    for cell in range(len(source.key)):
        if source.key[cell] != np.uint64(0):
            found = cell_of(target, source.key[cell])
            target.key[found] = source.key[cell]
            target.place[found] = source.place[cell]
