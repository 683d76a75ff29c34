"""From places among scores to ranks: ties are broken at random, alike in whatever windows."""

from typing import Final

import numpy as np
import numpy.typing as npt

from models.arrays import Int64s

MISS: Final = 0
"""The rank of a target that no list may hold."""

_Words64 = npt.NDArray[np.uint64]


def draw_ranks(better: Int64s, ties: Int64s, row: Int64s, seed: int) -> Int64s:
    """Ranks of n targets, 1 is best, MISS where `better` is -1: int64[n].

    A target that ties with t others takes one of the t + 1 places, by a number drawn from the seed
    and the event's row alone: neither the learner nor the windows change it.
    """
    salt = np.uint64(seed * 0xD1342543DE82EF95 % 2**64)
    uniform = _mixed(row.astype(np.uint64) + salt)
    share = (uniform >> np.uint64(11)).astype(np.float64) / 2.0**53
    rank = better + 1 + np.floor(share * (ties + 1)).astype(np.int64)
    return np.where(better >= 0, rank, MISS)


def _mixed(words: _Words64) -> _Words64:
    """Each word's bits mixed well (splitmix64)."""
    with np.errstate(over="ignore"):
        words = words + np.uint64(0x9E3779B97F4A7C15)
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))
