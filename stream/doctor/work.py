"""Judges the workers by what Kafka knows of them: members, lag, dead letters."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType

from stream.doctor.cluster import WEEK_HOURS, keep_for
from stream.doctor.facts import DeadLetters, Group, Waiting
from stream.doctor.findings import Finding, Findings, Here, Status, duration

# s. Offsets are committed every second, and a rebalance takes up to the session's 10 s.
LAG_WARN = 30.0
LAG_FAIL = 300.0

# What of dead letters is to be done by reason; the README's table says what each means.
_CURES = {
    "json": "the publisher sends what is not JSON",
    "schema": "a field is missing or of another type",
    "type": "send a known type, or name it in HEADWATER_EVENT_TYPES",
    "id": "ids have 1 to 256 bytes, and * is reserved",
    "timestamp": "send RFC 3339 or epoch milliseconds, and look at the publisher's clock",
    "value": "a rating needs a finite value",
    "embedding": "send as many numbers as HEADWATER_EMBEDDING_SIZE says",
    "size": "announcements and profiles take at most 8 kB",
    "unsupported": "this release cannot forget users yet",
    "fold": "the learner failed on these: please report them",
}


def judge_group(group: Group, partitions: int, here: Here) -> Findings:
    """Whether workers are there, and not more than can have work."""
    number = len(group.hosts)
    name = f"Group {here.group}"
    if group.state in {"PreparingRebalance", "CompletingRebalance"}:
        text = f"{name} shares out partitions just now ({number} members): look again in 10 s."
        yield Finding("group", "warn", text, here.headwater("doctor"))
    elif not number:
        text = f"{name} has no worker: events wait, and no list is made."
        if group.state == "Dead":
            text += " Kafka knows of none that ever was: is it the workers' HEADWATER_GROUP?"
        yield Finding("group", "fail", text, here.worker())
    elif number > partitions:
        text = f"{name} has {number} members for {partitions} partitions of events: "
        text += f"{number - partitions} of them have no event to read. Stop as many."
        yield Finding("group", "warn", text, "kill -TERM PID (each finishes its run and leaves)")
    else:
        hosts = ", ".join(sorted({host.removeprefix("/") for host in group.hosts}))
        workers = "1 worker" if number == 1 else f"{number} workers"
        yield Finding("group", "ok", f"{name} has {workers}, at {hosts}.")


def judge_lag(
    waiting: Sequence[Waiting],
    now_ms: float,
    workers: int | None,
    here: Here,
    kept_ms: Mapping[str, int | None] = MappingProxyType({}),
) -> Findings:
    """How far the group is behind, by topic, in records and in the age of the oldest one.

    `kept_ms`: after how long Kafka removes a topic's records, read or not.
    """
    by_topic: dict[str, list[Waiting]] = defaultdict(list)
    for place in waiting:
        by_topic[place.topic].append(place)
    fine = []
    for topic, places in by_topic.items():
        records = sum(place.records for place in places)
        age = max((_age(place, now_ms) for place in places), default=0.0)
        if age <= LAG_WARN:
            fine.append(f"{topic.removeprefix(here.prefix)} {records}")
            continue
        behind = [place for place in places if _age(place, now_ms) > LAG_WARN]
        where = ", ".join(
            f"[{place.partition}] {place.records} ({duration(_age(place, now_ms))})"
            for place in behind[:8]
        )
        text = f"{topic}: {records} records wait, the oldest for {duration(age)}: {where}."
        text += (
            " No worker reads." if workers == 0 else " The workers do not keep up, or one hangs."
        )
        status: Status = "fail" if age > LAG_FAIL or workers == 0 else "warn"
        yield Finding("lag", status, text, here.worker())
        if (kept := kept_ms.get(topic)) is not None and age > kept / 2000:
            hours = max(WEEK_HOURS, ceil(2 * kept / 3_600_000))
            text = f"{topic}: what waits is removed when it is {duration(kept / 1000)} old."
            yield Finding("lag", "fail", text, here.headwater(keep_for(hours)))
    if fine:
        text = f"Not yet committed, none older than {LAG_WARN:.0f} s: {', '.join(fine)}."
        yield Finding("lag", "ok", text)


def _age(place: Waiting, now_ms: float) -> float:
    """Seconds that the oldest record of a place has waited; a place without records has none."""
    if not place.records or place.oldest_ms is None:
        return 0.0
    return (now_ms - place.oldest_ms) / 1000


def judge_dead_letters(dead: DeadLetters, here: Here) -> Findings:
    """What could not be applied in the last hour, and why."""
    if not dead.reasons:
        yield Finding("dead-letters", "ok", "No record was set aside in the last hour.")
        return
    at_least = "at least " if dead.more else ""
    for reason, number in sorted(dead.reasons.items(), key=lambda found: -found[1]):
        records = "1 record" if number == 1 else f"{number} records"
        cure = _CURES.get(reason, "a reason that this release does not know")
        text = f"{at_least}{records} set aside in the last hour as `{reason}`: {cure}."
        show = here.kcat("dead-letters", "-o -20 -e -f '%h\\n%s\\n\\n'")
        yield Finding(
            "dead-letters",
            "warn",
            text[:1].upper() + text[1:],
            f"{show} | grep -A2 reason={reason}",
        )
