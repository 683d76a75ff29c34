"""The user hop's fold: events into rings and sets, one feedback record per event."""

from typing import NamedTuple

import numpy as np

from models.arrays import Bytes, Float32s, Hashes, Int64s
from models.compiled import column, kernel
from models.events import EventBatch
from models.feedback import EXAMPLE as FEEDBACK
from models.feedback import Feedback, FeedbackColumns, empty_feedback
from models.user_states import EXAMPLE as USERS
from models.user_states import UserColumns, UserStates, fold_event


class EventColumns(NamedTuple):
    """An EventBatch in the form in which kernels take it."""

    user: Int64s
    item: Hashes
    kind: Bytes
    value: Float32s
    time: Int64s
    liked: Bytes


EVENTS = EventColumns(
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


@kernel(USERS, EVENTS, FEEDBACK)
def _fold(users: UserColumns, events: EventColumns, feedback: FeedbackColumns) -> None:
    """Fold the events into the users in place and fill one record for each."""
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
        fold_event(
            users,
            user,
            events.item[record],
            events.time[record],
            events.value[record],
            events.kind[record],
            events.liked[record],
        )


def fold_users(states: UserStates, events: EventBatch, version: int) -> tuple[UserStates, Feedback]:
    """Fold events into copies of the states and mark those users as adapted by `version`."""
    columns = event_columns(events)
    after = states.with_room(np.bincount(columns.user, minlength=len(states)))
    feedback = empty_feedback(len(events))
    _fold(after.columns, columns, feedback)
    after.columns.version[columns.user] = version
    return after, Feedback(feedback)
