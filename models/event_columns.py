"""Events of a run in the form in which kernels take them."""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Bytes, Float32s, Hashes, Int64s
from models.compiled import column
from models.events import EventBatch


class EventColumns(NamedTuple):
    """An EventBatch in the form in which kernels take it."""

    user: Int64s
    item: Hashes
    kind: Bytes
    value: Float32s
    time: Int64s
    liked: Bytes


EVENTS: Final = EventColumns(
    column(np.int64),
    column(np.uint64),
    column(np.uint8),
    column(np.float32),
    column(np.int64),
    column(np.uint8),
)


def event_columns(events: EventBatch) -> EventColumns:
    """The batch's columns, contiguous and of the types that kernels take."""
    return EventColumns(
        np.array(events.user, dtype=np.int64),
        np.array(events.item, dtype=np.uint64),
        np.array(events.kind, dtype=np.uint8),
        np.array(events.value, dtype=np.float32),
        np.array(events.time, dtype=np.int64),
        np.array(events.positive, dtype=np.uint8),
    )


def part(events: EventColumns, first: int, stop: int) -> EventColumns:
    """Events first .. stop - 1."""
    return EventColumns(
        events.user[first:stop],
        events.item[first:stop],
        events.kind[first:stop],
        events.value[first:stop],
        events.time[first:stop],
        events.liked[first:stop],
    )
