"""Fast weights: events folded into them one by one, or all of a ring's at once (see models.net)."""

from typing import Final

import numpy as np

from models.arrays import Float32s, Hashes, Int64s
from models.compiled import column, helper, kernel
from models.event_columns import EVENTS, EventColumns
from models.limits import RING
from models.net import HISTORY, Inputs, no_inputs
from models.taste import RATE, add_rating
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns

INPUTS: Final = no_inputs()
_TABLE: Final = column(np.float32, 2)
_LAST_GAP: Final = 11


@helper
def _value_row(inputs: Inputs, kind: int, value: np.float32) -> int:
    """The row of the value tables for an event."""
    first = int(inputs.kind_first[kind])
    edges = inputs.kind_edges[kind]
    if first == 0 or np.isnan(value) or np.isinf(edges[0]):
        return first
    row = first + 1
    for edge in edges:
        row += edge < value
    return row


@helper
def gap_of(milliseconds: int) -> int:
    """The row of the gaps for a time since the user's event before."""
    seconds = max(milliseconds, 0) / 1000.0
    return min(_LAST_GAP, 1 + int(np.log2(1.0 + seconds) / 2.0))


@helper
def absorb(
    inputs: Inputs, fast: Float32s, enter: Float32s, kind: int, value: np.float32, gap: int
) -> None:
    """Fold one event on an item that enters by `enter` into a user's fast weights, in place.

    `enter` is used up: the input is made in its place.
    """
    size = inputs.scale.shape[1]
    row = _value_row(inputs, kind, value)
    scale, shift, since = inputs.scale[row], inputs.shift[row], inputs.gap[gap]
    for place in range(size):
        enter[place] = enter[place] * scale[place] + shift[place] + since[place]
    for q in range(len(inputs.decay)):
        decay, gain = inputs.decay[q], inputs.gain[q]
        part = fast[q * size : (q + 1) * size]
        for place in range(size):
            part[place] = decay * part[place] + gain * enter[place]
    if kind == RATE and len(enter) > size and not np.isnan(value):
        least, most = inputs.value_range
        sums = fast[len(inputs.decay) * size :]
        add_rating(sums, enter[size:], min(max(value, least), most))


@kernel(INPUTS, USERS, column(np.int64), _TABLE, _TABLE)
def rebuild(
    inputs: Inputs, users: UserColumns, chosen: Int64s, enter: Float32s, fast: Float32s
) -> None:
    """Make the chosen users' fast weights anew: of all their rings' events, which enter in turn."""
    event = 0
    for user in chosen:
        fast[user] = 0
        for place in range(users.ring_size[user]):
            gap = 0
            if place > 0:
                gap = gap_of(users.ring_time[user, place] - users.ring_time[user, place - 1])
            kind, value = users.ring_kind[user, place], users.ring_value[user, place]
            absorb(inputs, fast[user], enter[event], kind, value, gap)
            event += 1


@kernel(INPUTS, USERS, EVENTS, column(np.int64), _TABLE, _TABLE, _TABLE)
def trace(
    inputs: Inputs,
    users: UserColumns,
    events: EventColumns,
    row: Int64s,
    enter: Float32s,
    fast: Float32s,
    read: Float32s,
) -> None:
    """Fold all events into the fast weights in place; what the read-out takes before some of them.

    read[row[i]] is for event i, if row[i] >= 0.
    """
    seen, ring = users.events.copy(), users.ring_size.copy()
    last = np.zeros(len(seen), dtype=np.int64)
    for user in range(len(seen)):
        if ring[user] > 0:
            last[user] = users.ring_time[user, ring[user] - 1]
    for event in range(len(events.item)):
        user = events.user[event]
        if row[event] >= 0:
            read[row[event], :-1] = fast[user]
            read[row[event], -1] = HISTORY * np.log1p(seen[user])
        gap = gap_of(events.time[event] - last[user]) if ring[user] > 0 else 0
        absorb(inputs, fast[user], enter[event], events.kind[event], events.value[event], gap)
        seen[user] += 1
        ring[user] = 1
        last[user] = events.time[event]


def ring_items(users: UserColumns, chosen: Int64s) -> Hashes:
    """The items of the chosen users' rings, one user's after the other's."""
    held = np.arange(RING) < users.ring_size[chosen, None]
    items: Hashes = users.ring_item[chosen][held]
    return items
