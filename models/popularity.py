"""Popularity: what an item's own counts say of it, for everyone alike.

For item j with n_j events of which l_j were positive:

    liked   log(l_j + 1)
    rate    log((l_j + 5 p) / (n_j + 5)),  p the catalogue's own rate
    recent  log(N s_jh / sum_i s_ih + floor) at each half-life h, s_jh = sum over events of
            w 2^(-age/h), w = 1 if positive, .3 if not

A decayed sum enters relative to all items' sum, so it does not depend on the clock: time ages all
sums alike. (learner.md, "Counters"; there absolute and in events.)
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Float64s, Int64s
from models.compiled import helper, kernel
from models.item_states import SUMS, ItemColumns
from models.limits import HALF_LIVES_MS
from models.logarithm import log

LIKED: Final = 0
RATE: Final = 1
RECENT: Final = 2
FEATURES: Final = RECENT + SUMS
NAMES: Final = ("liked", "rate", "hour", "day", "week", "month", "year")

_FLOOR: Final = 0.05
"""In units of the average item's share; learner.md."""
_PRIOR: Final = 5.0
"""Events that the catalogue's own rate counts for."""


class Popularity(NamedTuple):
    """N positions; `share` holds N / sum_i s_ih, as it was when the features were last made."""

    events: Int64s  # [N]
    liked: Int64s  # [N]
    decayed: Float64s  # [N, SUMS], referred to `epoch`
    epoch: Int64s  # [SUMS], ms
    share: Float64s  # [SUMS]
    rate: Float64s  # [1]
    feature: Float32s  # [N, FEATURES]


def empty_popularity(items: int) -> Popularity:
    """Build the columns of `items` positions without events."""
    return Popularity(
        events=np.zeros(items, dtype=np.int64),
        liked=np.zeros(items, dtype=np.int64),
        decayed=np.zeros((items, SUMS), dtype=np.float64),
        epoch=np.zeros(SUMS, dtype=np.int64),
        share=np.ones(SUMS, dtype=np.float64),
        rate=np.full(1, 0.5),
        feature=np.zeros((items, FEATURES), dtype=np.float32),
    )


EXAMPLE: Final = empty_popularity(0)


@helper
def describe(popularity: Popularity, item: int) -> None:
    """Make the item's features of its counts."""
    events, liked = popularity.events[item], popularity.liked[item]
    feature = popularity.feature[item]
    feature[LIKED] = log(np.float32(liked + 1.0))
    rate = (liked + _PRIOR * popularity.rate[0]) / (events + _PRIOR)
    feature[RATE] = log(np.float32(rate))
    for place in range(SUMS):
        relative = popularity.decayed[item, place] * popularity.share[place]
        feature[RECENT + place] = log(np.float32(relative + _FLOOR))


@helper
def set_counts(popularity: Popularity, item: int, items: ItemColumns, row: int) -> None:
    """Take the counts of row `row` of `items` for the item at a position."""
    popularity.events[item] = items.events[row]
    popularity.liked[item] = items.liked[row]
    for place in range(SUMS):
        age = (popularity.epoch[place] - items.newest[row]) / HALF_LIVES_MS[place]
        popularity.decayed[item, place] = items.sums[row, place] * 2.0**-age
    describe(popularity, item)


@kernel(EXAMPLE, 0)
def refresh(popularity: Popularity, size: int) -> None:
    """Take the sums over all items anew and make all features of them."""
    for place in range(SUMS):
        total = popularity.decayed[:size, place].sum()
        popularity.share[place] = size / total if total > 0.0 else 1.0
    events, liked = popularity.events[:size].sum(), popularity.liked[:size].sum()
    popularity.rate[0] = (liked + 1.0) / (events + 2.0)
    for item in range(size):
        describe(popularity, item)


def move_epoch(popularity: Popularity, newest: int) -> None:
    """Refer the decayed sums to a later time before their factors grow out of range.

    At 200 half-lives a factor is 1e60; what then falls below 1e-300 is gone.
    """
    for place, half_life in enumerate(HALF_LIVES_MS):
        age = (newest - popularity.epoch[place]) / half_life
        if age > 200.0:
            popularity.decayed[:, place] *= 2.0 ** -min(age, 2000.0)
            popularity.epoch[place] = newest
