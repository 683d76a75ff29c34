"""All items that a worker may recommend, by position: what scoring reads of their rows.

Positions are a worker's own and come by arrival; rows and records name items by hash. An item that a
row names as a predecessor before its own row has come gets a position too, but is not shown.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models import places as places_
from models import popularity as popularity_
from models import walk
from models.gate import BUCKETS, Gate
from models.compiled import column, helper, kernel
from models.hashing import item_hashes
from models.item_states import EXAMPLE as ITEMS
from models.item_states import SLOTS, ItemColumns, ItemStates
from models.links import Links, empty_links, link, reserve_before, unlink, weigh
from models.places import Places, empty_places, place_of
from models.pool import SMALLEST
from models.popularity import Popularity, empty_popularity, set_counts

_log = logging.getLogger(__name__)

_FIRST_ITEMS: Final = 1024
_FIRST_CELLS: Final = 16384
REFRESH: Final = 64
"""The features of all items are made anew when one in REFRESH has changed: about 2 us per change."""


class Shelves(NamedTuple):
    """The catalogue's columns; N positions, of which size[0] are in use."""

    size: npt.NDArray[np.int64]  # [1]
    hash: npt.NDArray[np.uint64]  # [N]
    shown: npt.NDArray[np.uint8]  # [N]
    root: npt.NDArray[np.float32]  # [N], 1 / sqrt(events + 5)
    places: Places
    links: Links
    popularity: Popularity


def _empty_shelves(items: int, before: int, after: int) -> Shelves:
    return Shelves(
        size=np.zeros(1, dtype=np.int64),
        hash=np.zeros(items, dtype=np.uint64),
        shown=np.zeros(items, dtype=np.uint8),
        root=np.full(items, 5.0**-0.5, dtype=np.float32),
        places=empty_places(2 * items),
        links=empty_links(items, before, after),
        popularity=empty_popularity(items),
    )


EXAMPLE: Final = _empty_shelves(0, 0, 0)


@helper
def _placed(shelves, item):  # type: ignore[no-untyped-def]
    """The position of a hash, a new one if it has none; -1 if the shelves must grow first."""
    places = shelves.places
    cell = places_.cell_of(places, item)
    if places.key[cell] == item:
        return places.place[cell]
    place = shelves.size[0]
    if place == len(shelves.hash):
        return np.int64(-1)
    shelves.size[0] = place + 1
    shelves.hash[place] = item
    places.key[cell] = item
    places.place[cell] = place
    return place


@helper
def _merge_links(shelves, item, rows, row):  # type: ignore[no-untyped-def]
    """Make the item's links those of the row; False if the shelves must grow first, then go on."""
    links, size = shelves.links, rows.size[row]
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
        weigh(links, item, slot, rows.facts[row, slot])
    for slot in range(size, links.before_size[item]):
        unlink(links, item, slot)
    links.before_size[item] = size
    return True


@kernel(EXAMPLE, column(np.int64), ITEMS, 0)
def _merge(shelves: Shelves, place: npt.NDArray[np.int64], rows: ItemColumns, first: int) -> int:
    """Take rows first, first + 1, … for the items at the given positions (-1: none).

    Returns the row before which the shelves must grow, or the number of rows.
    """
    for row in range(first, len(place)):
        item = place[row]
        if item < 0:
            continue
        set_counts(shelves.popularity, item, rows, row)
        shelves.root[item] = np.float32(1.0 / np.sqrt(rows.count[row] + 5.0))
        if not _merge_links(shelves, item, rows, row):
            return row
    return len(place)


@kernel(EXAMPLE, column(np.uint64), column(np.int64))
def _find(shelves: Shelves, item: npt.NDArray[np.uint64], place: npt.NDArray[np.int64]) -> None:
    """Fill in the items' positions; the shelves must have room for them."""
    for index in range(len(item)):
        place[index] = _placed(shelves, item[index])


def _grown(shelves: Shelves, more: int = SLOTS) -> Shelves:
    """The same content with room for `more` items, and twice the cells where half are in use."""
    items = len(shelves.hash)
    while int(shelves.size[0]) + more > items:
        items *= 2
    before, after = _cells(shelves.links)
    grown = _empty_shelves(items, before, after)
    for old, new in _pairs(shelves, grown):
        new[: len(old)] = old
    places_.move(shelves.places, grown.places)
    return grown


def _cells(links: Links) -> tuple[int, int]:
    """Cells for predecessors and successors, doubled where less than a half is left."""
    wanted = []
    for pool in (links.before_pool, links.after_pool):
        cells = SMALLEST * len(pool.chain)
        wanted.append(2 * cells if 2 * int(pool.top[0]) > cells else cells)
    return wanted[0], wanted[1]


