"""The user hop as a pure fold: (rows, arrivals) to (rows, feedback, who gets a list)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agents.records import Internal, Kind, Place
from agents.rows import EVENT_IDS_KEPT, Stamp, UserRow
from agents.served import Served
from models.catalogue import Catalogue
from models.events import EventBatch, type_code
from models.hashing import item_hash, item_hashes
from models.user_states import UserStates
from stream.rules import Rules
from stream.schemas import Event

PROFILE_LIMIT: Final = 8192  # bytes of a stored profile


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record for a user's row: an event or a profile.

    `origin` is where its publisher wrote it, `read` where adapt-user found it (they differ for a
    forwarded record), `index` its place in the run.
    """

    user_id: str
    origin: Place
    read: Place
    index: int
    event: Event | None = None
    profile: bytes | None = None
    wants_list: bool = True


@dataclass(slots=True)
class ListOrder:
    """Who gets a list, because of which event of the run (None: a profile)."""

    user_id: str
    event: Event | None


@dataclass(slots=True)
class UserFold:
    """What a run of arrivals made of its users' rows.

    `before` holds the states that the run found, `events` the events that changed them (indices
    into `users`), so that the gate may learn from them, and `taught` their arrivals.
    """

    users: list[str]
    rows: list[UserRow]
    before: UserStates
    after: UserStates
    events: EventBatch
    taught: list[Arrival]
    feedback: list[tuple[str, bytes]] = field(default_factory=list)
    orders: dict[int, ListOrder] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    redelivered: int = 0


def fold_users(
    learner: Served,
    rules: Rules,
    catalogue: Catalogue,
    rows: Mapping[str, bytes | None],
    arrivals: Sequence[Arrival],
) -> UserFold:
    """Fold a run of arrivals into its users' rows.

    Of the catalogue the learner reads no more than what its version and the items' announcements
    fix: their vectors.

    A record at or below its row's offset for its source changes nothing; its row and its list are
    sent again. Its feedback is not: a row that was applied implies durable feedback.

    Raises
    ------
    CodecError
        If a row's bytes cannot be read.

    """
    users = list(rows)
    place_of = {user: place for place, user in enumerate(users)}
    unpacked = [UserRow.unpack(rows[user]) for user in users]
    before = learner.unpack_users([row.payload for row in unpacked])
    fresh: list[tuple[int, Arrival]] = []
    orders: dict[int, ListOrder] = {}
    applied: list[str] = []
    redelivered = 0
    for arrival in arrivals:
        user = place_of[arrival.user_id]
        row = unpacked[user]
        if arrival.event is None:
            _apply_profile(row, arrival)
            if arrival.wants_list:
                orders[user] = ListOrder(arrival.user_id, None)
            continue
        verdict = _admit(row, arrival.origin, arrival.event)
        redelivered += verdict is _REDELIVERED
        if verdict is _NEW:
            applied.append(arrival.event.type)
            if _teaches(arrival.event):
                fresh.append((user, arrival))
        if arrival.wants_list and arrival.event.type != "impression":
            orders[user] = ListOrder(arrival.user_id, arrival.event)
    events = _batch(rules, fresh)
    after, feedback = learner.adapt(before, events, catalogue)
    payloads = after.pack()
    for user, _ in fresh:  # the others' stay, also those of another version
        unpacked[user].payload = payloads[user]
    packed = [
        (arrival.event.item_id, Internal(Kind.ADAPTATION, arrival.read, body).pack())
        for (_, arrival), body in zip(fresh, feedback.pack(), strict=True)
        if arrival.event is not None and arrival.event.item_id is not None
    ]
    taught = [arrival for _, arrival in fresh]
    return UserFold(
        users, unpacked, before, after, events, taught, packed, orders, applied, redelivered
    )


_NEW: Final = object()
_REPEATED: Final = object()
_REDELIVERED: Final = object()


def _admit(row: UserRow, origin: Place, event: Event) -> object:
    """Move the row's offset, source and event ids; tell whether the event is to be learned."""
    if origin.offset <= row.offsets.get(origin.partition, -1):
        return _REDELIVERED
    row.offsets[origin.partition] = origin.offset
    if event.type == "impression":
        return _NEW
    row.source = origin
    if event.event_id is None:
        return _NEW
    event_id = item_hash(event.event_id)
    if event_id in row.event_ids:
        return _REPEATED
    row.event_ids = (*row.event_ids, event_id)[-EVENT_IDS_KEPT:]
    return _NEW


def _apply_profile(row: UserRow, arrival: Arrival) -> None:
    """Keep the profile with the largest stamp; a profile that is older than it changes nothing."""
    origin = arrival.origin
    stamp = Stamp(origin.broker_ms, origin.partition, origin.offset)
    if stamp <= row.profile_stamp:
        return
    row.profile_stamp = stamp
    row.profile = arrival.profile or b""
    row.source = origin


def _teaches(event: Event) -> bool:
    """Whether the event enters ring, set and feedback: it names an item and is no mere display."""
    return event.item_id is not None and event.type not in ("impression", "search")


def _batch(rules: Rules, fresh: Sequence[tuple[int, Arrival]]) -> EventBatch:
    events = [arrival.event for _, arrival in fresh if arrival.event is not None]
    return EventBatch.of(
        user=[user for user, _ in fresh],
        item=item_hashes([event.item_id or "" for event in events]),
        kind=[type_code(event.type) for event in events],
        value=[event.value for event in events],
        time=[event.timestamp_ms for event in events],
        positive=[rules.positive(event) for event in events],
    )
