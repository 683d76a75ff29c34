"""Own repeats: what the user has had before, where lists may hold it again.

With a = 0 .. 49 the age in the user's ring:

    score(j) = sum over a with c_a = j of (a + 1)^-1/2

As a feature: log(1 + score / FLOOR). (learner.md, "Counters".)
"""

from typing import Final

import numpy as np

from models.compiled import helper

FEATURES: Final = 1
NAMES: Final = ("own repeats",)
FLOOR: Final = 0.05
"""learner.md"""


@helper
def weight(age: int) -> np.float32:
    """What one event of that age adds, in units of FLOOR."""
    return np.float32((age + 1.0) ** -0.5 / FLOOR)
