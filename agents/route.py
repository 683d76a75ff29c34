"""Where each record belongs: applied here, forwarded to its owner, or set aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from aiokafka.structs import ConsumerRecord

from agents.adapt_users import PROFILE_LIMIT, Arrival
from agents.announcements import pack_announcement
from agents.dead_letters import DeadLetter
from agents.records import Internal, Kind, Place, TopicCode
from stream.decode import decode_events, decode_items, decode_profiles
from stream.errors import CodecError
from stream.foreign import Headers, envelope
from stream.placement import Placement
from stream.rules import Rules
from stream.schemas import QUIET_HEADER, Rejected
from stream.topics import EVENT_BYTES

_VALUE = attrgetter("value")
_TIMESTAMP = attrgetter("timestamp")
_HEADERS = attrgetter("headers")


@dataclass(frozen=True, slots=True)
class Forward:
    """A record for its owner; `reason`: no-key, wrong-partition, profile or announcement.

    `headers` are those without which its value would not be understood.
    """

    partition: int
    key: bytes | None
    value: bytes
    reason: str
    headers: Headers = ()


@dataclass(slots=True)
class Sorted:
    """A run of records, each in one of three places."""

    arrivals: list[Arrival] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


def sort_events(
    records: Sequence[ConsumerRecord], partition: int, users: Placement, rules: Rules
) -> Sorted:
    """Sort a run of one partition of `events`; the user_id in the value decides, not the key."""
    out = Sorted()
    decoded = decode_events(
        list(map(_VALUE, records)), list(map(_TIMESTAMP, records)), rules, map(_HEADERS, records)
    )
    owners = users.partitions_of(
        [b"" if isinstance(event, Rejected) else event.user_id.encode() for event in decoded]
    )
    for index, (record, event, owner) in enumerate(zip(records, decoded, owners, strict=True)):
        if isinstance(event, Rejected):
            out.dead.append(DeadLetter.of(record, event.reason, event.error))
            continue
        headers = record.headers
        attached = envelope(headers) if headers else ()
        size = len(record.key or b"") + len(record.value)
        if attached:
            size += sum(len(value) for _, value in attached)
        if size > EVENT_BYTES:
            error = f"key and value take at most {EVENT_BYTES} bytes; got {size}"
            out.dead.append(DeadLetter.of(record, "size", error))
            continue
        place = _place(TopicCode.EVENTS, record)
        wants_list = not headers or QUIET_HEADER not in headers
        if owner == partition:
            out.arrivals.append(
                Arrival(event.user_id, place, place, index, event, wants_list=wants_list)
            )
        else:
            value = Internal(Kind.EVENT, place, record.value, wants_list).pack()
            reason = "no-key" if record.key is None else "wrong-partition"
            out.forwards.append(Forward(owner, record.key, value, reason, attached))
    return out


def sort_user_input(
    records: Sequence[ConsumerRecord], rules: Rules, topics: Mapping[TopicCode, str]
) -> Sorted:
    """Sort a run of one partition of `user-input`: events and profiles that were forwarded here."""
    out = Sorted()
    for index, record in enumerate(records):
        arrival = _forwarded(record, index, rules)
        if isinstance(arrival, Rejected):
            out.dead.append(DeadLetter.of_forwarded(record, topics, arrival.reason, arrival.error))
        else:
            out.arrivals.append(arrival)
    return out


def _forwarded(record: ConsumerRecord, index: int, rules: Rules) -> Arrival | Rejected:
    try:
        internal = Internal.unpack(record.value or b"")
    except CodecError as exc:
        return Rejected("schema", str(exc))
    origin = internal.place
    read = replace(_place(TopicCode.USER_INPUT, record), broker_ms=origin.broker_ms)
    if internal.kind is Kind.PROFILE:
        (profile,) = decode_profiles([internal.body])
        if isinstance(profile, Rejected):
            return profile
        return Arrival(profile.user_id, origin, read, index, profile=internal.body)
    (event,) = decode_events([internal.body], [origin.broker_ms], rules, [record.headers])
    if isinstance(event, Rejected):
        return event
    return Arrival(event.user_id, origin, read, index, event, wants_list=internal.wants_list)


def route_profiles(records: Sequence[ConsumerRecord], users: Placement) -> Sorted:
    """Send each record of `users` to the owner of its user."""
    out = Sorted()
    decoded = decode_profiles([record.value for record in records])
    for record, profile in zip(records, decoded, strict=True):
        if isinstance(profile, Rejected):
            out.dead.append(DeadLetter.of(record, profile.reason, profile.error))
            continue
        if len(record.value) > PROFILE_LIMIT:
            error = f"a profile takes at most {PROFILE_LIMIT} bytes; got {len(record.value)}"
            out.dead.append(DeadLetter.of(record, "size", error))
            continue
        value = Internal(Kind.PROFILE, _place(TopicCode.USERS, record), record.value).pack()
        key = profile.user_id.encode()
        out.forwards.append(Forward(users.partitions_of([key])[0], key, value, "profile"))
    return out


def route_items(records: Sequence[ConsumerRecord], items: Placement, rules: Rules) -> Sorted:
    """Send each record of `items` to the owner of its item, as an announcement or a withdrawal."""
    out = Sorted()
    decoded = decode_items(
        [record.key for record in records],
        [record.value for record in records],
        [record.timestamp for record in records],
        rules,
        [record.headers for record in records],
    )
    for record, item in zip(records, decoded, strict=True):
        place = _place(TopicCode.ITEMS, record)
        if isinstance(item, Rejected):
            out.dead.append(DeadLetter.of(record, item.reason, item.error))
            continue
        try:
            body = b"" if item.withdrawn else pack_announcement(item)
        except ValueError as exc:
            out.dead.append(DeadLetter.of(record, "size", str(exc)))
            continue
        kind = Kind.WITHDRAWAL if item.withdrawn else Kind.ANNOUNCEMENT
        key = item.item_id.encode()
        out.forwards.append(
            Forward(
                items.partitions_of([key])[0],
                key,
                Internal(kind, place, body).pack(),
                "announcement",
            )
        )
    return out


def _place(topic: TopicCode, record: ConsumerRecord) -> Place:
    return Place(topic, record.partition, record.offset, record.timestamp)
