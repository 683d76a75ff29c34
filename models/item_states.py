"""Rows of items: counts, decayed sums and bounded predecessors, as columns and as bytes.

A row is, little endian: codec u8, decayed sums u8, predecessors u16, zero u32, events u64, liked
u64, newest event time i64 ms, the decayed sums f64 at that time, then by slot the predecessors'
hashes u64 and their facts (6 x u32, see Fact). It is model-free.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Self

import numpy as np

from models.arrays import Bytes, Float64s, Hashes, Int64s, Words
from models.compiled import column, kernel
from models.errors import CodecError
from models.limits import HALF_LIVES_MS, PREDECESSORS, RING
from models.packing import copy_cells, headers, joined, split

CODEC: Final = 1
HEADER: Final = 32
SUMS: Final = len(HALF_LIVES_MS)
SLOTS: Final = PREDECESSORS + RING
"""Room for predecessors while an event is folded; after each, a row has at most PREDECESSORS."""


class Fact(IntEnum):
    """What a slot holds of predecessor x of item j; whole numbers: sums are exact in any order."""

    STEPS = 0  # transitions x -> j, sum of STEP / k for x the k-th last item
    LIKED_STEPS = 1  # of these with j liked
    PAIRS = 2  # events on j with x in the ring
    LIKED_PAIRS = 3  # of these with j liked
    PAIRS_OF_LIKED = 4  # of these with x liked
    NEWEST = 5  # newest such event, s


FACTS: Final = len(Fact)


class ItemColumns(NamedTuple):
    """n items."""

    events: Int64s  # [n]
    liked: Int64s  # [n]
    newest: Int64s  # [n], ms
    sums: Float64s  # [n, SUMS], at `newest`
    size: Int64s  # [n], slots in use
    before: Hashes  # [n, SLOTS]
    facts: Words  # [n, SLOTS, Fact]


def empty_items(n: int) -> ItemColumns:
    """Columns of n items of which nothing is known."""
    return ItemColumns(
        events=np.zeros(n, dtype=np.int64),
        liked=np.zeros(n, dtype=np.int64),
        newest=np.zeros(n, dtype=np.int64),
        sums=np.zeros((n, SUMS), dtype=np.float64),
        size=np.zeros(n, dtype=np.int64),
        before=np.empty((n, SLOTS), dtype=np.uint64),
        facts=np.empty((n, SLOTS, FACTS), dtype=np.uint32),
    )


EXAMPLE: Final = empty_items(0)
_BYTES: Final = column(np.uint8)
_TABLE: Final = column(np.uint8, 2)


@kernel(_BYTES, column(np.int64), column(np.int64), _TABLE, _TABLE)
def _read(
    data: Bytes,
    at: Int64s,
    size: Int64s,
    before: Bytes,
    facts: Bytes,
) -> None:
    for item in range(len(size)):
        place, length = at[item], 8 * size[item]
        copy_cells(data[place:], before[item], length)
        copy_cells(data[place + length :], facts[item], 4 * FACTS * size[item])


@kernel(_BYTES, column(np.int64), column(np.int64), _TABLE, _TABLE)
def _write(
    data: Bytes,
    at: Int64s,
    size: Int64s,
    before: Bytes,
    facts: Bytes,
) -> None:
    for item in range(len(size)):
        place, length = at[item], 8 * size[item]
        copy_cells(before[item], data[place:], length)
        copy_cells(facts[item], data[place + length :], 4 * FACTS * size[item])


_HEADERS: Final = np.dtype(
    [
        ("codec", "u1"),
        ("sums_held", "u1"),
        ("size", "<u2"),
        ("zero", "<u4"),
        ("events", "<u8"),
        ("liked", "<u8"),
        ("newest", "<i8"),
        ("sums", "<f8", (SUMS,)),
    ]
)
_FIXED: Final = _HEADERS.itemsize
_PER_SLOT: Final = 8 + 4 * FACTS


class ItemStates:
    """The states of n items, to be adapted once: `adapt_items` takes their memory over.

    What was given to it is used up, and refused from then on. Every caller has just unpacked it
    for that; to copy it, cold memory, took as long as to fold a record into it.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: ItemColumns) -> None:
        self._columns: ItemColumns | None = columns

    @property
    def columns(self) -> ItemColumns:
        """The columns.

        Raises
        ------
        ValueError
            If a fold has taken them over.

        """
        if self._columns is None:
            raise ValueError("these states are used up: use what adapt_items returned")
        return self._columns

    def take_over(self) -> ItemColumns:
        """Return the columns, to be changed in place; these states have none from now on."""
        columns, self._columns = self.columns, None
        return columns

    @classmethod
    def initial(cls, n: int) -> Self:
        """States of n items without events."""
        return cls(empty_items(n))

    @classmethod
    def unpack(cls, rows: Sequence[bytes | None]) -> Self:
        """Read n rows; None or empty bytes is an item without events.

        Raises
        ------
        CodecError
            If a row is of another codec version or its length does not fit what it says it holds.

        """
        data, at = joined(rows)
        columns = empty_items(len(rows))
        length = np.diff(at)
        filled = np.flatnonzero(length)
        header = headers(data, at[filled], length[filled], _HEADERS)
        size = header["size"].astype(np.int64)
        wrong = (
            (header["codec"] != CODEC)
            | (header["sums_held"] != SUMS)
            | (size > PREDECESSORS)
            | (length[filled] != _FIXED + _PER_SLOT * size)
        )
        if wrong.any():
            raise CodecError(f"item row {filled[wrong][0]} is no row of codec {CODEC}")
        for name in ("events", "liked", "newest", "sums", "size"):
            getattr(columns, name)[filled] = header[name]
        _read(data, at[:-1] + _FIXED, columns.size, *_raw(columns))
        return cls(columns)

    def pack(self) -> list[bytes]:
        """Write n rows: 72 bytes + 32 per predecessor."""
        columns = self.columns
        at = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(_FIXED + _PER_SLOT * columns.size, out=at[1:])
        data = np.empty(at[-1], dtype=np.uint8)
        header = np.zeros(len(self), dtype=_HEADERS)
        header["codec"] = CODEC
        header["sums_held"] = SUMS
        for name in ("events", "liked", "newest", "sums", "size"):
            header[name] = getattr(columns, name)
        data[at[:-1, None] + np.arange(_FIXED)] = header.view(np.uint8).reshape(-1, _FIXED)
        _write(data, at[:-1] + _FIXED, columns.size, *_raw(columns))
        return split(data, at)

    def facts(self, index: int) -> dict[str, object]:
        """What row `index` holds, predecessors by hash, whatever the slots they lie in."""
        columns = self.columns
        size = columns.size[index]
        return {
            "events": int(columns.events[index]),
            "liked": int(columns.liked[index]),
            "newest": int(columns.newest[index]),
            "sums": columns.sums[index].tolist(),
            "before": {
                int(hash_): tuple(facts)
                for hash_, facts in zip(
                    columns.before[index, :size],
                    columns.facts[index, :size].tolist(),
                    strict=True,
                )
            },
        }

    def __len__(self) -> int:
        return len(self.columns.events)


def _raw(columns: ItemColumns) -> tuple[Bytes, Bytes]:
    """The bytes of hashes and facts, one row per item."""
    n = len(columns.events)
    return columns.before.view(np.uint8), columns.facts.reshape(n, SLOTS * FACTS).view(np.uint8)
