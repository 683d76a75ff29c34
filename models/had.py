"""The set of items that one user has had as a hash table, for the many questions of one list."""

from typing import Final

import numpy as np

from models.arrays import Words
from models.compiled import helper
from models.limits import HAD
from models.user_states import UserColumns, fingerprint

CELLS: Final = 4 * HAD
"""Of the table for the largest set; at most half of them are in use."""

_SMALLEST: Final = 64


@helper
def _mark(item: np.uint64) -> np.uint32:
    """The item's fingerprint; 0 marks an empty cell."""
    return max(fingerprint(item), np.uint32(1))


@helper
def enter_had(users: UserColumns, user: int, table: Words, nothing: bool) -> int:
    """Enter the user's set, or `nothing`, into the table; returns its last cell, for `holds`."""
    size = 0 if nothing else users.had_size[user]
    cells = _SMALLEST
    while cells < 2 * size:
        cells *= 2
    table[:cells] = 0
    last = np.uint32(cells - 1)
    start = users.had_start[user]
    for place in range(start, start + size):
        mark = max(users.had[place], np.uint32(1))
        cell = mark & last
        while table[cell] != 0:
            cell = (cell + np.uint32(1)) & last
        table[cell] = mark
    return cells - 1


@helper
def holds(table: Words, last: int, item: np.uint64) -> bool:
    """Whether the set in the table has the item."""
    mark = _mark(item)
    cell = mark & np.uint32(last)
    while table[cell] != 0:
        if table[cell] == mark:
            return True
        cell = (cell + np.uint32(1)) & np.uint32(last)
    return False
