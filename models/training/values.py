"""Rows for what happened: one per kind of event, and up to five for the values that it carries."""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Bytes, Float32s, Int32s, Int64s

_EDGES: Final = 4


class ValueRows(NamedTuple):
    """Which row of the value tables an event has; row 0 is for unknown kinds (see NetWeights)."""

    first: Int32s  # [256]
    edges: Float32s  # [256, 4], padded with inf
    size: int  # rows

    @classmethod
    def learn(cls, kind: Bytes, value: Float32s) -> "ValueRows":
        """Take the kinds and values of n events."""
        first = np.zeros(256, dtype=np.int32)
        edges = np.full((256, _EDGES), np.inf, dtype=np.float32)
        size = 1
        for code in np.unique(kind).tolist():
            found = _edges(value[(kind == code) & np.isfinite(value)])
            edges[code, : len(found)] = found
            first[code] = size
            size += 1 + (_EDGES + 1)
        return cls(first, edges, size)

    def rows(self, kind: Bytes, value: Float32s) -> Int64s:
        """Rows of n events: int64[n]."""
        place = (self.edges[kind] < value[:, None]).sum(axis=1) + 1
        known = self.first[kind] > 0
        return np.where(known, self.first[kind] + np.where(np.isnan(value), 0, place), 0)


def _edges(values: Float32s) -> Float32s:
    """Midpoints of the distinct values; of many values those next to even quantiles."""
    distinct, counts = np.unique(values, return_counts=True)
    middle = np.asarray((distinct[:-1] + distinct[1:]) / 2, dtype=np.float32)
    if len(middle) <= _EDGES:
        return middle
    share = np.cumsum(counts) / counts.sum()
    quantiles = np.arange(1, _EDGES + 1) / (_EDGES + 1)
    nearest = np.abs(share[:-1, None] - quantiles).argmin(axis=0)
    chosen: Float32s = middle[np.unique(nearest)]
    return chosen
