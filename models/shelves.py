"""The catalogue's columns and the kernels that merge items' rows into them."""

from typing import Any, Final, NamedTuple, TypeVar, cast

import numpy as np

from models import places as places_
from models.arrays import Bytes, Float32s, Hashes, Int64s
from models.circles import Circles, empty_circles, mark, renew_queued
from models.compiled import column, helper, kernel
from models.item_states import EXAMPLE as ITEMS
from models.item_states import SLOTS, ItemColumns
from models.links import Links, empty_links, link, reserve_before, unlink, weigh
from models.places import Places, empty_places
from models.pool import SMALLEST
from models.popularity import Popularity, empty_popularity, set_counts

_Columns = TypeVar("_Columns", bound=tuple[object, ...])


class Shelves(NamedTuple):
    """N positions, of which size[0] are in use."""

    size: Int64s  # [1]
    hash: Hashes  # [N]
    shown: Bytes  # [N], 1: has a row and is available
    root: Float32s  # [N], 1 / sqrt(events + 5)
    places: Places
    links: Links
    popularity: Popularity
    circles: Circles


def empty_shelves(items: int, before: int, after: int, circles: int) -> Shelves:
    """Build shelves for `items` positions and numbers of cells (multiples of SMALLEST)."""
    return Shelves(
        size=np.zeros(1, dtype=np.int64),
        hash=np.zeros(items, dtype=np.uint64),
        shown=np.zeros(items, dtype=np.uint8),
        root=np.full(items, 5.0**-0.5, dtype=np.float32),
        places=empty_places(2 * items),
        links=empty_links(items, before, after),
        popularity=empty_popularity(items),
        circles=empty_circles(items, circles),
    )


EXAMPLE: Final = empty_shelves(0, 0, 0, 0)


@helper
def _placed(shelves: Shelves, item: np.uint64) -> int:
    """The position of a hash, a new one if it has none; -1 if the shelves must grow first."""
    places = shelves.places
    cell = places_.cell_of(places, item)
    if places.key[cell] == item:
        return int(places.place[cell])
    place = int(shelves.size[0])
    if place == len(shelves.hash):
        return -1
    shelves.size[0] = place + 1
    shelves.hash[place] = item
    places.key[cell] = item
    places.place[cell] = place
    return place


@helper
def _merge_links(shelves: Shelves, item: int, rows: ItemColumns, row: int) -> bool:
    """Make the item's links those of the row; False if the shelves must grow first, then go on."""
    links, circles, size = shelves.links, shelves.circles, rows.size[row]
    if not reserve_before(links, item, size):
        return False
    start = links.before_start[item]
    for slot in range(size):
        hash_ = rows.before[row, slot]
        if slot == links.before_size[item]:
            links.before_hash[start + slot] = np.uint64(0)
            links.before_size[item] = slot + 1
        if links.before_hash[start + slot] != hash_:
            unlink(links, item, slot)
            before = _placed(shelves, hash_)
            if before < 0 or not link(links, item, slot, before, hash_):
                return False
        changed = weigh(links, item, slot, rows.facts, row)
        if changed:
            mark(circles, links, int(links.before[start + slot, 0]), changed)
            mark(circles, links, item, changed)
    for slot in range(size, links.before_size[item]):
        unlink(links, item, slot)
    links.before_size[item] = size
    return True


@kernel(EXAMPLE, column(np.int64), ITEMS, 0)
def merge(shelves: Shelves, place: Int64s, rows: ItemColumns, first: int) -> int:
    """Take rows first, first + 1, … for the items at the given positions (-1: none).

    Returns the row to go on with when the shelves have grown, or the number of rows when done.
    """
    for row in range(first, len(place)):
        item = place[row]
        if item < 0:
            continue
        set_counts(shelves.popularity, item, rows, row)
        shelves.root[item] = np.float32(1.0 / np.sqrt(rows.events[row] + 5.0))
        if not _merge_links(shelves, item, rows, row):
            return row
    if not renew_queued(shelves.circles, shelves.links, shelves.root):
        return len(place) - 1
    return len(place)


@kernel(EXAMPLE, column(np.uint64), column(np.int64))
def find(shelves: Shelves, item: Hashes, place: Int64s) -> None:
    """Fill in the items' positions, new ones for new items; there must be room for them."""
    for index in range(len(item)):
        place[index] = _placed(shelves, item[index])


def roomy(shelves: Shelves, items: int, cells: int) -> Shelves:
    """The same shelves if they have room for that many more items, and cells in each pool.

    Else larger ones, of twice the size or more, with the same content.
    """
    room = _doubled(len(shelves.hash), int(shelves.size[0]) + items)
    links = shelves.links
    pools = (links.before_pool, links.after_pool, shelves.circles.pool)
    wanted = [_doubled(SMALLEST * len(pool.chain), int(pool.top[0]) + cells) for pool in pools]
    if room == len(shelves.hash) and wanted == [SMALLEST * len(pool.chain) for pool in pools]:
        return shelves
    moved = _moved(shelves, empty_shelves(room, *wanted))
    if room == len(shelves.hash):
        return moved
    places = empty_places(2 * room)
    places_.move(shelves.places, places)
    return moved._replace(places=places)


def cells_for_one(shelves: Shelves) -> int:
    """More cells than merging one more row can ask of a pool at once."""
    return 4 * max(SLOTS, int(shelves.links.after_room.max()))


def _doubled(size: int, wanted: int) -> int:
    while size < wanted:
        size *= 2
    return size


def _moved(old: _Columns, new: _Columns) -> _Columns:
    """Nested columns with the content of the old in arrays of the new's length."""
    fields: list[object] = []
    for one, other in zip(old, new, strict=True):
        if isinstance(one, tuple) and isinstance(other, tuple):
            fields.append(_moved(one, other))
        elif isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
            if len(one) == len(other):
                fields.append(one)  # an array that has room stays where it is
                continue
            if len(one) <= len(other):
                other[: len(one)] = one
            fields.append(other)
    return cast("_Columns", cast("Any", type(old))(*fields))
