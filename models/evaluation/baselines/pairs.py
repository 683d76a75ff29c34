"""A sparse matrix of sums over pairs of items that grows as pairs come; no dense items by items.

A row is a hash table of its own (linear probing, at most three quarters full) in one pool of cells,
so that adding is one look-up and reading a row is one walk along memory. A row that outgrows its
block moves to one of twice the size; the old block goes to the next row that needs its size.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Int32s, Int64s
from models.compiled import column, helper, kernel

_EMPTY: Final = -1
_SMALLEST: Final = 3
"""log2 of a row's first cells."""
_SIZES: Final = 32


@helper
def _find(keys: Int32s, first: int, bits: int, key: int) -> int:
    """The key's cell in the block, or the empty one where it belongs."""
    last = (1 << bits) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    cell = np.int64(mixed >> np.uint64(32)) & last
    while keys[first + cell] != _EMPTY and keys[first + cell] != key:
        cell = (cell + 1) & last
    return int(first + cell)


@helper
def _larger(keys: Int32s, sums: Float32s, cells: int) -> tuple[Int32s, Float32s]:
    """Copy the pool into one with room for that many cells and some more."""
    size = cells + cells // 3
    more_keys = np.empty(size, dtype=np.int32)
    more_sums = np.empty(size, dtype=np.float32)
    more_keys[: len(keys)] = keys
    more_sums[: len(sums)] = sums
    return more_keys, more_sums


@helper
def _take(keys: Int32s, free: Int64s, top: Int64s, bits: int) -> int:
    """An empty block of 2^bits cells; the pool must have room for it at its top."""
    first = free[bits]
    if first == _EMPTY:
        first = top[0]
        top[0] += 1 << bits
    else:
        free[bits] = keys[first]
    keys[first : first + (1 << bits)] = _EMPTY
    return int(first)


@helper
def _move(keys: Int32s, sums: Float32s, free: Int64s, start: int, first: int, bits: int) -> None:
    """Enter the cells of the block at `start` into the one of 2^bits cells; set the old one free.

    A free block's first key is the next free block of its size.
    """
    for old in range(start, start + (1 << (bits - 1))):
        if keys[old] != _EMPTY:
            cell = _find(keys, first, bits, keys[old])
            keys[cell] = keys[old]
            sums[cell] = sums[old]
    keys[start] = free[bits - 1]
    free[bits - 1] = start


@kernel(
    *(column(np.int64), column(np.int8), column(np.int32)),
    *(column(np.int32), column(np.float32), column(np.int64), column(np.int64)),
    *(column(np.int32), column(np.int32), column(np.float32)),
)
def _add(
    start: Int64s,
    bits: npt.NDArray[np.int8],
    used: Int32s,
    keys: Int32s,
    sums: Float32s,
    free: Int64s,
    top: Int64s,
    rows: Int32s,
    columns: Int32s,
    weights: Float32s,
) -> tuple[Int32s, Float32s]:
    """Add the weights to their cells; returns the pool, which may be a larger one."""
    for pair in range(len(rows)):
        row = rows[pair]
        wide = bits[row]
        if wide == 0 or 4 * (used[row] + 1) > 3 << wide:
            more = wide + 1 if wide else _SMALLEST
            if top[0] + (1 << more) > len(keys):
                keys, sums = _larger(keys, sums, top[0] + (1 << more))
            first = _take(keys, free, top, more)
            if wide:
                _move(keys, sums, free, start[row], first, more)
            start[row] = first
            bits[row] = more
        cell = _find(keys, start[row], bits[row], columns[pair])
        if keys[cell] == _EMPTY:
            keys[cell] = columns[pair]
            sums[cell] = 0.0
            used[row] += 1
        sums[cell] += weights[pair]
    return keys, sums


@kernel(
    *(column(np.int64), column(np.int8), column(np.int32), column(np.float32)),
    *(column(np.int32, 2), column(np.float32, 2), column(np.float32, 2)),
)
def _combine(
    start: Int64s,
    bits: npt.NDArray[np.int8],
    keys: Int32s,
    sums: Float32s,
    rows: Int32s,
    weights: Float32s,
    out: Float32s,
) -> None:
    """Add to out[i] the rows rows[i, :] (< 0: none) times their weights."""
    for place in range(rows.shape[0]):
        for which in range(rows.shape[1]):
            row = rows[place, which]
            if row < 0 or bits[row] == 0:
                continue
            weight = weights[place, which]
            for cell in range(start[row], start[row] + (1 << bits[row])):
                if keys[cell] != _EMPTY:
                    out[place, keys[cell]] += weight * sums[cell]


class Pairs:
    """Sums M[row, column], float32, over `items` rows and columns."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._start = np.zeros(items, dtype=np.int64)
        self._bits = np.zeros(items, dtype=np.int8)
        self._used = np.zeros(items, dtype=np.int32)
        self._keys = np.empty(1024, dtype=np.int32)
        self._sums = np.empty(1024, dtype=np.float32)
        self._free = np.full(_SIZES, _EMPTY, dtype=np.int64)
        self._top = np.zeros(1, dtype=np.int64)

    def add(self, rows: Int32s, columns: Int32s, weights: Float32s) -> None:
        """M[rows[i], columns[i]] += weights[i] for each i; pairs may repeat."""
        table = (self._start, self._bits, self._used, self._keys, self._sums)
        self._keys, self._sums = _add(*table, self._free, self._top, rows, columns, weights)

    def combine(self, rows: Int32s, weights: Float32s) -> Float32s:
        """out[i] = sum_k weights[i, k] M[rows[i, k]], float32[m, items]; rows < 0 add nothing."""
        out = np.zeros((len(rows), self._items), dtype=np.float32)
        _combine(self._start, self._bits, self._keys, self._sums, rows, weights, out)
        return out

    @property
    def nbytes(self) -> int:
        """Memory that the matrix takes."""
        columns = (self._start, self._bits, self._used, self._keys, self._sums)
        return sum(part.nbytes for part in columns)
