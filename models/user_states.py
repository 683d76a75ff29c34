"""Rows of users: a ring of the last events, the set of items had and fast weights, as bytes.

A row is, little endian: codec u8, ring size u8, set size u16, number of fast weights u16, the
version of the model that adapted it (8 bytes), events in all u32, then the ring's columns, oldest
event first (item u64, time i64 ms, value f32, kind u8, liked u8), then the set: the upper 32 bits
of each item's hash, in order of arrival, then the fast weights f32. All but the fast weights is
model-free, and another version makes its own of the ring.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np

from models.arrays import Bytes, Int64s
from models.compiled import column, kernel
from models.errors import CodecError
from models.limits import HAD, RING
from models.packing import copy_cells, headers, joined, split
from models.user_columns import EXAMPLE, UserColumns, copy_user, empty_columns, room_for

CODEC: Final = 2
HEADER: Final = 18
EVENT: Final = 22
"""Bytes of one event of the ring."""


@kernel(EXAMPLE, EXAMPLE)
def _copy(source: UserColumns, target: UserColumns) -> None:
    """Copy what the rows hold; target has at least as much room."""
    for user in range(len(source.events)):
        copy_user(source, target, user)


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
    fast: Bytes


def _raw(columns: UserColumns) -> _Raw:
    return _Raw(
        columns.ring_item.view(np.uint8),
        columns.ring_time.view(np.uint8),
        columns.ring_value.view(np.uint8),
        columns.ring_kind,
        columns.ring_liked,
        columns.had.view(np.uint8),
        columns.fast.view(np.uint8),
    )


@kernel(_BYTES, _OFFSETS, EXAMPLE, _raw(EXAMPLE))
def _read(data: Bytes, at: Int64s, users: UserColumns, raw: _Raw) -> None:
    """Fill the columns from rows whose headers were checked; row i begins at at[i].

    Fast weights are read of users with a version.
    """
    for user in range(len(users.events)):
        if at[user] == at[user + 1]:
            continue
        place = at[user] + HEADER
        size = users.ring_size[user]
        for width, target in ((8, raw.ring_item), (8, raw.ring_time), (4, raw.ring_value)):
            copy_cells(data[place:], target[user], width * size)
            place += width * size
        for target in (raw.ring_kind, raw.ring_liked):
            copy_cells(data[place:], target[user], size)
            place += size
        start, had = 4 * users.had_start[user], 4 * users.had_size[user]
        copy_cells(data[place:], raw.had[start:], had)
        if users.version[user] != np.uint64(0):
            copy_cells(data[place + had :], raw.fast[user], raw.fast.shape[1])


@kernel(_BYTES, _OFFSETS, EXAMPLE, _raw(EXAMPLE))
def _write(data: Bytes, at: Int64s, users: UserColumns, raw: _Raw) -> None:
    """Write the columns behind the rows' headers."""
    for user in range(len(users.events)):
        place = at[user] + HEADER
        size = users.ring_size[user]
        for width, source in ((8, raw.ring_item), (8, raw.ring_time), (4, raw.ring_value)):
            copy_cells(source[user], data[place:], width * size)
            place += width * size
        for source in (raw.ring_kind, raw.ring_liked):
            copy_cells(source[user], data[place:], size)
            place += size
        start, had = 4 * users.had_start[user], 4 * users.had_size[user]
        copy_cells(raw.had[start:], data[place:], had)
        if users.version[user] != np.uint64(0):
            copy_cells(raw.fast[user], data[place + had :], raw.fast.shape[1])


_HEADERS: Final = np.dtype(
    [
        ("codec", "u1"),
        ("ring", "u1"),
        ("had", "<u2"),
        ("fast", "<u2"),
        ("version", "<u8"),
        ("events", "<u4"),
    ]
)


@dataclass(frozen=True, slots=True)
class UserStates:
    """The states of n users. Learners never change them in place: `adapt` gives new ones.

    profiles: what is known of each beside events, attributes by name, for a learner that reads it;
    none at all where nobody's is known. Rows do not hold them.
    """

    columns: UserColumns
    profiles: tuple[Mapping[str, Any] | None, ...] = ()

    @classmethod
    def initial(cls, n: int, width: int = 0) -> Self:
        """States of n users of whom nothing is known, with room for `width` fast weights."""
        return cls(empty_columns(np.zeros(n, dtype=np.int64), width))

    @classmethod
    def unpack(cls, rows: Sequence[bytes | None], width: int = 0) -> Self:
        """Read n rows; None or empty bytes is a new user.

        Fast weights of another number than `width` are left out, and so is their version.

        Raises
        ------
        CodecError
            If a row is of another codec version or its length does not fit what it says it holds.

        """
        data, at = joined(rows)
        length = np.diff(at)
        filled = np.flatnonzero(length)
        header = headers(data, at[filled], length[filled], _HEADERS)
        ring, had = header["ring"].astype(np.int64), header["had"].astype(np.int64)
        fast = header["fast"].astype(np.int64)
        wrong = (
            (header["codec"] != CODEC)
            | (length[filled] != HEADER + EVENT * ring + 4 * (had + fast))
            | (ring > RING)
            | (had > HAD)
        )
        if wrong.any():
            raise CodecError(f"user row {filled[wrong][0]} is no row of codec {CODEC}")
        room = np.zeros(len(rows), dtype=np.int64)
        room[filled] = had
        columns = empty_columns(room, width)
        columns.version[filled] = np.where(fast == width, header["version"], 0)
        columns.events[filled] = header["events"]
        columns.ring_size[filled] = ring
        columns.had_size[filled] = had
        _read(data, at, columns, _raw(columns))
        return cls(columns)

    def pack(self) -> list[bytes]:
        """Write n rows: 18 bytes + 22 per event of the ring + 4 per item had and fast weight."""
        users = self.columns
        header = np.empty(len(self), dtype=_HEADERS)
        header["codec"] = CODEC
        header["ring"] = users.ring_size
        header["had"] = users.had_size
        header["fast"] = np.where(users.version != 0, self.width, 0)
        header["version"] = users.version
        header["events"] = users.events
        length = HEADER + EVENT * header["ring"].astype(np.int64)
        length += 4 * (header["had"].astype(np.int64) + header["fast"])
        at = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(length, out=at[1:])
        data = np.empty(at[-1], dtype=np.uint8)
        data[at[:-1, None] + np.arange(HEADER)] = header.view(np.uint8).reshape(-1, HEADER)
        _write(data, at, users, _raw(users))
        return split(data, at)

    def with_room(self, more: Int64s) -> Self:
        """A copy with room for more[i] further items in the i-th set."""
        copy = room_for(self.columns, more)
        _copy(self.columns, copy)
        return type(self)(copy, self.profiles)

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
            ),
            tuple(self.profiles[user] for user in users) if self.profiles else (),
        )

    @property
    def width(self) -> int:
        """How many fast weights each user has room for."""
        return int(self.columns.fast.shape[1])

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
            "fast": users.fast[index].tolist(),
        }

    def __len__(self) -> int:
        return len(self.columns.events)
