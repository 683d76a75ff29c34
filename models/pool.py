"""Blocks of array cells that grow by doubling: many short lists in one array without padding."""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Int64s
from models.compiled import helper

SMALLEST: Final = 4
"""Cells of the smallest block; all blocks are SMALLEST times a power of two."""

_CLASSES: Final = 40


class Pool(NamedTuple):
    """Which blocks are in use; the cells themselves are arrays of the owner's."""

    top: Int64s  # [1], cells handed out so far
    free: Int64s  # [_CLASSES], first free block by size class, -1: none
    chain: Int64s  # [cells / SMALLEST], next free block after the one here


def empty_pool(cells: int) -> Pool:
    """Build a pool over arrays of `cells` cells, none in use."""
    return Pool(
        np.zeros(1, dtype=np.int64),
        np.full(_CLASSES, -1, dtype=np.int64),
        np.empty(cells // SMALLEST, dtype=np.int64),
    )


@helper
def size_class(room: int) -> int:
    """The smallest class c with SMALLEST * 2**c >= room."""
    found = 0
    while SMALLEST << found < room:
        found += 1
    return found


@helper
def take(pool: Pool, wanted: int) -> int:
    """Start of a block of the class, -1 if the pool must grow first."""
    start = int(pool.free[wanted])
    if start >= 0:
        pool.free[wanted] = pool.chain[start // SMALLEST]
        return start
    start = int(pool.top[0])
    if start + (SMALLEST << wanted) > len(pool.chain) * SMALLEST:
        return -1
    pool.top[0] = start + (SMALLEST << wanted)
    return start


@helper
def give(pool: Pool, start: int, of_class: int) -> None:
    """Hand a block back."""
    pool.chain[start // SMALLEST] = pool.free[of_class]
    pool.free[of_class] = start
