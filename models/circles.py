"""An item's circle: the items most linked with it, both ways in one short list, ready for walks.

A popular item is linked with thousands. What a walk reads of it are the NEAR strongest by

    (C[x, j] + C[j, x] + T[x, j]) / sqrt(n_j + 5)

of which the FAR strongest come first: older items of a ring speak through these alone. A circle is
made anew when one in STALE of its item's pairs has changed.
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Int32s, Int64s, Words
from models.compiled import helper
from models.halving import reached_by
from models.limits import STEP
from models.links import Links
from models.pool import SMALLEST, Pool, empty_pool, give, size_class, take

NEAR: Final = 512
FAR: Final = 64
STALE: Final = 64
VALUES: Final = 4
"""Of each item in a circle: STEPS and LIKED_STEPS from the circle's item to it, pairs and liked
pairs of the two, the pairs divided by sqrt(n_j + 5)."""

_HALVINGS: Final = 16
"""Of the range of strengths, to tell the strongest: to a 65,000th of the strongest."""


class Circles(NamedTuple):
    """N positions, P cells."""

    start: Int64s  # [N]
    room: Int32s  # [N]
    size: Int32s  # [N]
    stale: Int64s  # [N], pairs changed since the circle was made; -1: in the queue
    queue: Int32s  # [N], items whose circles are to be made anew
    queued: Int64s  # [1]
    item: Int32s  # [P]
    value: Float32s  # [P, VALUES]
    pool: Pool
    slot: Int32s  # [N], scratch
    found: Int32s  # [N], scratch
    sums: Float32s  # [N, VALUES], scratch
    strength: Float32s  # [N], scratch


def empty_circles(items: int, cells: int) -> Circles:
    """Build circles for `items` positions over `cells` cells (a multiple of SMALLEST)."""
    return Circles(
        start=np.zeros(items, dtype=np.int64),
        room=np.zeros(items, dtype=np.int32),
        size=np.zeros(items, dtype=np.int32),
        stale=np.zeros(items, dtype=np.int64),
        queue=np.empty(items, dtype=np.int32),
        queued=np.zeros(1, dtype=np.int64),
        item=np.empty(cells, dtype=np.int32),
        value=np.empty((cells, VALUES), dtype=np.float32),
        pool=empty_pool(cells),
        slot=np.zeros(items, dtype=np.int32),
        found=np.zeros(items, dtype=np.int32),
        sums=np.empty((items, VALUES), dtype=np.float32),
        strength=np.empty(items, dtype=np.float32),
    )


@helper
def mark(circles: Circles, links: Links, item: int, pairs: int) -> None:
    """Note that so many of the item's pairs have changed; queue it once they are one in STALE."""
    if circles.stale[item] < 0:
        return
    circles.stale[item] += pairs
    if circles.stale[item] * STALE >= links.pairs[item]:
        circles.stale[item] = -1
        circles.queue[circles.queued[0]] = item
        circles.queued[0] += 1


@helper
def renew_queued(circles: Circles, links: Links, root: Float32s) -> bool:
    """Make all queued circles anew; False if the pool must grow first, then go on."""
    while circles.queued[0] > 0:
        if not _renew(circles, links, root, circles.queue[circles.queued[0] - 1]):
            return False
        circles.queued[0] -= 1
    return True


@helper
def _gather_after(circles: Circles, cells: Words, start: int, size: int) -> None:
    """Take the links to the item's successors, each of which comes once."""
    slots, found, sums = circles.slot, circles.found, circles.sums
    for place in range(size):
        item = cells[start + place, 0]
        slots[item] = place
        found[place] = item
        sums[place, 0] = np.float32(cells[start + place, 1])
        sums[place, 1] = np.float32(cells[start + place, 2])
        sums[place, 2] = np.float32(cells[start + place, 3])
        sums[place, 3] = np.float32(cells[start + place, 4])


@helper
def _gather_before(circles: Circles, cells: Words, start: int, size: int, known: int) -> int:
    """Add the links to its predecessors, once each, some known already; returns items found."""
    slots, found, sums = circles.slot, circles.found, circles.sums
    for place in range(start, start + size):
        item = cells[place, 0]
        slot = slots[item]
        if slot >= known or found[slot] != item:
            slot = np.int32(known)
            slots[item] = slot
            found[slot] = item
            sums[slot, 0] = sums[slot, 1] = sums[slot, 2] = sums[slot, 3] = 0
            known += 1
        sums[slot, 2] += np.float32(cells[place, 3])
        sums[slot, 3] += np.float32(cells[place, 5])
    return known


@helper
def _weigh(circles: Circles, root: Float32s, found: int) -> None:
    """Divide the pairs by sqrt(n_j + 5) and take each item's strength."""
    for slot in range(found):
        scale = root[circles.found[slot]]
        circles.sums[slot, 2] *= scale
        circles.sums[slot, 3] *= scale
        steps = circles.sums[slot, 0] * scale / np.float32(STEP)
        circles.strength[slot] = circles.sums[slot, 2] + steps


@helper
def _reserve(circles: Circles, item: int, size: int) -> bool:
    """Give the item's circle a block for `size` items; False if the pool must grow first."""
    room = circles.room[item]
    if room >= size:
        return True
    start = take(circles.pool, size_class(size))
    if start < 0:
        return False
    if room > 0:
        give(circles.pool, circles.start[item], size_class(room))
    circles.start[item] = start
    circles.room[item] = SMALLEST << size_class(size)
    return True


@helper
def _least(strength: Float32s, found: int, wanted: int) -> np.float32:
    """A strength that the `wanted` strongest and few others reach; below all without others."""
    if found <= wanted:
        return np.float32(-1.0)
    low, high = np.float32(0.0), np.float32(0.0)
    for slot in range(found):
        high = max(high, strength[slot])
    return reached_by(strength, found, wanted, low, high, _HALVINGS)


@helper
def _take_between(
    circles: Circles, item: int, size: int, found: int, least: np.float32, below: np.float32
) -> int:
    """Append those with least <= strength < below to the circle up to its room; its size."""
    start = circles.start[item]
    most = min(found, NEAR)
    for slot in range(found):
        if least <= circles.strength[slot] < below and size < most:
            circles.item[start + size] = circles.found[slot]
            for place in range(VALUES):
                circles.value[start + size, place] = circles.sums[slot, place]
            size += 1
    return size


@helper
def _renew(circles: Circles, links: Links, root: Float32s, item: int) -> bool:
    """Make the item's circle anew; False if the pool must grow first."""
    size = links.after_size[item]
    _gather_after(circles, links.after, links.after_start[item], size)
    start = links.before_start[item]
    found = _gather_before(circles, links.before, start, links.before_size[item], size)
    if not _reserve(circles, item, min(found, NEAR)):
        return False
    _weigh(circles, root, found)
    strong = _least(circles.strength, found, FAR)
    least = _least(circles.strength, found, NEAR)
    size = _take_between(circles, item, 0, found, strong, np.float32(np.inf))
    circles.size[item] = _take_between(circles, item, size, found, least, strong)
    circles.stale[item] = 0
    return True
