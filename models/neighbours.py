"""Neighbours: what other users had together with the user's last items.

With C[x, j] the number of users who had x and j within a ring of each other, n the items' events
and a = 0 .. 49 the age of the ring's items c_a:

    score(j) = sum_a d^a C[c_a, j] / sqrt((n_{c_a} + 1) (n_j + 5))

at decays d of .5, .8 and .95, and at .95 once more with only positive events on j and unliked c_a
weighted .3. As a feature: log(1 + score / FLOOR). (learner.md, "Counters".)
"""

from typing import Final

import numpy as np

from models.compiled import helper

FEATURES: Final = 4
NAMES: Final = ("neighbours .5", "neighbours .8", "neighbours .95", "liked neighbours")
FLOOR: Final = 0.02

_DECAYS: Final = (0.5, 0.8, 0.95, 0.95)
_LIKED: Final = 3
_UNLIKED: Final = 0.3


@helper
def weight(which: int, age: int, events: int, liked: int) -> np.float32:
    """What a pair with the ring's item of that age adds, in units of FLOOR."""
    value = _DECAYS[which] ** age / np.sqrt(events + 1.0) / FLOOR
    if which == _LIKED and not liked:
        value *= _UNLIKED
    return np.float32(value)
