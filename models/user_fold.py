"""The user hop's fold: events into rings, sets and fast weights, one feedback record per event."""

import numpy as np

from models.arrays import Float32s, Int64s
from models.compiled import column, kernel
from models.event_columns import EVENTS, EventColumns
from models.fast_weights import INPUTS, absorb, gap_of
from models.feedback import EXAMPLE as FEEDBACK
from models.feedback import FeedbackColumns
from models.limits import HAD
from models.net import Inputs
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns, copy_user, fold_event


@kernel(USERS, EVENTS, np.uint64(0), column(np.int64))
def plan(users: UserColumns, events: EventColumns, version: np.uint64, start: Int64s) -> int:
    """Fill in where the sets of the users' copies begin, with room for the events: [n + 1].

    Returns how many events' users have fast weights of another version than this.
    """
    start[:] = 0
    stale = 0
    for user in events.user:
        start[user + 1] += 1
        stale += (users.version[user] != version) & (users.ring_size[user] > 0)
    for user in range(len(users.events)):
        start[user + 1] = start[user] + min(users.had_size[user] + start[user + 1], HAD)
    return stale


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
    row[i]; [0, 0] without a net.
    """
    for user in range(len(source.events)):
        copy_user(source, users, user)
    for record in range(len(events.item)):
        user = events.user[record]
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
        kind, value = events.kind[record], events.value[record]
        if len(inputs.decay) > 0:
            gap = 0
            if size > 0:
                gap = gap_of(events.time[record] - users.ring_time[user, size - 1])
            absorb(inputs, users.fast[user], enter[row[record]], kind, value, gap)
        users.version[user] = version
        fold_event(
            users,
            user,
            events.item[record],
            events.time[record],
            value,
            kind,
            events.liked[record],
        )
