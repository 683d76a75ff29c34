"""Popularity and recency: the same list for everyone, from sums that forget or do not."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import Float32s, Int64s
from models.evaluation.baselines.measures import Decayed, LastCounted, Measure
from models.evaluation.baselines.tuned import Tuned
from models.limits import HOUR_MS

_DAY_MS: Final = 24.0 * HOUR_MS
_UNLIKED: Final = (0.3, 0.0)
"""What an event that is not positive may weigh: as for the other learners, or nothing."""


class _Measured(Tuned):
    """The list of the measure that hits most."""

    measures: dict[str, Measure]

    def fold(self, window: Int64s) -> None:
        """Add the events to each measure that is left."""
        for measure in self.measures.values():
            measure.add(self.data, window)

    def variants(self) -> Sequence[str]:
        """The measures' names."""
        return tuple(self.measures)

    def variant_scores(self, variant: str, events: Int64s) -> Float32s:
        """Score all m events alike: float32[m, I]."""
        score = self.measures[variant].score()
        return np.tile(score, (len(events), 1))

    def drop_others(self) -> None:
        """Keep the chosen measure."""
        self.measures = {self.chosen: self.measures[self.chosen]}

    def state_bytes(self) -> int:
        """Bytes of the sums."""
        return sum(measure.nbytes for measure in self.measures.values())


class Popularity(_Measured):
    """Events per item: of all time, decayed with time, or the last so many."""

    name = "popularity"

    def empty(self) -> None:
        """Start each measure."""
        items = len(self.data.items)
        self.measures = {}
        for unliked in _UNLIKED:
            ending = f", unliked {unliked:g}"
            for days in (30, 1, 7, 90, 365):
                measure = Decayed(items, days * _DAY_MS, unliked, per_event=False)
                self.measures[f"half-life {days} days" + ending] = measure
            self.measures["all time" + ending] = LastCounted(items, None, unliked)
            for last in (1_000, 3_000, 10_000, 30_000):
                self.measures[f"last {last}" + ending] = LastCounted(items, last, unliked)


class Recency(_Measured):
    """Recent events per item: half-lives so short that at 1 event the last touched item leads."""

    name = "recency"

    def empty(self) -> None:
        """Start each measure."""
        items = len(self.data.items)
        self.measures = {}
        for unliked in _UNLIKED:
            ending = f", unliked {unliked:g}"
            for events in (10_000, 1, 30, 100, 300, 1_000, 3_000):
                measure = Decayed(items, events, unliked, per_event=True)
                self.measures[f"half-life {events} events" + ending] = measure
            for hours in (1, 6):
                measure = Decayed(items, float(hours * HOUR_MS), unliked, per_event=False)
                self.measures[f"half-life {hours} hours" + ending] = measure
