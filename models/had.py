"""What one user's list may not hold: the items had, marked by position for the time of the list."""

import numpy as np

from models.arrays import Bytes, Int32s, Int64s
from models.compiled import helper
from models.places import Places
from models.user_columns import UserColumns


@helper
def bar(
    users: UserColumns,
    user: int,
    places: Places,
    nothing: bool,
    barred: Bytes,
    listed: Int32s,
    count: Int64s,
) -> None:
    """Mark the items that the user has had, or `nothing`, instead of those marked before.

    barred: [N], 1 for the count[0] positions that are listed. A set knows items by their
    fingerprints, so all items with one of these are marked.
    """
    for place in range(count[0]):
        barred[listed[place]] = 0
    marked = 0
    start = users.had_start[user]
    size = 0 if nothing else users.had_size[user]
    last = np.uint64(len(places.key) - 1)
    for place in range(start, start + size):
        mark = np.uint64(users.had[place])
        cell = mark & last
        while places.key[cell] != np.uint64(0):
            if places.key[cell] >> np.uint64(32) == mark and not barred[places.place[cell]]:
                barred[places.place[cell]] = 1
                listed[marked] = places.place[cell]
                marked += 1
            cell = (cell + np.uint64(1)) & last
    count[0] = marked
