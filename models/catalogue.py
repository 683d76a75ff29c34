"""All items that a worker may recommend, by position: what scoring reads of their rows.

Positions are a worker's own and come by arrival; rows and records name items by hash. An item that
a row names as a predecessor before its own row has come gets a position too, but is not shown.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from models import popularity
from models.arrays import Float32s, Hashes, Int32s, Int64s
from models.content import Content
from models.hashing import item_hashes
from models.item_states import SLOTS, ItemStates
from models.leaders import Leaders
from models.net import Net
from models.places import look_up
from models.shelves import cells_for_one, empty_shelves, find, merge, roomy
from models.vectors import Vectors
from models.walk import Scratch, empty_scratch

_log = logging.getLogger(__name__)

_FIRST_ITEMS: Final = 1024
_FIRST_CELLS: Final = 16384
_REFRESH: Final = 64
"""The features of all items are made anew when one in _REFRESH has changed: some 5 us a change."""


class Catalogue:
    """What scoring reads: names, availability, popularity and links of all items.

    Not thread-safe: it is changed by `update` alone, and scoring keeps scratch memory in it.
    """

    def __init__(self, net: Net | None = None) -> None:
        self.vectors = None if net is None else Vectors(net)
        self.shelves = empty_shelves(_FIRST_ITEMS, _FIRST_CELLS, _FIRST_CELLS, _FIRST_CELLS)
        self.newest_time = 0
        """Newest event time seen, ms; 0 without events."""
        self._names: dict[int, tuple[int, str]] = {}
        self._changed = 0
        self._epoch = 0
        self._leaders = Leaders()
        self._scratch = empty_scratch(0)
        self._static: Float32s | None = None

    @property
    def net(self) -> Net | None:
        """The net whose vectors the items have."""
        return None if self.vectors is None else self.vectors.net

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
        if not len(rows.events):
            return []
        place = self.positions(item_hashes(ids))
        left_out = self._name(place, ids, available, created)
        if self._age(int(rows.newest.max())):
            self._changed += len(self._names)
        # Blocks are powers of two: up to twice the cells that the rows fill.
        self.shelves = roomy(self.shelves, SLOTS, 2 * int(rows.size.sum()))
        row = merge(self.shelves, place, rows, 0)
        while row < len(place):
            self.shelves = roomy(self.shelves, SLOTS, cells_for_one(self.shelves))
            row = merge(self.shelves, place, rows, row)
        self._add_vectors()
        self._static = None
        self._changed += len(place)
        if self._changed * _REFRESH >= len(self._names):
            self.freshen()
        return left_out

    def freshen(self) -> None:
        """Make the features of all items anew if anything has changed since they were made.

        `update` does so by itself when many rows have changed; call it now and then besides, or
        a large catalogue with few events would list what was popular long ago.
        """
        if not self._changed:
            return
        size = int(self.shelves.size[0])
        popularity.refresh(self.shelves.popularity, size, self.newest_time)
        self._changed = 0
        self._static = None
        self._epoch += 1

    def positions(self, hashes: Hashes) -> Int64s:
        """Positions of n hashes: int64[n]; an item that has none yet gets one."""
        self.shelves = roomy(self.shelves, len(hashes), 0)
        place = np.empty(len(hashes), dtype=np.int64)
        find(self.shelves, hashes, place)
        self._add_vectors()
        return place

    def describe(self, ids: Sequence[str], contents: Sequence[Content]) -> None:
        """Take what was announced of m items, new or changed; of no use without a net."""
        if self.vectors is None:
            return
        last = dict(zip(ids, contents, strict=True))
        hashes = item_hashes(list(last))
        self.vectors.describe(self.positions(hashes), hashes, list(last.values()))

    def _add_vectors(self) -> None:
        """Give vectors to the items that have come since the last call."""
        if self.vectors is not None:
            first, size = self.vectors.size, int(self.shelves.size[0])
            if first < size:
                self.vectors.extend(self.shelves.hash[first:size])

    def entering(self, hashes: Hashes) -> Float32s:
        """What items enter fast weights by: float32[n, d]; [0, 0] without a net."""
        if self.vectors is None:
            return np.empty((0, 0), dtype=np.float32)
        place = np.empty(len(hashes), dtype=np.int64)
        look_up(self.shelves.places, hashes, place)
        return self.vectors.entering(place, hashes)

    def _name(
        self,
        place: Int64s,
        ids: Sequence[str],
        available: Sequence[bool],
        created: Sequence[int],
    ) -> list[str]:
        """Enter the items' names; those left out get position -1."""
        left_out = []
        for index, name in enumerate(zip(created, ids, strict=True)):
            at = int(place[index])
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

    def _age(self, newest: int) -> bool:
        """Take a newer time; True if all features are to be made anew for it."""
        if newest <= self.newest_time:
            return False
        self.newest_time = newest
        return popularity.move_epoch(self.shelves.popularity, newest)

    def static(self) -> Float32s:
        """The features that are alike for everyone: float32[popularity.FEATURES, N]."""
        size = int(self.shelves.size[0])
        if self._static is None or self._static.shape[1] != size:
            self._static = self.shelves.popularity.feature[:size].T.copy()
        return self._static

    def scratch(self) -> Scratch:
        """Memory for walks over this catalogue."""
        if len(self._scratch.slot) != len(self.shelves.hash):
            self._scratch = empty_scratch(len(self.shelves.hash))
        return self._scratch

    def leaders(self, weight: Float32s) -> Int32s:
        """The items that lead for everyone under B sets of weights: int32[B, up to LEADERS]."""
        return self._leaders.choose(self.shelves, self._epoch, weight)
