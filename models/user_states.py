"""Rows of users: a ring of the last events and the set of items had, as columns and as bytes.

A row is, little endian: codec u8, ring size u8, set size u16, the version of the model that adapted
it (8 bytes), events in all u32, then the ring's columns, oldest event first (item u64, time i64 ms,
value f32, kind u8, liked u8), then the set: the upper 32 bits of each item's hash, in order of
arrival. It is model-free: a model's fast weights are derived from the ring.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from models.arrays import Bytes, Float32s, Hashes, Int32s, Int64s, Words
from models.compiled import column, helper, kernel
from models.errors import CodecError
from models.limits import HAD, RING
from models.packing import headers, joined, split

CODEC: Final = 1
HEADER: Final = 16
EVENT: Final = 22
"""Bytes of one event of the ring."""


class UserColumns(NamedTuple):
    """n users; a ring's oldest event is in column 0; `had` holds the sets one after the other."""

    version: Hashes  # [n]
    events: Int64s  # [n], in all
    ring_size: Int32s  # [n]
    ring_item: Hashes  # [n, RING]
    ring_time: Int64s  # [n, RING]
    ring_value: Float32s  # [n, RING]
    ring_kind: Bytes  # [n, RING]
    ring_liked: Bytes  # [n, RING]
    had_start: Int64s  # [n + 1]
    had_size: Int32s  # [n]
    had: Words  # [had_start[n]]


def empty_columns(room: Int64s) -> UserColumns:
    """Columns for new users, the i-th with room for room[i] items had."""
    n = len(room)
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(room, out=start[1:])
    return UserColumns(
        version=np.zeros(n, dtype=np.uint64),
        events=np.zeros(n, dtype=np.int64),
        ring_size=np.zeros(n, dtype=np.int32),
        ring_item=np.empty((n, RING), dtype=np.uint64),
        ring_time=np.empty((n, RING), dtype=np.int64),
        ring_value=np.empty((n, RING), dtype=np.float32),
        ring_kind=np.empty((n, RING), dtype=np.uint8),
        ring_liked=np.empty((n, RING), dtype=np.uint8),
        had_start=start,
        had_size=np.zeros(n, dtype=np.int32),
        had=np.empty(start[-1], dtype=np.uint32),
    )


EXAMPLE: Final = empty_columns(np.zeros(0, dtype=np.int64))


@helper
def fingerprint(item: np.uint64) -> np.uint32:
    """The part of an item's hash that the set of items had keeps."""
    return np.uint32(item >> np.uint64(32))


@helper
def has_had(users: UserColumns, user: int, item: np.uint64) -> bool:
    """Whether the user has had the item (false for one in 4 billion / items had others)."""
    mark = fingerprint(item)
    start = users.had_start[user]
    found = np.uint32(0)
    # To the end in any case: without a way out the loop is vectorised, some 0.1 ns per item.
    for place in range(start, start + users.had_size[user]):
        found |= np.uint32(users.had[place] == mark)
    return bool(found != 0)


@helper
def fold_event(
    users: UserColumns,
    user: int,
    item: np.uint64,
    time: int,
    value: np.float32,
    kind: np.uint8,
    liked: np.uint8,
) -> None:
    """Put one event into a user's ring and set, in place. The set's room must suffice."""
    size = users.ring_size[user]
    if size == RING:
        for place in range(RING - 1):
            users.ring_item[user, place] = users.ring_item[user, place + 1]
            users.ring_time[user, place] = users.ring_time[user, place + 1]
            users.ring_value[user, place] = users.ring_value[user, place + 1]
            users.ring_kind[user, place] = users.ring_kind[user, place + 1]
            users.ring_liked[user, place] = users.ring_liked[user, place + 1]
        size = RING - 1
    users.ring_item[user, size] = item
    users.ring_time[user, size] = time
    users.ring_value[user, size] = value
    users.ring_kind[user, size] = kind
    users.ring_liked[user, size] = liked
    users.ring_size[user] = size + 1
    users.events[user] += 1
    if not has_had(users, user, item):
        start, had = users.had_start[user], users.had_size[user]
        if had == HAD:
            for place in range(start, start + HAD - 1):
                users.had[place] = users.had[place + 1]
            had = HAD - 1
        users.had[start + had] = fingerprint(item)
        users.had_size[user] = had + 1


@kernel(EXAMPLE, EXAMPLE)
def _copy(source: UserColumns, target: UserColumns) -> None:
    """Copy what the rows hold; target has at least as much room."""
    for user in range(len(source.events)):
        target.version[user] = source.version[user]
        target.events[user] = source.events[user]
        size = source.ring_size[user]
        target.ring_size[user] = size
        target.ring_item[user, :size] = source.ring_item[user, :size]
        target.ring_time[user, :size] = source.ring_time[user, :size]
        target.ring_value[user, :size] = source.ring_value[user, :size]
        target.ring_kind[user, :size] = source.ring_kind[user, :size]
        target.ring_liked[user, :size] = source.ring_liked[user, :size]
        had = source.had_size[user]
        target.had_size[user] = had
        a, b = source.had_start[user], target.had_start[user]
        target.had[b : b + had] = source.had[a : a + had]


_BYTES: Final = column(np.uint8)
_OFFSETS: Final = column(np.int64)


class _Raw(NamedTuple):
    """The bytes of the columns: uint8 views, one row per user."""

    ring_item: Bytes
    ring_time: Bytes
    ring_value: Bytes
    ring_kind: Bytes
    ring_liked: Bytes
    had: Bytes


def _raw(columns: UserColumns) -> _Raw:
    return _Raw(
        columns.ring_item.view(np.uint8),
        columns.ring_time.view(np.uint8),
        columns.ring_value.view(np.uint8),
        columns.ring_kind,
        columns.ring_liked,
        columns.had.view(np.uint8),
    )


