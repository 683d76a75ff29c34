"""Judges the broker itself, its clock and the topics."""

from collections.abc import Mapping, Sequence

from stream.doctor.facts import Clock, Cluster, NoKafka
from stream.doctor.findings import Finding, Findings, Here, duration
from stream.topics import Described, Topics, check

# What a worker's client needs: Kafka's number of a request, its name, the least version.
_NEEDED = (
    (0, "Produce", 3),  # headers
    (1, "Fetch", 4),
    (22, "InitProducerId", 0),  # idempotence, fencing
)
# s. Above the first lag is measured wrongly; above the second alerts and retention are off too.
CLOCK_WARN = 1.0
CLOCK_FAIL = 60.0
SET_CLOCK = "timedatectl set-ntp true"
# An outage of a night must lose nothing; Kafka's default is a week, and the mending goes there.
RETENTION_WARN_MS = 86_400_000
WEEK_HOURS = 168


def judge_broker(cluster: Cluster, here: Here) -> Findings:
    """Whether what answers can carry headwater."""
    lacking = [
        f"{name} {least}"
        for number, name, least in _NEEDED
        if cluster.versions.get(number, (0, -1))[1] < least
    ]
    if lacking:
        text = f"The broker at {here.broker} is too old: it lacks {', '.join(lacking)}"
        yield Finding("broker", "fail", f"{text}; Kafka 2.1 and later have them.")
        return
    produce, fetch = (cluster.versions[number][1] for number in (0, 1))
    nodes = "1 node" if cluster.nodes == 1 else f"{cluster.nodes} nodes"
    spoken = f"it speaks Produce up to {produce}, Fetch up to {fetch}"
    yield Finding("broker", "ok", f"Kafka answers at {here.broker}: {nodes}, {spoken}.")
    if cluster.away:
        text = f"Nobody answers at {_some(cluster.away)}, where nodes of this Kafka say they are."
        yield Finding("broker", "fail", text, "kafka-server-start.sh server.properties")
    describe = here.kafka("kafka-topics.sh --describe")
    if cluster.leaderless:
        text = f"No broker leads {_some(cluster.leaderless)}: start the brokers that are missing."
        yield Finding("broker", "fail", text, f"{describe} --unavailable-partitions")
    elif cluster.under_replicated:
        text = f"Replicas are missing of {_some(cluster.under_replicated)}."
        yield Finding("broker", "warn", text, f"{describe} --under-replicated-partitions")


def judge_unreachable(reason: NoKafka) -> Findings:
    """Nobody answers."""
    yield Finding("broker", "fail", reason.text, reason.mend)


def judge_clock(clock: Clock, latest_ms: int | None, now_ms: float) -> Findings:
    """Whether this machine's clock is Kafka's, and whether Kafka's nodes agree.

    `latest_ms` is the newest time that a broker gave a record, `now_ms` Kafka's time after that.
    """
    early = ((latest_ms or 0) - now_ms) / 1000
    if clock.ahead is None:
        if early > CLOCK_WARN:
            yield _off(early, f"at least {duration(early)} behind")
        else:
            text = f"Kafka does not tell its clock ({clock.unknown}); its newest record is no later"
            yield Finding("clock", "skip", f"{text} than this machine's.")
    elif abs(clock.ahead) > CLOCK_WARN + clock.give_or_take:
        side = "behind" if clock.ahead > 0 else "ahead of"
        yield _off(clock.ahead, f"{duration(clock.ahead)} {side}")
    else:
        shown = f"within {max(abs(clock.ahead), clock.give_or_take) * 1000:.0f} ms"
        yield Finding("clock", "ok", f"This machine's clock agrees with Kafka's {shown}.")
    if clock.ahead is not None and early > CLOCK_WARN + clock.give_or_take:
        text = (
            f"A broker stamps records {duration(early)} later than the controller's clock."
            " Set the clock of Kafka's node that is off."
        )
        yield Finding("clock", "warn", text, SET_CLOCK)


def _off(seconds: float, how: str) -> Finding:
    text = (
        f"This machine's clock is {how} Kafka's; a worker here would measure lag wrong by as much."
        " Set the clock of the one that is off."
    )
    return Finding("clock", "fail" if abs(seconds) > CLOCK_FAIL else "warn", text, SET_CLOCK)


def judge_topics(topics: Topics, found: Mapping[str, Described], here: Here) -> Findings:
    """Whether each topic is there in its required shape."""
    all_well = True
    missing = [topic.name for topic in topics if topic.name not in found]
    if missing:
        all_well = False
        text = f"{len(missing)} topics do not exist: {_some(missing)}."
        yield Finding("topics", "fail", text, here.headwater("topics create"))
    for topic in topics:
        complaint = check(topic, found) if topic.name in found else None
        if complaint:
            all_well = False
            mend = complaint.complete(here.broker, here.flags)
            yield Finding("topics", "fail", complaint.what, mend)
    for finding in _judge_retention(topics, found, here):
        all_well = False
        yield finding
    if all_well:
        counts = sorted({there.partitions for there in found.values()})
        shown = " or ".join(map(str, counts))
        yield Finding(
            "topics", "ok", f"All {len(found)} topics are as required: {shown} partitions."
        )


def keep_for(hours: int) -> str:
    """The command of ours that lets Kafka keep workers' input for so long at least."""
    return f"topics mend --retention-hours {hours}"


def _judge_retention(topics: Topics, found: Mapping[str, Described], here: Here) -> Findings:
    """Whether workers may be away for a day without losing what they have not read."""
    for topic in topics.read_once:
        kept = found[topic.name].retention_ms if topic.name in found else None
        if kept is not None and kept < RETENTION_WARN_MS:
            text = (
                f"Topic {topic.name} keeps records for {duration(kept / 1000)} only: what no worker"
                " has read by then is lost."
            )
            yield Finding("topics", "warn", text, here.headwater(keep_for(WEEK_HOURS)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
