"""Which items a list may hold at an event, alike for all contestants that score every item.

An item is known once it was announced or has had an event before the window. What the user has had
is left out, by the rule of the worker's rows: the HAD newest distinct items, in order of arrival.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from models.arrays import Bools, Bytes, Float32s, Int32s, Int64s
from models.compiled import column, kernel
from models.dataset import Dataset
from models.limits import HAD

_INT32S: Final = column(np.int32)
_INT64S: Final = column(np.int64)


@kernel(_INT64S, _INT32S, _INT32S, 0, _INT64S, column(np.uint8))
def _enter(order: Int64s, user: Int32s, item: Int32s, items: int, had: Int64s, new: Bytes) -> None:
    """Tell of each event how many items entered its user's set before it, and if its own does.

    `order` lists the events by user, each user's in time order.
    """
    seen = np.zeros(items, dtype=np.int64)  # the entry's number, from 1 over all users
    first, count = 0, 0
    for place in range(len(order)):
        event = order[place]
        if place == 0 or user[event] != user[order[place - 1]]:
            first = count
        had[event] = count - first
        entry = seen[item[event]]
        if entry <= first or entry <= count - HAD:
            count += 1
            seen[item[event]] = count
            new[event] = 1


@kernel(_INT64S, _INT32S, column(np.uint8), _INT64S, _INT64S, _INT32S, column(np.float32, 2),
        _INT64S, _INT64S)  # fmt: skip
def _place(
    events: Int64s,
    item: Int32s,
    known: Bytes,
    start: Int64s,
    stop: Int64s,
    entered: Int32s,
    scores: Float32s,
    better: Int64s,
    ties: Int64s,
) -> None:
    """Place the item of each event among those known and not in its user's entered[start:stop]."""
    lowest = np.float32(-np.inf)
    listed = known.copy()
    for row in range(len(events)):
        for cell in range(start[row], stop[row]):
            listed[entered[cell]] = 0
        target = item[events[row]]
        better[row] = -1
        if listed[target]:
            mine = scores[row, target]
            mine = lowest if np.isnan(mine) else mine
            more, same = 0, -1
            for other in range(len(listed)):
                score = scores[row, other]
                score = lowest if np.isnan(score) else score
                more += listed[other] & np.uint8(score > mine)
                same += listed[other] & np.uint8(score == mine)
            better[row], ties[row] = more, same
        for cell in range(start[row], stop[row]):
            listed[entered[cell]] = known[entered[cell]]


@dataclass(frozen=True, slots=True)
class Eligible:
    """Which items lists may hold: facts of the data alone, so that no contestant can bend them."""

    data: Dataset
    first_event: Int64s  # [I], index of the item's first event, n without
    entered: Int32s  # items that entered users' sets, by user, oldest first
    entered_before: Int64s  # [n], where in `entered` the user's set ends before the event
    oldest: Int64s  # [n], where it begins
    repeats: bool

    @classmethod
    def of(cls, data: Dataset, *, repeats: bool) -> Self:
        """Derive them; `repeats` where lists may hold what the user has had."""
        n = len(data)
        order = np.argsort(data.user, kind="stable").astype(np.int64)
        had, new = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.uint8)
        _enter(order, data.user, data.item, len(data.items), had, new)
        entered = data.item[order[new[order] > 0]]
        per_user = np.bincount(data.user, weights=new, minlength=len(data.users)).astype(np.int64)
        base = (np.cumsum(per_user) - per_user)[data.user]
        first = np.full(len(data.items), n, dtype=np.int64)
        np.minimum.at(first, data.item, np.arange(n))
        oldest = base + np.maximum(had - HAD, 0)
        return cls(data, first, entered, base + had, oldest, repeats)

    def known(self, event: int) -> Bools:
        """Which items are known just before the event: bool[I]."""
        known: Bools = (self.first_event < event) | (self.data.announced <= self.data.time[event])
        return known

    def had(self, event: int) -> Int32s:
        """What the set of the event's user holds before the event, oldest first."""
        return self.entered[self.oldest[event] : self.entered_before[event]]

    def place(self, window: Int64s, targets: Bools, scores: Float32s) -> tuple[Int64s, Int64s]:
        """Count for each target the listable items that score higher, and as high: int64[m] each.

        The first is -1 where no list may hold the target. scores: float32[m, I].
        """
        events = np.ascontiguousarray(window[targets])
        better, ties = np.empty(len(events), dtype=np.int64), np.zeros(len(events), dtype=np.int64)
        if not len(events):
            return better, ties
        known = self.known(int(window[0])).astype(np.uint8)
        stop = self.entered_before[events]
        start = stop if self.repeats else self.oldest[events]
        flat = np.ascontiguousarray(scores, dtype=np.float32)
        _place(events, self.data.item, known, start, stop, self.entered, flat, better, ties)
        return better, ties