@kernel(_BYTES, _OFFSETS, EXAMPLE, _raw(EXAMPLE))
def _read(data: Bytes, at: Int64s, users: UserColumns, raw: _Raw) -> None:
    """Fill the columns from rows whose headers were checked; at[i] is where row i ends before."""
    for user in range(len(users.events)):
        if at[user] == at[user + 1]:
            continue
        place = at[user] + HEADER
        size = users.ring_size[user]
        for width, target in ((8, raw.ring_item), (8, raw.ring_time), (4, raw.ring_value)):
            target[user, : width * size] = data[place : place + width * size]
            place += width * size
        for target in (raw.ring_kind, raw.ring_liked):
            target[user, :size] = data[place : place + size]
            place += size
        start, had = 4 * users.had_start[user], 4 * users.had_size[user]
        raw.had[start : start + had] = data[place : place + had]


@kernel(_BYTES, _OFFSETS, EXAMPLE, _raw(EXAMPLE))
def _write(data: Bytes, at: Int64s, users: UserColumns, raw: _Raw) -> None:
    """Write the columns behind the rows' headers."""
    for user in range(len(users.events)):
        place = at[user] + HEADER
        size = users.ring_size[user]
        for width, source in ((8, raw.ring_item), (8, raw.ring_time), (4, raw.ring_value)):
            data[place : place + width * size] = source[user, : width * size]
            place += width * size
        for source in (raw.ring_kind, raw.ring_liked):
            data[place : place + size] = source[user, :size]
            place += size
        start, had = 4 * users.had_start[user], 4 * users.had_size[user]
        data[place : place + had] = raw.had[start : start + had]


_HEADERS: Final = np.dtype(
    [("codec", "u1"), ("ring", "u1"), ("had", "<u2"), ("version", "<u8"), ("events", "<u4")]
)


@dataclass(frozen=True, slots=True)
class UserStates:
    """The states of n users. Learners never change them in place: `adapt` gives new ones."""

    columns: UserColumns

    @classmethod
    def initial(cls, n: int) -> Self:
        """States of n users of whom nothing is known."""
        return cls(empty_columns(np.zeros(n, dtype=np.int64)))

    @classmethod
    def unpack(cls, rows: Sequence[bytes | None]) -> Self:
        """Read n rows; None or empty bytes is a new user.

        Raises
        ------
        CodecError
            If a row is of another codec version or its length does not fit what it says it holds.

        """
        data, at = joined(rows)
        filled = np.flatnonzero(np.diff(at))
        header = headers(data, at[filled], np.diff(at)[filled], _HEADERS)
        ring, had = header["ring"].astype(np.int64), header["had"].astype(np.int64)
        wrong = (
            (header["codec"] != CODEC)
            | (np.diff(at)[filled] != HEADER + EVENT * ring + 4 * had)
            | (ring > RING)
            | (had > HAD)
        )
        if wrong.any():
            raise CodecError(f"user row {filled[wrong][0]} is no row of codec {CODEC}")
        room = np.zeros(len(rows), dtype=np.int64)
        room[filled] = header["had"]
        columns = empty_columns(room)
        columns.version[filled] = header["version"]
        columns.events[filled] = header["events"]
        columns.ring_size[filled] = header["ring"]
        columns.had_size[filled] = header["had"]
        _read(data, at, columns, _raw(columns))
        return cls(columns)

    def pack(self) -> list[bytes]:
        """Write n rows: 16 bytes + 22 per event of the ring + 4 per item had."""
        users = self.columns
        at = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(
            HEADER + EVENT * users.ring_size.astype(np.int64) + 4 * users.had_size, out=at[1:]
        )
        data = np.empty(at[-1], dtype=np.uint8)
        header = np.empty(len(self), dtype=_HEADERS)
        header["codec"] = CODEC
        header["ring"] = users.ring_size
        header["had"] = users.had_size
        header["version"] = users.version
        header["events"] = users.events
        data[at[:-1, None] + np.arange(HEADER)] = header.view(np.uint8).reshape(-1, HEADER)
        _write(data, at, users, _raw(users))
        return split(data, at)

    def with_room(self, more: Int64s) -> Self:
        """A copy with room for more[i] further items in the i-th set."""
        copy = empty_columns(np.minimum(self.columns.had_size + more, HAD))
        _copy(self.columns, copy)
        return type(self)(copy)

    def take(self, users: Sequence[int]) -> Self:
        """The states of some users, in the order given; their sets are shared, not copied."""
        all_users, chosen = self.columns, np.asarray(users, dtype=np.int64)
        return type(self)(
            all_users._replace(
                had_start=np.append(all_users.had_start[chosen], all_users.had_start[-1]),
                **{
                    name: getattr(all_users, name)[chosen]
                    for name in UserColumns._fields
                    if name not in {"had_start", "had"}
                },
            )
        )

    @property
    def count(self) -> Int64s:
        """How many events each user has had in all: int64[n]."""
        return self.columns.events

    def facts(self, index: int) -> dict[str, object]:
        """What row `index` holds, as plain values that compare equal when rows do."""
        users = self.columns
        size, start = users.ring_size[index], users.had_start[index]
        return {
            "version": int(users.version[index]),
            "events": int(users.events[index]),
            "ring": [
                (
                    int(users.ring_item[index, place]),
                    int(users.ring_time[index, place]),
                    str(users.ring_value[index, place]),
                    int(users.ring_kind[index, place]),
                    bool(users.ring_liked[index, place]),
                )
                for place in range(size)
            ],
            "had": users.had[start : start + users.had_size[index]].tolist(),
        }

    def __len__(self) -> int:
        return len(self.columns.events)
