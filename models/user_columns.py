"""Rows of users as columns, and the fold of one event into ring and set."""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Bytes, Float32s, Hashes, Int32s, Int64s, Words
from models.compiled import helper
from models.limits import HAD, RING
from models.packing import copy_cells


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
    fast: Float32s  # [n, K * d], as the version's net has it; zero for other users


def empty_columns(room: Int64s, width: int) -> UserColumns:
    """Columns for new users with `width` fast weights, the i-th with room for room[i] items had."""
    start = np.zeros(len(room) + 1, dtype=np.int64)
    np.cumsum(room, out=start[1:])
    columns = unfilled_columns(start, width)
    for filled in (columns.version, columns.events, columns.ring_size, columns.had_size):
        filled[:] = 0
    columns.fast[:] = 0
    return columns


def unfilled_columns(start: Int64s, width: int) -> UserColumns:
    """Columns to be filled; the i-th user's set begins at start[i] and has room up to the next."""
    n = len(start) - 1
    return UserColumns(
        version=np.empty(n, dtype=np.uint64),
        events=np.empty(n, dtype=np.int64),
        ring_size=np.empty(n, dtype=np.int32),
        ring_item=np.empty((n, RING), dtype=np.uint64),
        ring_time=np.empty((n, RING), dtype=np.int64),
        ring_value=np.empty((n, RING), dtype=np.float32),
        ring_kind=np.empty((n, RING), dtype=np.uint8),
        ring_liked=np.empty((n, RING), dtype=np.uint8),
        had_start=start,
        had_size=np.empty(n, dtype=np.int32),
        had=np.empty(start[-1], dtype=np.uint32),
        fast=np.empty((n, width), dtype=np.float32),
    )


EXAMPLE: Final = empty_columns(np.zeros(0, dtype=np.int64), 0)


def room_for(users: UserColumns, more: Int64s) -> UserColumns:
    """Columns for a copy of the users with room for more[i] further items in the i-th set."""
    return empty_columns(np.minimum(users.had_size + more, HAD), users.fast.shape[1])


@helper
def copy_user(source: UserColumns, target: UserColumns, user: int) -> None:
    """Copy what a row holds; target has at least as much room."""
    target.version[user] = source.version[user]
    target.events[user] = source.events[user]
    size = source.ring_size[user]
    target.ring_size[user] = size
    copy_cells(source.ring_item[user], target.ring_item[user], size)
    copy_cells(source.ring_time[user], target.ring_time[user], size)
    copy_cells(source.ring_value[user], target.ring_value[user], size)
    copy_cells(source.ring_kind[user], target.ring_kind[user], size)
    copy_cells(source.ring_liked[user], target.ring_liked[user], size)
    had = source.had_size[user]
    target.had_size[user] = had
    copy_cells(source.had[source.had_start[user] :], target.had[target.had_start[user] :], had)
    copy_cells(source.fast[user], target.fast[user], source.fast.shape[1])


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
