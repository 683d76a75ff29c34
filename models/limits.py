"""Sizes and units that are part of the rows' layout: changing one needs a new codec version."""

from typing import Final

import numpy as np

RING: Final = 50
"""Events that a user's row remembers in full."""

HAD: Final = 4096
"""Items of which a user's row remembers that the user has had them; the oldest are forgotten."""

PREDECESSORS: Final = 256
"""Items that an item's row remembers as coming before it in users' histories."""

PROTECTED: Final = 64
"""Of those, the newest that are kept however weak they are."""

DEPTH: Final = 10
"""How far back in a user's history a transition reaches."""

STEP: Final = 2520
"""A transition of weight 1: the least common multiple of 1..10, so that STEP / k is whole and sums
of transitions are exact in any order."""

HOUR_MS: Final = 3_600_000

HALF_LIVES_MS: Final = np.array([1, 24, 7 * 24, 30 * 24, 365 * 24], dtype=np.float64) * HOUR_MS
"""Half-lives of an item's decayed sums: an hour, a day, a week, a month, a year."""

DISLIKED_WEIGHT: Final = 0.3
"""What an event that is not positive adds to a decayed sum (learner.md: 0 and 1 are worse)."""
