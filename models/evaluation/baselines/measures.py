"""Measures of how popular items are, the same for every user, each with its way of forgetting."""

from typing import Final, Protocol

import numpy as np

from models.arrays import Float32s, Float64s, Int64s
from models.dataset import Dataset

TAIL: Final = np.float32(1e-6)
"""What recent popularity counts for where a score says nothing: it orders a list's tail, and is the
list of users without events."""
_TAIL_EVENTS: Final = 1000.0
"""Its half-life, in events."""


class Measure(Protocol):
    """Sums per item over the events learned so far; an event that is not liked weighs less."""

    def add(self, data: Dataset, events: Int64s) -> None:
        """Count these events, which come after all events so far."""
        ...

    def score(self) -> Float32s:
        """float32[I]: larger is more popular."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory that the sums take."""
        ...


def weights_of(data: Dataset, events: Int64s, unliked: float) -> Float64s:
    """1 for a positive event, `unliked` for others."""
    return np.where(data.positive[events], 1.0, unliked)


class Decayed:
    """Sums of w 2^(-age / half-life), kept as log2, so that no age makes them 0.

    log2 of the sum is m - now / h with m = log2 sum w 2^(t / h): m changes with an item's own
    events only, and orders the items at any time. Ages are ms, or events with `per_event`.
    """

    def __init__(self, items: int, half_life: float, unliked: float, *, per_event: bool) -> None:
        self._half_life = half_life
        self._unliked = unliked
        self._per_event = per_event
        self._logs = np.full(items, -np.inf)
        self._now = 0.0

    def add(self, data: Dataset, events: Int64s) -> None:
        """Count these events, in any order."""
        weights = weights_of(data, events, self._unliked)
        times = events if self._per_event else data.time[events]
        self._now = max(self._now, times.max(initial=0) / self._half_life)
        count = weights > 0
        values = np.log2(weights[count]) + times[count] / self._half_life
        np.logaddexp2.at(self._logs, data.item[events[count]], values)

    def score(self) -> Float32s:
        """log2 of the sums now; an item without events is below all others."""
        score: Float32s = (np.maximum(self._logs, -1e30) - self._now).astype(np.float32)
        return score

    def sums(self) -> Float32s:
        """The sums themselves, now."""
        sums: Float32s = np.exp2(self._logs - self._now).astype(np.float32)
        return sums

    @property
    def nbytes(self) -> int:
        """Memory that the sums take."""
        return self._logs.nbytes


class LastCounted:
    """Sums over the last `most` events; over all of them without it."""

    def __init__(self, items: int, most: int | None, unliked: float) -> None:
        self._most = most
        self._unliked = unliked
        self._sums = np.zeros(items)
        self._recent = np.zeros(0, dtype=np.int64)

    def add(self, data: Dataset, events: Int64s) -> None:
        """Count these events and take back those that are no longer among the last."""
        np.add.at(self._sums, data.item[events], weights_of(data, events, self._unliked))
        if self._most is not None:
            recent = np.concatenate([self._recent, events])
            gone = recent[: max(len(recent) - self._most, 0)]
            self._recent = recent[len(gone) :]
            np.subtract.at(self._sums, data.item[gone], weights_of(data, gone, self._unliked))

    def score(self) -> Float32s:
        """The sums."""
        return self._sums.astype(np.float32)

    @property
    def nbytes(self) -> int:
        """Memory that the sums and the events to take back later take."""
        return self._sums.nbytes + self._recent.nbytes


def tail(items: int) -> Decayed:
    """The recent popularity that orders a list's tail; its sums are to be scaled by TAIL."""
    return Decayed(items, _TAIL_EVENTS, 0.3, per_event=True)
