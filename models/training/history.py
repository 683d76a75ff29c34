"""A log as training reads it: by user, in time order, with what the net takes of each event."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from models.arrays import Bools, Int64s
from models.by_user import ByUser
from models.dataset import Dataset
from models.training.values import ValueRows

GAPS: Final = 12


@dataclass(frozen=True, slots=True)
class History:
    """The first n events of a dataset, sorted by user and then by time; columns are int64[n]."""

    event: Int64s  # index in the dataset
    item: Int64s  # index into `items`
    row: Int64s  # of the value tables
    gap: Int64s  # 0: the user's first event, else 1 + log2(1 + seconds since the last) / 2
    place: Int64s  # earlier events of the user
    positive: Bools
    again: Bools  # the user has had the item
    items: Int64s  # [J], items of these events, as indices in the dataset, ascending
    first: Int64s  # [J], the first event of each, as an index in the dataset

    @classmethod
    def of(cls, data: Dataset, end: int, rows: ValueRows) -> Self:
        """Sort events [0, end)."""
        order = ByUser(data, end)
        event, place = order.event, order.place
        user, time = data.user[event].astype(np.int64), data.time[event]
        seconds = np.maximum(np.diff(time, prepend=time[:1]), 0) / 1000  # below 0: another user
        gap = np.minimum(GAPS - 1, 1 + (np.log2(1 + seconds) / 2).astype(np.int64))
        items, first, item = np.unique(data.item[:end], return_index=True, return_inverse=True)
        item = item[event].astype(np.int64)
        return cls(
            event=event,
            item=item,
            row=rows.rows(data.kind[event], data.value[event]),
            gap=np.where(place == 0, 0, gap),
            place=place,
            positive=data.positive[event],
            again=_again(user, item),
            items=items.astype(np.int64),
            first=first.astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.event)


def _again(user: Int64s, item: Int64s) -> Bools:
    """Whether the same pair stood before: bool[n]."""
    order = np.lexsort((item, user))  # stable: earlier events first
    same = (user[order[1:]] == user[order[:-1]]) & (item[order[1:]] == item[order[:-1]])
    again = np.zeros(len(user), dtype=np.bool_)
    again[order[1:]] = same
    return again


def ragged(start: Int64s, size: Int64s) -> tuple[Int64s, Int64s]:
    """Numbers of rows and the values start, start + 1, … of each row, all rows in one."""
    row = np.repeat(np.arange(len(size)), size)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    return row, start[row] + offset
