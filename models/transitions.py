"""Transitions: what users take after their last items.

With c_k the user's k-th last item and T[x, j] the sum of 1 / k over events on j whose user's k-th
last item was x, for k <= 10:

    score(j) = sum_k (1 / k) T[c_k, j] / (sum_i T[c_k, i] + 5)

once for all events on j and once for the positive ones. As a feature: log(1 + score / FLOOR).
(learner.md, "Counters".)
"""

from typing import Final

import numpy as np

from models.compiled import helper
from models.limits import STEP

FEATURES: Final = 2
NAMES: Final = ("transitions", "liked transitions")
FLOOR: Final = 0.002
"""learner.md"""

_PRIOR: Final = 5.0


@helper
def weight(age: int, steps_out: int) -> np.float32:
    """What a step out of the item of that age (0: the last) adds, in units of FLOOR."""
    return np.float32(1.0 / FLOOR / (age + 1) / (steps_out + _PRIOR * STEP))
