"""Windows of users' histories, and the batches that an epoch makes of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Int32s, Int64s
from models.training.history import History, ragged

_LATER = 2**31 - 1


class Windows(NamedTuple):
    """w stretches of users' histories, as indices into a History: int64[w] each."""

    user: Int64s  # the user's first event
    low: Int64s  # the first event read
    first: Int64s  # the first target
    stop: Int64s  # one past the last event

    @classmethod
    def of(cls, history: History, length: int, burn_in: int, since: int = 0) -> "Windows":
        """Cut histories into windows of `length` targets, without those of no event >= `since`."""
        user = np.flatnonzero(history.place == 0)
        size = np.diff(np.append(user, len(history)))
        row, part = ragged(np.zeros(len(user), dtype=np.int64), -(-size // length))
        first = user[row] + part * length
        stop = np.minimum(first + length, (user + size)[row])
        low = np.maximum(first - burn_in, user[row])
        chosen = (history.event[stop - 1] >= since) & (stop - low >= 2)
        return cls(user[row][chosen], low[chosen], first[chosen], stop[chosen])

    def at(self, index: npt.NDArray[np.integer]) -> "Windows":
        """Some of the windows."""
        return Windows(*(column[index] for column in self))


class Batch(NamedTuple):
    """B windows of up to T events, and m of their events as targets.

    A shorter window repeats its last event, which no earlier state sees.
    """

    item: Int64s  # [B, T]
    row: Int64s  # [B, T]
    gap: Int64s  # [B, T]
    at: Int64s  # [m], place in the flattened [B, T]
    user: Int64s  # [m], window
    earlier: Int64s  # [m], events that the user had before
    target: Int64s  # [m], items
    weight: Float32s  # [m]


def epoch(windows: Windows, size: int, rng: np.random.Generator) -> Iterator[Windows]:
    """All windows once, in batches of `size` of about equal length, in random order."""
    length = (windows.stop - windows.low) * (1 + 0.2 * rng.random(len(windows.low)))
    order = np.argsort(length, kind="stable")
    parts = [order[first : first + size] for first in range(0, len(order), size)]
    for index in rng.permutation(len(parts)):
        yield windows.at(parts[index])


def batch(
    history: History, windows: Windows, weight: Float32s, most: int, rng: np.random.Generator
) -> Batch:
    """Read windows; `most` of the targets whose weight[event] is above 0 are drawn."""
    place = windows.low[:, None] + np.arange((windows.stop - windows.low).max())
    inside = place < windows.stop[:, None]
    place = np.minimum(place, windows.stop[:, None] - 1)
    wanted = inside & (place >= windows.first[:, None]) & (weight[place] > 0)
    at = np.flatnonzero(wanted)
    if len(at) > most:
        at = np.sort(rng.choice(at, most, replace=False))
    event = place.reshape(-1)[at]
    return Batch(
        item=history.item[place],
        row=history.row[place],
        gap=history.gap[place],
        at=at,
        user=at // place.shape[1],
        earlier=history.place[event],
        target=history.item[event],
        weight=weight[event],
    )


def had_at(history: History, windows: Windows, column: Int64s, columns: int) -> Int32s:
    """The place at which each window's user first had each item: int32[B, columns].

    `column` gives an item's column, -1: none; what the user has not had until the window's end has
    a place beyond all others.
    """
    row, event = ragged(windows.user, windows.stop - windows.user)
    new = ~history.again[event] & (column[history.item[event]] >= 0)
    row, event = row[new], event[new]
    had = np.full((len(windows.low), columns), _LATER, dtype=np.int32)
    had[row, column[history.item[event]]] = history.place[event]
    return had
