"""What the tables must hold: the pure folds over the topics, and plain counts beside them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord

from agents.adapt_items import fold_items
from agents.adapt_users import Arrival, UserFold, fold_users
from agents.keys import row_id
from agents.records import Internal, Kind, Place, TopicCode
from agents.route import sort_events
from agents.rows import ItemRow, UserRow
from models.item_states import ItemStates
from models.mixture import Mixture, MixtureSettings
from stream.placement import Placement
from stream.schemas import Rules, decode_events
from stream.settings import Settings
from stream.topics import Topics
from support.client import Read, latest, read_all

LEARNER = Mixture(MixtureSettings())


@dataclass
class Differences:
    """What was compared, and every difference found, in words."""

    users: int = 0
    items: int = 0
    both_paths: int = 0
    found: list[str] = field(default_factory=list)

    def check(self, what: str, came: object, wanted: object) -> None:
        """Note a difference unless both are equal, floats to 1e-5."""
        if not _alike(came, wanted):
            self.found.append(f"{what}: {str(came)[:300]} instead of {str(wanted)[:300]}")


def compare(settings: Settings) -> Differences:
    """Compare both tables with the folds over what the topics hold now."""
    topics = Topics(settings)
    out = Differences()
    events = read_all(settings.broker, topics.events.name)
    forwarded = read_all(settings.broker, topics.user_input.name)
    feedback = read_all(settings.broker, topics.item_feedback.name)
    users = {
        row_id(key): read.value
        for key, read in latest(read_all(settings.broker, topics.user_rows.name)).items()
        if key is not None and row_id(key) is not None and read.value is not None
    }
    items = {
        row_id(key): read.value
        for key, read in latest(read_all(settings.broker, topics.item_vectors.name)).items()
        if key is not None and row_id(key) is not None and read.value is not None
    }
    lists = latest(read_all(settings.broker, topics.recommendations.name))
    arrivals = _arrivals(events, topics)
    _compare_users(out, arrivals, users, lists, topics)
    _compare_feedback(out, arrivals, forwarded, feedback)
    _compare_items(out, events, feedback, items)
    return out


def _arrivals(events: Sequence[Read], topics: Topics) -> dict[str, list[tuple[bool, Arrival]]]:
    """Return each user's arrivals as (direct, arrival), partition by partition in offset order."""
    owners = Placement(topics.events.partitions)
    by_user: defaultdict[str, list[tuple[bool, Arrival]]] = defaultdict(list)
    for read in events:
        record = consumer_record(topics.events.name, read)
        out = sort_events([record], read.partition, owners, Rules())
        for arrival in out.arrivals:
            by_user[arrival.user_id].append((True, arrival))
        for forward in out.forwards:
            internal = Internal.unpack(forward.value)
            (event,) = decode_events([internal.body], [internal.place.broker_ms], Rules())
            place = internal.place
            by_user[event.user_id].append((False, Arrival(event.user_id, place, place, 0, event)))
    return by_user


def _compare_users(
    out: Differences,
    arrivals: dict[str, list[tuple[bool, Arrival]]],
    rows: dict[str | None, bytes | None],
    lists: dict[bytes | None, Read],
    topics: Topics,
) -> None:
    out.check("users with a row", set(rows), set(arrivals))
    for user, mine in arrivals.items():
        row = UserRow.unpack(rows.get(user))
        wanted = fold_one_user(user, mine)
        state = _user_facts(row.payload)
        fresh = wanted.after.facts(0)
        out.users += 1
        out.check(f"{user} offsets", row.offsets, wanted.rows[0].offsets)
        out.check(f"{user} count", state["events"], len(mine))
        out.check(f"{user} had", sorted(state["had"]), sorted(fresh["had"]))
        if one_path(mine):
            out.check(f"{user} row", state, fresh)
            out.check(f"{user} source", row.source, wanted.rows[0].source)
            out.check(f"{user} event ids", row.event_ids, wanted.rows[0].event_ids)
        else:
            out.both_paths += 1
        answer = lists.get(user.encode())
        source = json.loads(answer.value or b"{}")["source"] if answer else None
        assert row.source is not None
        out.check(
            f"{user} last list",
            source,
            {
                "topic": topics.events.name,
                "partition": row.source.partition,
                "offset": row.source.offset,
            },
        )


