"""The user hop's fold: events into rings, sets and fast weights, one feedback record per event."""

from typing import NamedTuple

import numpy as np

from models.arrays import Float32s, Int64s
from models.compiled import column, helper, kernel
from models.event_columns import EVENTS, EventColumns
from models.fast_weights import INPUTS, absorb, gap_of
from models.feedback import EXAMPLE as FEEDBACK
from models.feedback import FeedbackColumns
from models.limits import HAD
from models.net import Inputs
from models.packing import copy_cells
from models.places import EXAMPLE as PLACES
from models.places import Places, place_of
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns, copy_user, fold_event


class Plan(NamedTuple):
    """What a fold needs to be told before it can begin."""

    stale: int  # events whose users have fast weights of another version
    strange: int  # events on items that have no place


@kernel(USERS, EVENTS, np.uint64(0), PLACES, column(np.int64), column(np.int64))
def plan(
    users: UserColumns,
    events: EventColumns,
    version: np.uint64,
    places: Places,
    start: Int64s,
    row: Int64s,
) -> Plan:
    """Fill in where the sets of the users' copies begin, and the items' places.

    start: [n + 1], with room for the events. row: [events], -1 for no place; without places it is
    left as it is.
    """
    start[:] = 0
    stale = strange = 0
    for user in events.user:
        start[user + 1] += 1
        stale += (users.version[user] != version) & (users.ring_size[user] > 0)
    for user in range(len(users.events)):
        start[user + 1] = start[user] + min(users.had_size[user] + start[user + 1], HAD)
    if len(places.key) > 0:
        for record in range(len(row)):
            row[record] = place_of(places, events.item[record])
            strange += row[record] < 0
    return Plan(stale, strange)


@helper
def _gather(enter: Float32s, row: Int64s) -> Float32s:
    """Copy rows of a table: all at once, since the processor then waits for many at a time."""
    width = enter.shape[1]
    gathered = np.empty((len(row), width), dtype=np.float32)
    for record in range(len(row)):
        copy_cells(enter[row[record]], gathered[record], width)
    return gathered


@helper
def _record(
    users: UserColumns, user: int, events: EventColumns, feedback: FeedbackColumns, record: int
) -> None:
    """Fill in a record of what the user had before the event."""
    size = users.ring_size[user]
    liked = np.uint64(0)
    for age in range(size):
        place = size - 1 - age
        feedback.before[record, age] = users.ring_item[user, place]
        liked |= np.uint64(users.ring_liked[user, place]) << np.uint64(age)
    feedback.size[record] = size
    feedback.before_liked[record] = liked
    feedback.earlier[record] = users.events[user]
    feedback.item[record] = events.item[record]
    feedback.time[record] = events.time[record]
    feedback.kind[record] = events.kind[record]
    feedback.liked[record] = events.liked[record]


@kernel(
    USERS, USERS, EVENTS, np.uint64(0), FEEDBACK,
    INPUTS, column(np.float32, 2), column(np.int64),
)  # fmt: skip
def fold(
    source: UserColumns,
    users: UserColumns,
    events: EventColumns,
    version: np.uint64,
    feedback: FeedbackColumns,
    inputs: Inputs,
    enter: Float32s,
    row: Int64s,
) -> None:
    """Make the users those of the source with the events folded in; fill one record for each.

    version: of users with events. enter: what items enter fast weights by, that of event i in
    row[i]; not read without a net.
    """
    net = len(inputs.decay) > 0
    entering = _gather(enter, row) if net else enter
    for user in range(len(source.events)):
        copy_user(source, users, user)
    for record in range(len(events.item)):
        user, time = events.user[record], events.time[record]
        kind, value = events.kind[record], events.value[record]
        _record(users, user, events, feedback, record)
        if net:
            size, gap = users.ring_size[user], 0
            if size > 0:
                gap = gap_of(time - users.ring_time[user, size - 1])
            absorb(inputs, users.fast[user], entering[record], kind, value, gap)
        users.version[user] = version
        fold_event(users, user, events.item[record], time, value, kind, events.liked[record])
