"""What the tables must hold: the pure folds over the topics, and plain counts beside them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord

from agents.adapt_items import fold_items
from agents.adapt_users import Arrival, UserFold, fold_users
from agents.catalogue_feed import CatalogueFeed
from agents.keys import row_id
from agents.records import Internal, Kind, Place, TopicCode
from agents.route import sort_events
from agents.rows import ItemRow, UserRow
from models.catalogue import Catalogue
from models.item_states import ItemStates
from models.mixture import Mixture, MixtureSettings
from stream.decode import decode_events
from stream.metrics import Metrics
from stream.placement import Placement
from stream.rules import Rules
from stream.settings import Settings
from stream.topics import Topics
from support.client import Read, latest, read_all

LEARNER = Mixture(MixtureSettings())


@dataclass
class Served:
    """A learner that workers have served, and the catalogue that the items' rows give it."""

    learner: Mixture
    catalogue: Catalogue

    @property
    def version(self) -> int:
        """The version as rows hold it."""
        return int.from_bytes(self.learner.version, "little")

    def facts(self, payload: bytes | None) -> dict[str, object]:
        """What a user's row holds, as this learner reads it."""
        return self.learner.unpack_users([payload]).facts(0)

    def fold(self, user: str, mine: Iterable[tuple[bool, Arrival]]) -> UserFold:
        """Fold all arrivals of one user in one run."""
        arrivals = [arrival for _, arrival in mine]
        return fold_users(self.learner, Rules(), self.catalogue, {user: None}, arrivals)


@dataclass
class Differences:
    """What was compared, and every difference found, in words.

    `version` and `model` are, by user, those that the row and the last list name.
    """

    users: int = 0
    items: int = 0
    both_paths: int = 0
    version: dict[str, str] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def check(self, what: str, came: object, wanted: object) -> None:
        """Note a difference unless both are equal, floats to 1e-5."""
        if not _alike(came, wanted):
            self.found.append(f"{what}: {str(came)[:300]} instead of {str(wanted)[:300]}")


def compare(settings: Settings, *learners: Mixture) -> Differences:
    """Compare both tables with the folds over what the topics hold now.

    `learners` are all that workers have served, the plain mixture if none are given. A user's row
    is compared with the fold of all its events by the one that its version names; that is a row
    which was rebuilt, too, as long as the user has had no more events than a ring holds. Items
    are to be announced, if at all, before anyone acts on them.
    """
    topics = Topics(settings)
    out = Differences()
    events = read_all(settings.broker, topics.events.name)
    forwarded = read_all(settings.broker, topics.user_input.name)
    feedback = read_all(settings.broker, topics.item_feedback.name)
    users = _rows(settings, topics.user_rows.name)
    items = _rows(settings, topics.item_vectors.name)
    lists = latest(read_all(settings.broker, topics.recommendations.name))
    arrivals = _arrivals(events, topics)
    served = [_served(settings, topics, learner, items) for learner in learners or [LEARNER]]
    _compare_users(out, arrivals, users, lists, topics, served)
    _compare_feedback(out, arrivals, forwarded, feedback, served[0])
    _compare_items(out, events, feedback, items)
    return out


def _rows(settings: Settings, topic: str) -> dict[str | None, Read]:
    """Return the newest row of each id from a changelog."""
    return {
        row_id(key): read
        for key, read in latest(read_all(settings.broker, topic)).items()
        if key is not None and row_id(key) is not None and read.value is not None
    }


def _served(
    settings: Settings, topics: Topics, learner: Mixture, rows: Mapping[str | None, Read]
) -> Served:
    feed = CatalogueFeed(settings, topics.item_vectors, learner, Metrics())
    feed.apply([consumer_record(topics.item_vectors.name, read) for read in rows.values()])
    return Served(learner, feed.catalogue)


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
    rows: Mapping[str | None, Read],
    lists: dict[bytes | None, Read],
    topics: Topics,
    served: Sequence[Served],
) -> None:
    out.check("users with a row", set(rows), set(arrivals))
    for user, mine in arrivals.items():
        read = rows.get(user)
        row = UserRow.unpack(read.value if read else None)
        made_by = _made_by(row.payload, served)
        out.check(f"{user} has a known version", made_by is not None, True)
        by = made_by or served[0]
        wanted = by.fold(user, mine)
        state = by.facts(row.payload)
        fresh = wanted.after.facts(0)
        out.users += 1
        out.version[user] = by.learner.version.hex()
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
        said = json.loads(answer.value or b"{}") if answer else {}
        out.model[user] = said.get("model", "")
        assert row.source is not None
        out.check(
            f"{user} last list",
            said.get("source"),
            {
                "topic": topics.events.name,
                "partition": row.source.partition,
                "offset": row.source.offset,
            },
        )


def _made_by(payload: bytes | None, served: Sequence[Served]) -> Served | None:
    return next((one for one in served if one.facts(payload)["version"] == one.version), None)


def one_path(mine: Sequence[tuple[bool, Arrival]]) -> bool:
    """Whether the order of the user's events is known: all stem from one partition."""
    return len({arrival.origin.partition for _, arrival in mine}) == 1


def _compare_feedback(
    out: Differences,
    arrivals: dict[str, list[tuple[bool, Arrival]]],
    forwarded: Sequence[Read],
    feedback: Sequence[Read],
    by: Served,
) -> None:
    """Every event has led to feedback from exactly one place, with the fold's bytes."""
    origin_of = {
        (read.partition, read.offset): Internal.unpack(read.value or b"").place
        for read in forwarded
    }
    bodies: dict[Place, bytes] = {}
    for _, record in _first_of_each_place(feedback):
        if record.kind is not Kind.ADAPTATION:
            continue
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
        wanted = [Internal.unpack(value).body for _, value in by.fold(user, mine).feedback]
        came = [bodies.get(arrival.origin) for _, arrival in mine]
        out.check(f"{user} feedback", came, wanted)


def _compare_items(
    out: Differences,
    events: Sequence[Read],
    feedback: Sequence[Read],
    rows: Mapping[str | None, Read],
) -> None:
    counts = Counter(json.loads(read.value or b"{}")["item_id"] for read in events)
    out.check("items with a row", set(rows), set(counts))
    first = _first_of_each_place(feedback)
    wanted = fold_items(LEARNER, dict.fromkeys(counts), first).rows
    for item, count in counts.items():
        out.items += 1
        came, fresh = ItemRow.unpack(rows[item].value or b""), ItemRow.unpack(wanted[item])
        came_facts = ItemStates.unpack([came.payload]).facts(0)
        out.check(f"{item} events", came_facts["events"], count)
        out.check(f"{item} row", came_facts, ItemStates.unpack([fresh.payload]).facts(0))
        out.check(f"{item} sources", came.sources, fresh.sources)
        out.check(f"{item} created", came.created_ms, fresh.created_ms)


def _first_of_each_place(feedback: Sequence[Read]) -> list[tuple[str, Internal]]:
    """Return the records as if each had been sent once: what came again is left out."""
    seen: set[Place] = set()
    first: list[tuple[str, Internal]] = []
    for read in feedback:
        record = Internal.unpack(read.value or b"")
        if record.place not in seen:
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
