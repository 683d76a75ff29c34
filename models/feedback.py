"""What an item learns from one event: the record that the user hop sends to the item hop.

A record is, little endian: codec u8, kind u8, liked u8, predecessors u8, the user's earlier
events u32, time i64 ms, item u64, liked predecessors u64 (bit 0: the newest), then the
predecessors' hashes u64, newest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from models.arrays import Bytes, Hashes, Int64s
from models.compiled import column, kernel
from models.errors import CodecError
from models.limits import RING
from models.packing import copy_cells, headers, joined, split

CODEC: Final = 1
HEADER: Final = 32


class FeedbackColumns(NamedTuple):
    """m records; predecessors newest first."""

    item: Hashes  # [m]
    time: Int64s  # [m]
    kind: Bytes  # [m]
    liked: Bytes  # [m]
    earlier: Int64s  # [m], events that the user had before
    size: Int64s  # [m], predecessors
    before: Hashes  # [m, RING]
    before_liked: Hashes  # [m], one bit per predecessor


def empty_feedback(m: int) -> FeedbackColumns:
    """Columns of m records to be filled."""
    return FeedbackColumns(
        item=np.empty(m, dtype=np.uint64),
        time=np.empty(m, dtype=np.int64),
        kind=np.empty(m, dtype=np.uint8),
        liked=np.empty(m, dtype=np.uint8),
        earlier=np.empty(m, dtype=np.int64),
        size=np.empty(m, dtype=np.int64),
        before=np.empty((m, RING), dtype=np.uint64),
        before_liked=np.empty(m, dtype=np.uint64),
    )


EXAMPLE: Final = empty_feedback(0)
_BYTES: Final = column(np.uint8, 2)


@kernel(column(np.uint8), column(np.int64), column(np.int64), _BYTES)
def _read(
    data: Bytes,
    at: Int64s,
    size: Int64s,
    before: Bytes,
) -> None:
    for record in range(len(size)):
        copy_cells(data[at[record] + HEADER :], before[record], 8 * size[record])


@kernel(column(np.uint8), column(np.int64), column(np.int64), _BYTES)
def _write(
    data: Bytes,
    at: Int64s,
    size: Int64s,
    before: Bytes,
) -> None:
    for record in range(len(size)):
        copy_cells(before[record], data[at[record] + HEADER :], 8 * size[record])


_HEADERS: Final = np.dtype(
    [
        ("codec", "u1"),
        ("kind", "u1"),
        ("liked", "u1"),
        ("size", "u1"),
        ("earlier", "<u4"),
        ("time", "<i8"),
        ("item", "<u8"),
        ("before_liked", "<u8"),
    ]
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """m records, one per event, in the order of the events."""

    columns: FeedbackColumns

    @classmethod
    def unpack(cls, records: Sequence[bytes]) -> Self:
        """Read m records.

        Raises
        ------
        CodecError
            If a record is of another codec version or its length does not fit.

        """
        data, at = joined(records)
        length = np.diff(at)
        header = headers(data, at[:-1], length, _HEADERS)
        size = header["size"].astype(np.int64)
        wrong = (header["codec"] != CODEC) | (size > RING) | (length != HEADER + 8 * size)
        if wrong.any():
            raise CodecError(f"feedback {np.flatnonzero(wrong)[0]} is no record of codec {CODEC}")
        columns = empty_feedback(len(records))._replace(size=size)
        for name in ("item", "time", "kind", "liked", "earlier", "before_liked"):
            getattr(columns, name)[:] = header[name]
        _read(data, at, size, columns.before.view(np.uint8))
        return cls(columns)

    def pack(self) -> list[bytes]:
        """Write m records: 32 bytes + 8 per predecessor."""
        columns = self.columns
        at = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(HEADER + 8 * columns.size, out=at[1:])
        data = np.empty(at[-1], dtype=np.uint8)
        header = np.empty(len(self), dtype=_HEADERS)
        header["codec"] = CODEC
        for name in ("item", "time", "kind", "liked", "size", "earlier", "before_liked"):
            header[name] = getattr(columns, name)
        data[at[:-1, None] + np.arange(HEADER)] = header.view(np.uint8).reshape(-1, HEADER)
        _write(data, at, columns.size, columns.before.view(np.uint8))
        return split(data, at)

    @property
    def item(self) -> Hashes:
        """Hashes of the items that the records are for: uint64[m]."""
        return self.columns.item

    def __len__(self) -> int:
        return len(self.columns.item)
