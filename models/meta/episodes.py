"""Episodes: a user's few events to adapt by, and later ones to be judged by."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from models.arrays import Bools, Float32s, Int64s
from models.meta.tasks import Tasks

SUPPORT: Final = 20
"""Most events that adapt."""
LONG: Final = 200
"""Most events that adapt in long episodes."""
QUERY: Final = 50
"""Most events that judge."""


@dataclass(frozen=True, slots=True)
class Padded:
    """Some events of n users in rows; item 0 and value 0 where there is none."""

    item: Int64s  # [n, L]
    value: Float32s  # [n, L]
    there: Bools  # [n, L]

    @classmethod
    def of(cls, tasks: Tasks, first: Int64s, stop: Int64s, width: int) -> Self:
        """Events first[i] to stop[i] - 1 of the tasks, in order, at most `width`."""
        place = first[:, None] + np.arange(width)
        there = place < stop[:, None]
        place = np.where(there, place, 0)
        item, value = tasks.item[place], tasks.value[place]
        return cls(np.where(there, item, 0).astype(np.int64), np.where(there, value, 0), there)


@dataclass(frozen=True, slots=True)
class Episodes:
    """One episode of each of n users."""

    user: Int64s  # [n], the tasks'
    support: Padded
    query: Padded


def draw(tasks: Tasks, users: Int64s, rng: np.random.Generator, most: int = SUPPORT) -> Episodes:
    """Draw an episode for each user: 0 to `most` events adapt, the next ones judge.

    Each size is as likely as any other, so that steps on few events are learned as well as those on
    many. Half of the episodes begin with the user's first event, as evaluation does, the others
    anywhere: users with many events have many episodes. Each user must have an event. If `most` is
    more than SUPPORT, up to three quarters of a user's events adapt.
    """
    start, stop = tasks.start[users], tasks.start[users + 1]
    left = stop - start - 1
    if most > SUPPORT:  # enough is left to judge by
        left = np.minimum(left, (stop - start) * 3 // 4)
    size = np.minimum(rng.integers(0, most + 1, len(users)), left)
    latest = np.maximum(stop - start - most, 1)
    skipped = np.where(rng.random(len(users)) < 0.5, 0, rng.integers(0, latest))
    first = start + np.minimum(skipped, stop - start - size - 1)
    support = Padded.of(tasks, first, first + size, most)
    return Episodes(users, support, Padded.of(tasks, first + size, stop, QUERY))
