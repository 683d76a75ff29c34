"""Judges the newest events: where their publishers placed them, and their publishers' clocks."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from zlib import crc32

from stream.doctor.facts import Events, Sampled
from stream.doctor.findings import Finding, Findings, Here, duration
from stream.placement import partition_of

# Of the newest events; below it the extra hop is nobody's concern.
TOLERATED_SHARE = 0.01
# s. A publisher's clock that is off by less cannot be told from its way to the broker.
CLOCK_TOLERANCE = 60.0
# s. Events that come later than this are a history that is replayed, whatever the clocks say.
_REPLAYED = 6 * 3600.0

_CURES = {
    "no-key": "They have no key: send the user_id as the key",
    "other-key": "Their key is not their user_id: send the user_id as the key",
    "crc32": (
        "Their publisher hashes keys by CRC32, as kcat and librdkafka do unless told: set"
        " partitioner=murmur2_random (confluent-kafka: Producer({'partitioner':"
        " 'murmur2_random', …}))"
    ),
    "other-hash": (
        "Their publisher places keys in a way of its own: let it hash by murmur2, as Kafka's Java"
        " client does, and choose no partitions itself"
    ),
}


def judge_placement(events: Events, here: Here) -> Findings:
    """Which share of events takes an extra hop, and what their publisher has to set."""
    number = len(events.sampled)
    if not number:
        yield Finding("placement", "skip", "There are no events yet.")
        return
    causes = Counter(
        filter(None, (misplaced(event, events.partitions) for event in events.sampled))
    )
    share = causes.total() / number
    text = f"Of the newest {number} events {share:.1%} are forwarded to another partition"
    if share <= TOLERATED_SHARE:
        yield Finding("placement", "ok", f"{text}.")
        return
    cures = ". ".join(
        _CURES[cause] if len(causes) == 1 else f"{count / number:.1%}: {_CURES[cause]}"
        for cause, count in causes.most_common()
    )
    text = f"{text}, one hop and some milliseconds more. {cures}."
    example = 'echo \'ann:{"user_id":"ann","item_id":"1","type":"view"}\' |'
    send = f"kcat -P -b {here.broker} -t {here.prefix}events -K: -X partitioner=murmur2_random"
    keyed = "key = user_id, for instance " if causes.keys() & {"no-key", "other-key"} else ""
    yield Finding("placement", "warn", text, f"{keyed}{example} {send}")


def misplaced(event: Sampled, partitions: int) -> str | None:
    """Why an event lies in another partition than its user's row; None if it does not."""
    if partition_of(event.user_id.encode(), partitions) == event.partition:
        return None
    if event.key is None:
        return "no-key"
    if event.key != event.user_id.encode():
        return "other-key"
    return "crc32" if crc32(event.key) % partitions == event.partition else "other-hash"


def judge_event_times(sampled: Sequence[Sampled]) -> Findings:
    """Whether the publishers' clocks agree with Kafka's, by the events' own timestamps."""
    ahead = [
        (event.event_ms - event.broker_ms) / 1000
        for event in sampled
        if event.event_ms != event.broker_ms  # without a time of its own an event has the broker's
    ]
    if not ahead:
        yield Finding("event-times", "skip", "No event among the newest has a time of its own.")
        return
    early = [seconds for seconds in ahead if seconds > CLOCK_TOLERANCE]
    late = constant_delay(ahead)
    if early:
        text = (
            f"{len(early) / len(ahead):.1%} of the newest events are from the future, by"
            f" {duration(max(early))} at most (a day and more goes to dead-letters): their"
            " publisher's clock is ahead, or it takes local time for UTC."
        )
        yield Finding("event-times", "warn", text, "timedatectl set-ntp true")
    elif late is not None:
        text = (
            f"The newest events are all {duration(late)} older than their arrival: their"
            " publisher's clock is behind, or they wait in a queue before Kafka."
        )
        yield Finding("event-times", "warn", text, "timedatectl set-ntp true")
    else:
        text = f"The newest {len(ahead)} events with a time of their own"
        yield Finding("event-times", "ok", f"{text} are not from the future.")


def constant_delay(ahead: Sequence[float]) -> float | None:
    """Seconds by which nearly all events are late alike; None if they are in time or scattered.

    A clock that is off shifts all events alike; people who were offline, and histories, do not.
    """
    middle = median(ahead)
    if len(ahead) < 10 or not -_REPLAYED < middle < -CLOCK_TOLERANCE:
        return None
    alike = sum(abs(seconds - middle) < CLOCK_TOLERANCE / 2 for seconds in ahead)
    return middle if alike >= 0.8 * len(ahead) else None
