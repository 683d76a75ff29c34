"""How far hit rates might be off: other users might have come, so users are drawn anew."""

from typing import Final

import numpy as np

from models.arrays import Bools, Float64s, Int32s, Int64s

_TAIL: Final = 0.025
"""On each side: an interval covers 95 %."""


def hit_rate_intervals(
    hit: Bools, user: Int32s, group: Int64s, groups: int, *, seed: int, draws: int = 1000
) -> Float64s:
    """Intervals of the hit rate of each group of targets: float64[groups, 2], nan for empty ones.

    hit, user and group are of m targets. The same seed draws the same users for every learner.
    """
    _, number = np.unique(user, return_inverse=True)
    n = int(number.max(initial=-1)) + 1
    cell = number * groups + group
    hits = np.bincount(cell, hit, minlength=n * groups).reshape(n, groups)
    counts = np.bincount(cell, minlength=n * groups).reshape(n, groups).astype(np.float64)
    generator = np.random.default_rng(seed)
    rates = np.full((draws, groups), np.nan)
    for draw in range(draws if n else 0):
        times = np.bincount(generator.integers(0, n, n), minlength=n).astype(np.float64)
        drawn = times @ counts
        np.divide(times @ hits, drawn, out=rates[draw], where=drawn > 0)
    found = np.full((groups, 2), np.nan)
    filled = counts.sum(axis=0) > 0
    found[filled] = np.nanquantile(rates[:, filled], [_TAIL, 1 - _TAIL], axis=0).T
    return found
