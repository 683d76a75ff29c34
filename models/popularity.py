"""Popularity: what an item's own counts say of it, for everyone alike.

For item j of N with n_j events of which l_j were positive, all items' likes being L:

    liked   log(l_j + 1)
    rate    log((l_j + 5 p) / (n_j + 5)),  p the catalogue's own rate
    recent  log(N q_jh + floor) at each half-life h, with the share of what happens now

    q_jh = (s_jh + PRIOR q_jh') / (S_h + PRIOR),  h' the next longer half-life, (l_j + 1) / (L + N)
           beyond the longest; s_jh = sum over events of w 2^(-age/h), S_h its sum over all items,
           w = 1 if positive, .3 if not

So a share is that of recent events where there are enough of them, and that of longer ago where
not: an hour with three events says nothing. Without PRIOR, users without events got lists that hit
.39 of the time on MovieLens latest-small (.53 with it; .24 and .42 on 100K). (learner.md,
"Counters"; there absolute and in events.)
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
_RATE_PRIOR: Final = 5.0
"""Events that the catalogue's own rate counts for."""
_SHARE_PRIOR: Final = 100.0
"""Events that the share at the next longer half-life counts for."""


class Popularity(NamedTuple):
    """N positions; the last fields are as they were when all features were last made."""

    events: Int64s  # [N]
    liked: Int64s  # [N]
    decayed: Float64s  # [N, SUMS], referred to `epoch`
    epoch: Int64s  # [SUMS], ms
    scale: Float64s  # [SUMS], what a decayed sum has fallen to since its epoch
    total: Float64s  # [SUMS], sums over all items, now
    whole: Float64s  # [3], items, events, likes
    feature: Float32s  # [N, FEATURES]


def empty_popularity(items: int) -> Popularity:
    """Build the columns of `items` positions without events."""
    return Popularity(
        events=np.zeros(items, dtype=np.int64),
        liked=np.zeros(items, dtype=np.int64),
        decayed=np.zeros((items, SUMS), dtype=np.float64),
        epoch=np.zeros(SUMS, dtype=np.int64),
        scale=np.ones(SUMS, dtype=np.float64),
        total=np.zeros(SUMS, dtype=np.float64),
        whole=np.zeros(3, dtype=np.float64),
        feature=np.zeros((items, FEATURES), dtype=np.float32),
    )


EXAMPLE: Final = empty_popularity(0)


@helper
def describe(popularity: Popularity, item: int) -> None:
    """Make the item's features of its counts."""
    events, liked = popularity.events[item], popularity.liked[item]
    all_items, all_events, all_liked = popularity.whole
    feature = popularity.feature
    feature[item, LIKED] = log(np.float32(liked + 1.0))
    usual = (all_liked + 1.0) / (all_events + 2.0)
    feature[item, RATE] = log(np.float32((liked + _RATE_PRIOR * usual) / (events + _RATE_PRIOR)))
    share = (liked + 1.0) / (all_liked + all_items + 1.0)
    for place in range(SUMS - 1, -1, -1):
        recent = popularity.decayed[item, place] * popularity.scale[place]
        share = (recent + _SHARE_PRIOR * share) / (popularity.total[place] + _SHARE_PRIOR)
        feature[item, RECENT + place] = log(np.float32(all_items * share + _FLOOR))


@helper
def set_counts(popularity: Popularity, item: int, items: ItemColumns, row: int) -> None:
    """Take the counts of row `row` of `items` for the item at a position."""
    popularity.events[item] = items.events[row]
    popularity.liked[item] = items.liked[row]
    for place in range(SUMS):
        age = (popularity.epoch[place] - items.newest[row]) / HALF_LIVES_MS[place]
        popularity.decayed[item, place] = items.sums[row, place] * 2.0**-age
    describe(popularity, item)


@kernel(EXAMPLE, 0, 0)
def refresh(popularity: Popularity, size: int, now: int) -> None:
    """Take the sums over all items anew, at time `now` (ms), and make all features of them."""
    for place in range(SUMS):
        age = (now - popularity.epoch[place]) / HALF_LIVES_MS[place]
        popularity.scale[place] = 2.0**-age
        popularity.total[place] = popularity.decayed[:size, place].sum() * popularity.scale[place]
    popularity.whole[0] = size
    popularity.whole[1] = popularity.events[:size].sum()
    popularity.whole[2] = popularity.liked[:size].sum()
    for item in range(size):
        describe(popularity, item)


def move_epoch(popularity: Popularity, newest: int) -> bool:
    """Refer the decayed sums to a later time before their factors grow out of range.

    At 200 half-lives a factor is 1e60; what then falls below 1e-300 is gone. True if it was done:
    the features of all items are to be made anew.
    """
    moved = False
    for place, half_life in enumerate(HALF_LIVES_MS):
        age = (newest - popularity.epoch[place]) / half_life
        if age > 200.0:
            popularity.decayed[:, place] *= 2.0 ** -min(age, 2000.0)
            popularity.epoch[place] = newest
            moved = True
    return moved
