"""All findings from all facts, in the order in which they are best mended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

from stream.doctor.cluster import judge_broker, judge_clock, judge_topics, judge_unreachable
from stream.doctor.events import judge_event_times, judge_placement
from stream.doctor.facts import Kafka, Model, NoKafka, Page, Prometheus, StateDir
from stream.doctor.findings import Check, Finding, Findings, Here
from stream.doctor.work import judge_dead_letters, judge_group, judge_lag
from stream.doctor.worker import judge_model, judge_page, judge_prometheus, judge_state
from stream.settings import Settings
from stream.topics import Topics

_OF_KAFKA: tuple[Check, ...] = (
    "clock", "topics", "placement", "event-times", "group", "lag", "dead-letters",
)  # fmt: skip


Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was seen."""

    kafka: Kafka | NoKafka
    pages: Sequence[Page]
    pages_asked: bool  # whether someone named the workers
    state: StateDir
    model: Model
    prometheus: Prometheus | None = None


def diagnose(facts: Facts, settings: Settings, here: Here) -> list[Finding]:
    """Judge it all; one check's lines stand together."""
    found = [*_kafka(facts.kafka, settings, here)]
    workers = _workers(facts)
    for page in facts.pages:
        found += judge_page(page, facts.pages_asked, here)
    found += judge_state(facts.state, elsewhere=bool(workers))
    found += judge_model(facts.model, facts.pages)
    if facts.prometheus is None:
        text = "Not asked: --prometheus URL does."
        found.append(Finding("prometheus", "skip", text))
    else:
        found += judge_prometheus(facts.prometheus, workers)
    order = get_args(Check)
    return sorted(found, key=lambda finding: order.index(finding.check))


def _workers(facts: Facts) -> int | None:
    known = isinstance(facts.kafka, Kafka) and facts.kafka.group
    return len(known.hosts) if known else None


def _kafka(kafka: Kafka | NoKafka, settings: Settings, here: Here) -> Findings:
    if isinstance(kafka, NoKafka):
        yield from judge_unreachable(kafka)
        for check in _OF_KAFKA:
            yield Finding(check, "skip", "No broker could be asked.")
        return
    there = kafka.cluster.topics
    counts = {name: topic.partitions for name, topic in there.items()}
    topics = Topics(settings, counts)
    yield from judge_broker(kafka.cluster, here)
    sampled = kafka.events.sampled if kafka.events else ()
    latest = max((event.broker_ms for event in sampled), default=None)
    yield from judge_clock(kafka.cluster.clock, latest, kafka.now_ms)
    yield from judge_topics(topics, there, here)
    yield from _or_skip(
        "placement", kafka, kafka.events, lambda events: judge_placement(events, here)
    )
    yield from _or_skip(
        "event-times", kafka, kafka.events, lambda events: judge_event_times(events.sampled)
    )
    yield from _or_skip(
        "group", kafka, kafka.group,
        lambda group: judge_group(group, topics.events.partitions, here),
    )  # fmt: skip
    workers = len(kafka.group.hosts) if kafka.group else None
    kept_ms = {name: topic.retention_ms for name, topic in there.items()}
    yield from _or_skip(
        "lag", kafka, kafka.waiting or None,
        lambda waiting: judge_lag(waiting, kafka.now_ms, workers, here, kept_ms),
    )  # fmt: skip
    yield from _or_skip(
        "dead-letters", kafka, kafka.dead_letters, lambda dead: judge_dead_letters(dead, here)
    )


def _or_skip(
    check: Check, kafka: Kafka, seen: Seen | None, judge: Callable[[Seen], Findings]
) -> Findings:
    """Judge what was seen; else say why it was not."""
    if seen is not None:
        yield from judge(seen)
        return
    why = kafka.refused.get(check)
    yield Finding(check, "skip", f"Kafka refused: {why}." if why else "Its topic does not exist.")