def _user_facts(payload: bytes | None) -> dict[str, object]:
    return LEARNER.unpack_users([payload]).facts(0)


def fold_one_user(user: str, mine: Iterable[tuple[bool, Arrival]]) -> UserFold:
    """Fold all arrivals of one user in one run."""
    return fold_users(
        LEARNER, Rules(), LEARNER.catalogue(), {user: None}, [arrival for _, arrival in mine]
    )


def one_path(mine: Sequence[tuple[bool, Arrival]]) -> bool:
    """Whether the order of the user's events is known: all stem from one partition."""
    return len({arrival.origin.partition for _, arrival in mine}) == 1


def _compare_feedback(
    out: Differences,
    arrivals: dict[str, list[tuple[bool, Arrival]]],
    forwarded: Sequence[Read],
    feedback: Sequence[Read],
) -> None:
    """Every event has led to feedback from exactly one place, with the fold's bytes."""
    origin_of = {
        (read.partition, read.offset): Internal.unpack(read.value or b"").place
        for read in forwarded
    }
    bodies: dict[Place, bytes] = {}
    for _, record in _first_of_each_place(feedback):
        place = record.place
        if place.topic is TopicCode.USER_INPUT:
            place = origin_of[place.partition, place.offset]
        out.check(f"feedback from {place} twice", place in bodies, False)
        bodies[place] = record.body
    origins = {arrival.origin for mine in arrivals.values() for _, arrival in mine}
    out.check("events with feedback", len(bodies.keys() & origins), len(origins))
    out.check("feedback without an event", bodies.keys() - origins, set())
    for user, mine in arrivals.items():
        if not one_path(mine):
            continue
        wanted = [Internal.unpack(value).body for _, value in fold_one_user(user, mine).feedback]
        came = [bodies.get(arrival.origin) for _, arrival in mine]
        out.check(f"{user} feedback", came, wanted)


def _compare_items(
    out: Differences,
    events: Sequence[Read],
    feedback: Sequence[Read],
    rows: dict[str | None, bytes | None],
) -> None:
    counts = Counter(json.loads(read.value or b"{}")["item_id"] for read in events)
    out.check("items with a row", set(rows), set(counts))
    first = _first_of_each_place(feedback)
    wanted = fold_items(LEARNER, dict.fromkeys(counts), first).rows
    for item, count in counts.items():
        out.items += 1
        came, fresh = ItemRow.unpack(rows[item] or b""), ItemRow.unpack(wanted[item])
        came_facts = ItemStates.unpack([came.payload]).facts(0)
        out.check(f"{item} events", came_facts["events"], count)
        out.check(f"{item} row", came_facts, ItemStates.unpack([fresh.payload]).facts(0))
        out.check(f"{item} sources", came.sources, fresh.sources)
        out.check(f"{item} created", came.created_ms, fresh.created_ms)


def _first_of_each_place(feedback: Sequence[Read]) -> list[tuple[str, Internal]]:
    """Return the feedback as if each had been sent once: what came again is left out."""
    seen: set[Place] = set()
    first: list[tuple[str, Internal]] = []
    for read in feedback:
        record = Internal.unpack(read.value or b"")
        if record.kind is Kind.ADAPTATION and record.place not in seen:
            seen.add(record.place)
            first.append(((read.key or b"").decode(), record))
    return first


def consumer_record(topic: str, read: Read) -> ConsumerRecord:
    """Return a record as the workers' client gives it."""
    return ConsumerRecord(
        topic, read.partition, read.offset, read.time, 1, read.key, read.value, None, 0, 0, ()
    )


def _alike(came: object, wanted: object) -> bool:
    if isinstance(came, float) and isinstance(wanted, float):
        return abs(came - wanted) <= 1e-5 * max(1.0, abs(wanted))
    if isinstance(came, dict) and isinstance(wanted, dict):
        return came.keys() == wanted.keys() and all(_alike(came[k], wanted[k]) for k in wanted)
    if isinstance(came, list | tuple) and isinstance(wanted, list | tuple):
        return len(came) == len(wanted) and all(map(_alike, came, wanted))
    return came == wanted