def _pairs(
    old: tuple[object, ...], new: tuple[object, ...]
) -> Iterable[tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]]:
    """All arrays of nested columns, old and new, but for hash tables (their cells move)."""
    for one, other in zip(old, new, strict=True):
        if isinstance(one, Places):
            continue
        if isinstance(one, tuple) and isinstance(other, tuple):
            yield from _pairs(one, other)
        elif isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
            yield one, other


class Catalogue:
    """What scoring reads: names, availability, popularity and links of all items.

    Not thread-safe: it is changed by `update` alone, and scoring keeps scratch memory in it.
    """

    def __init__(self) -> None:
        self.shelves = _empty_shelves(_FIRST_ITEMS, _FIRST_CELLS, _FIRST_CELLS)
        self.newest_time = 0
        """Newest event time seen, ms; 0 without events."""
        self.epoch = 0
        """How many times the features were made anew."""
        self._names: dict[int, tuple[int, str]] = {}
        self._scratch = walk.scratch(0)
        self._leaders = None
        self._changed = 0

    @property
    def size(self) -> int:
        """Items that have a row."""
        return len(self._names)

    def ids(self, positions: Iterable[int]) -> list[str]:
        """Ids of the items at the positions; "" for -1."""
        return [self._names[place][1] if place >= 0 else "" for place in map(int, positions)]

    def update(
        self,
        ids: Sequence[str],
        available: Sequence[bool],
        created: Sequence[int],
        payloads: Sequence[bytes | None],
    ) -> list[str]:
        """Take m items' rows: id, whether lists may hold it, when it was created (ms), payload.

        Of two ids with one hash the one with the smaller (created, id) stays, in any order of
        arrival; the ids left out are returned and logged.

        Raises
        ------
        CodecError
            If a payload is no row of an item; nothing is taken then.

        """
        rows = ItemStates.unpack(payloads).columns
        place = self._find(item_hashes(ids))
        left_out = self._name(place, ids, available, created)
        if len(ids):
            self._age(int(rows.newest.max()))
            first = _merge(self.shelves, place, rows, 0)
            while first < len(place):
                self.shelves = _grown(self.shelves)
                first = _merge(self.shelves, place, rows, first)
        self._changed += len(ids)
        if self._changed * REFRESH >= len(self._names):
            self._refresh()
        return left_out

    def _find(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        while int(self.shelves.size[0]) + len(hashes) > len(self.shelves.hash):
            self.shelves = _grown(self.shelves, len(hashes))
        place = np.empty(len(hashes), dtype=np.int64)
        _find(self.shelves, hashes, place)
        return place

    def _name(
        self,
        place: npt.NDArray[np.int64],
        ids: Sequence[str],
        available: Sequence[bool],
        created: Sequence[int],
    ) -> list[str]:
        """Enter the items' names; those left out get position -1."""
        left_out = []
        for index, (at, name) in enumerate(
            zip(place.tolist(), zip(created, ids, strict=True), strict=True)
        ):
            holder = self._names.get(at, name)
            if holder[1] != name[1]:
                loser = max(holder, name)
                _log.warning("item %r is left out: its hash is that of another", loser[1])
                left_out.append(loser[1])
                if loser is name:
                    place[index] = -1
                    continue
            self._names[at] = name
            self.shelves.shown[at] = available[index]
        return left_out

    def _age(self, newest: int) -> None:
        if newest > self.newest_time:
            self.newest_time = newest
            popularity_.move_epoch(self.shelves.popularity, newest)

    def _refresh(self) -> None:
        popularity_.refresh(self.shelves.popularity, int(self.shelves.size[0]))
        self._changed = 0
        self.epoch += 1

    def scratch(self) -> walk.Scratch:
        """Memory for walks over this catalogue."""
        if len(self._scratch.slot) != len(self.shelves.hash):
            self._scratch = walk.scratch(len(self.shelves.hash))
        return self._scratch

    def leaders(self, gate: Gate) -> npt.NDArray[np.int32]:
        """The LEADERS items that score best for users who touch none, by bucket."""
        weight = np.stack([_effective(gate, b) for b in range(BUCKETS)])
        if self._leaders is None or self._leaders[0] != self.epoch or np.abs(self._leaders[1] - weight).max() > 0.05 * np.abs(weight).max():
            size = int(self.shelves.size[0])
            base = self.shelves.popularity.feature[:size] @ weight.T
            base[self.shelves.shown[:size] == 0] = -np.inf
            best = min(LEADERS, size)
            order = np.argpartition(-base, best - 1, axis=0)[:best].T if size else np.empty((BUCKETS, 0))
            self._leaders = (self.epoch, weight, np.ascontiguousarray(order, dtype=np.int32))
        return self._leaders[2]


LEADERS = 256


def _effective(gate, b):
    c = gate.columns
    return ((c.weight + c.offset[b]) / (np.sqrt(c.variance) + 1e-3))[: popularity_.FEATURES].astype(np.float32)
