"""The doctor's judgements: facts in, lines out."""

import errno
from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import pytest

from stream.doctor.cluster import judge_broker, judge_clock, judge_topics
from stream.doctor.diagnosis import Facts, diagnose
from stream.doctor.events import constant_delay, judge_event_times, judge_placement, misplaced
from stream.doctor.facts import (
    Clock,
    Cluster,
    DeadLetters,
    Events,
    Group,
    Kafka,
    Model,
    NoKafka,
    Page,
    Prometheus,
    Sampled,
    StateDir,
    Waiting,
)
from stream.doctor.findings import Finding, Here, duration, summary
from stream.doctor.work import judge_dead_letters, judge_group, judge_lag
from stream.doctor.worker import judge_model, judge_page, judge_prometheus, judge_state
from stream.placement import partition_of
from stream.settings import Settings
from stream.topics import Described, Topics

SETTINGS = Settings(topic_prefix="t.", partitions=4)
TOPICS = Topics(SETTINGS)
HERE = Here("kafka:9092", "t.", "g", " --broker kafka:9092")
THERE = {t.name: Described(t.name, t.partitions, dict(t.config)) for t in TOPICS}
VERSIONS = {0: (0, 13), 1: (4, 18), 22: (0, 6)}
CLUSTER = Cluster(1, VERSIONS, Clock(0.001, 0.002), THERE)
NOW = 1_700_000_000_000
WAITING = [Waiting("t.events", 0, 0), Waiting("t.events", 1, 3, NOW - 1000)]
PAGE = Page("w:6066", models=["abc"])


def well() -> Facts:
    """An installation that nothing is wrong with."""
    kafka = Kafka(
        CLUSTER,
        Events(4, [event("ann")]),
        Group("Stable", ["/10.0.0.1"]),
        WAITING,
        DeadLetters({}),
        now_ms=NOW,
    )
    return Facts(
        kafka, [PAGE], True, StateDir("state", True, None, 10**11), Model(None),
        Prometheus("http://p", workers=1),
    )  # fmt: skip


def event(
    user: str, partition: int | None = None, key: str | None = "", ahead: float = 0.0
) -> Sampled:
    """An event, by default where it belongs, with the user as its key and in time."""
    own = partition_of(user.encode(), 4)
    given = user if key == "" else key
    return Sampled(
        own if partition is None else partition,
        None if given is None else given.encode(),
        user,
        NOW,
        NOW + round(ahead * 1000),
    )


def only(findings: Sequence[Finding] | object) -> Finding:
    """The one finding."""
    [finding] = findings  # type: ignore[misc]
    return finding


def test_a_healthy_installation_has_only_good_lines() -> None:
    """Every check is there once, in the order of mending."""
    findings = diagnose(well(), SETTINGS, HERE)
    assert [finding.status for finding in findings if finding.check != "event-times"] == ["ok"] * 11
    assert [finding.check for finding in findings][:3] == ["broker", "clock", "topics"]
    assert summary(findings) == "Nothing is wrong."


def test_without_a_broker_the_rest_is_still_looked_at() -> None:
    """What Kafka would tell is skipped by name; state, model and pages are judged."""
    facts = replace(well(), kafka=NoKafka("No Kafka answers.", "mend it"))
    findings = diagnose(facts, SETTINGS, HERE)
    assert findings[0] == Finding("broker", "fail", "No Kafka answers.", "mend it")
    assert {f.check for f in findings if f.status == "skip"} == {
        "clock", "topics", "placement", "event-times", "group", "lag", "dead-letters",
    }  # fmt: skip
    assert summary(findings) == "1 wrong: 1 fail, 0 warn."


def test_what_kafka_refuses_is_skipped_with_its_words() -> None:
    """An account without the right to describe groups still gets the rest."""
    kafka = replace(well().kafka, group=None, refused={"group": "not authorised"})
    found = {f.check: f for f in diagnose(replace(well(), kafka=kafka), SETTINGS, HERE)}
    assert found["group"] == Finding("group", "skip", "Kafka refused: not authorised.")


def test_an_old_broker_is_named_with_what_it_lacks() -> None:
    """Idempotent producers came with Kafka 0.11."""
    finding = only(judge_broker(replace(CLUSTER, versions={0: (0, 2), 1: (0, 4)}), HERE))
    assert finding.status == "fail"
    assert "lacks Produce 3, InitProducerId 0" in finding.text


@pytest.mark.parametrize(
    ("change", "status", "option"),
    [
        ({"leaderless": ["t.events[1]"]}, "fail", "--unavailable-partitions"),
        ({"under_replicated": ["t.events[1]"]}, "warn", "--under-replicated-partitions"),
    ],
)
def test_missing_brokers_are_told_by_partition(
    change: dict[str, list[str]], status: str, option: str
) -> None:
    """With Kafka's own command, complete with the address."""
    _, finding = judge_broker(replace(CLUSTER, **change), HERE)
    assert (finding.status, "t.events[1]" in finding.text) == (status, True)
    assert finding.mend == f"kafka-topics.sh --bootstrap-server kafka:9092 --describe {option}"


def test_a_node_that_is_away_is_named_by_its_address() -> None:
    """Others answered, so that the rest is known."""
    _, finding = judge_broker(replace(CLUSTER, nodes=2, away=["b:9092"]), HERE)
    assert (finding.status, "Nobody answers at b:9092" in finding.text) == ("fail", True)


@pytest.mark.parametrize(
    ("clock", "latest_ms", "status", "words"),
    [
        (Clock(0.02, 0.01), None, "ok", "agrees with Kafka's within 20 ms"),
        (Clock(1.2, 0.5), None, "ok", "within 1200 ms"),
        (Clock(-3.0, 0.01), None, "warn", "3.0 s ahead of Kafka's"),
        (Clock(600.0, 0.01), None, "fail", "10 min behind Kafka's"),
        (Clock(-600.0, 0.01), None, "fail", "10 min ahead of Kafka's"),
        (Clock(None, unknown="too old"), NOW - 5000, "skip", "too old"),
        (Clock(None, unknown="too old"), None, "skip", "too old"),
        (Clock(None, unknown="too old"), NOW + 600_000, "fail", "at least 10 min behind"),
    ],
)
def test_clocks(clock: Clock, latest_ms: int | None, status: str, words: str) -> None:
    """Where Kafka does not tell its clock, a record from the future still tells ours."""
    finding = only(judge_clock(clock, latest_ms, NOW))
    assert finding.status == status
    assert words in finding.text
    assert (finding.mend is not None) == finding.wrong


def test_nodes_of_kafka_that_disagree() -> None:
    """The clock that Kafka tells is its controller's; records have that of their broker."""
    fine, off = judge_clock(Clock(0.0, 0.01), NOW + 120_000, NOW)
    assert (fine.status, off.status, "2 min later" in off.text) == ("ok", "warn", True)


def test_missing_topics_are_one_line_and_wrong_ones_one_each() -> None:
    """Each with its command, which works as printed."""
    found = dict(THERE)
    del found["t.items"], found["t.users"]
    events = found["t.events"]
    wrong = dict(events.config) | {"message.timestamp.type": "CreateTime"}
    found["t.events"] = replace(events, config=wrong)
    missing, shape = judge_topics(TOPICS, found, HERE)
    assert missing.mend == "headwater topics create --broker kafka:9092"
    assert "t.items, t.users" in missing.text
    assert shape.mend == "headwater topics mend --broker kafka:9092"


def test_topics_that_are_emptied_too_soon_are_warned_of() -> None:
    """Less than a day: an outage of a night would lose events. Lists may be kept as one likes."""
    short = {"retention.ms": "3600000"}
    found = dict(THERE)
    for name in ("t.events", "t.dead-letters", "t.recommendations"):
        found[name] = replace(found[name], config={**found[name].config, **short})
    finding = only(judge_topics(TOPICS, found, HERE))
    assert (finding.status, "t.events keeps records for 60 min only" in finding.text) == (
        "warn", True,
    )  # fmt: skip
    assert finding.mend == "headwater topics mend --retention-hours 168 --broker kafka:9092"


def test_partitions_that_differ_are_told_with_both_commands() -> None:
    """Partners must share their count."""
    found = THERE | {"t.user-input": replace(THERE["t.user-input"], partitions=5)}
    finding = only(judge_topics(Topics(SETTINGS), found, HERE))
    assert "5 partitions" in finding.text
    assert finding.mend == (
        "kafka-topics.sh --bootstrap-server kafka:9092 --delete --topic t.user-input"
        " && headwater topics create --broker kafka:9092"
    )


def elsewhere(user: str) -> int:
    """A partition in which neither murmur2 nor CRC32 places the user."""
    taken = {partition_of(user.encode(), 4), crc32(user.encode()) % 4}
    return min(set(range(4)) - taken)


def by_crc(number: int) -> list[Sampled]:
    """Events as librdkafka places them, all of them elsewhere than murmur2 would."""
    users = (f"u{n}" for n in range(1000))
    placed = [event(user, crc32(user.encode()) % 4) for user in users]
    return [found for found in placed if misplaced(found, 4)][:number]


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (event("ann"), None),
        (event("ann", key=None), None),  # by chance where it belongs
        (event("ann", elsewhere("ann"), None), "no-key"),
        (event("ann", elsewhere("ann"), "bob"), "other-key"),
        (event("ann", elsewhere("ann")), "other-hash"),
        (by_crc(1)[0], "crc32"),
    ],
)
def test_why_an_event_is_misplaced(found: Sampled, cause: str | None) -> None:
    """The user in the value decides; the key and its partition tell the publisher's mistake."""
    assert misplaced(found, 4) == cause


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (by_crc(50), "partitioner=murmur2_random (confluent-kafka"),
        ([event("ann", elsewhere("ann"), None)] * 50, "They have no key"),
        ([event("ann", elsewhere("ann"), "bob")] * 50, "not their user_id"),
        ([event("ann", elsewhere("ann"))] * 50, "a way of its own"),
    ],
)
def test_the_share_of_forwarded_events_comes_with_its_cure(
    wrong: list[Sampled], words: str
) -> None:
    """Half of the events misplaced: a warning, since nothing is lost."""
    events = Events(4, [event("ann")] * 50 + wrong)
    finding = only(judge_placement(events, HERE))
    assert (finding.status, "50.0%" in finding.text) == ("warn", True)
    assert words in finding.text
    assert str(finding.mend).endswith(
        "kcat -P -b kafka:9092 -t t.events -K: -X partitioner=murmur2_random"
    )
    assert str(finding.mend).startswith("key = user_id") == ("send the user_id" in finding.text)


def test_each_cause_of_forwarded_events_comes_with_its_share_and_cure() -> None:
    """Two publishers, two mistakes."""
    wrong = [*by_crc(30), *[event("ann", elsewhere("ann"), None)] * 20]
    finding = only(judge_placement(Events(4, [event("ann")] * 50 + wrong), HERE))
    assert "30.0%: Their publisher hashes keys by CRC32" in finding.text
    assert "20.0%: They have no key: send the user_id as the key." in finding.text
    assert str(finding.mend).startswith("key = user_id, for instance echo 'ann:{")


def test_a_few_misplaced_events_are_fine_and_none_are_skipped() -> None:
    """One in a hundred costs nobody anything."""
    few = Events(4, [event("ann")] * 99 + by_crc(1))
    assert only(judge_placement(few, HERE)).status == "ok"
    assert only(judge_placement(Events(4, []), HERE)).status == "skip"


def test_events_from_the_future_tell_of_their_publisher_s_clock() -> None:
    """Ten minutes ahead is not refused, and is told."""
    finding = only(judge_event_times([event("ann", ahead=-1)] * 9 + [event("bob", ahead=600)]))
    assert finding.status == "warn"
    assert "10.0% of the newest events are from the future, by 10 min" in finding.text


def test_a_slow_clock_is_told_from_a_history() -> None:
    """All events ten minutes late alike: a clock or a queue. Scattered: people and replays."""
    late = only(judge_event_times([event("ann", ahead=-600 - n / 10) for n in range(20)]))
    assert (late.status, "10 min older" in late.text) == ("warn", True)
    assert constant_delay([-600.0 * n for n in range(20)]) is None
    assert constant_delay([-600.0] * 5) is None  # too few to tell
    assert only(judge_event_times([event("ann", ahead=-90 * n) for n in range(20)])).status == "ok"
    assert only(judge_event_times([event("ann")])).status == "skip"


@pytest.mark.parametrize(
    ("group", "status", "words"),
    [
        (Group("Stable", ["/10.0.0.1", "/10.0.0.2"]), "ok", "2 workers, at 10.0.0.1, 10.0.0.2"),
        (Group("Stable", ["/h"]), "ok", "1 worker, at h"),
        (Group("Empty", []), "fail", "no worker"),
        (Group("Dead", []), "fail", "is it the workers' HEADWATER_GROUP?"),
        (Group("PreparingRebalance", ["/h"]), "warn", "look again"),
        (Group("Stable", ["/h"] * 6), "warn", "2 of them have no event to read"),
    ],
)
def test_groups(group: Group, status: str, words: str) -> None:
    """Workers that are missing, and workers that are too many."""
    finding = only(judge_group(group, 4, HERE))
    assert (finding.status, words in finding.text) == (status, True), finding


def test_a_worker_s_command_has_the_flags_that_were_given() -> None:
    """Without `--group` it would start a worker of another group."""
    here = replace(HERE, worker_flags=" --group g")
    command = "headwater worker --broker kafka:9092 --group g"
    assert only(judge_group(Group("Empty", []), 4, here)).mend == command
    waiting = [Waiting("t.events", 0, 1, NOW - 100_000)]
    assert only(judge_lag(waiting, NOW, 0, here)).mend == command


def test_what_will_be_removed_before_it_is_read_is_a_failure() -> None:
    """From half of the retention on; the mending is longer than what is in force."""
    waiting = [Waiting("t.events", 0, 1, NOW - 100_000)]
    assert only(judge_lag(waiting, NOW, 1, HERE, {"t.events": 1_000_000})).status == "warn"
    _, soon = judge_lag(waiting, NOW, 1, HERE, {"t.events": 150_000})
    assert (soon.status, "removed when it is 2 min old" in soon.text) == ("fail", True)
    old = [Waiting("t.events", 0, 1, NOW - 600_000_000)]
    _, soon = judge_lag(old, NOW, 1, HERE, {"t.events": 604_800_000})
    assert soon.mend == "headwater topics mend --retention-hours 336 --broker kafka:9092"


def test_lag_is_told_by_partition_in_records_and_in_age() -> None:
    """What is young is fine; what is old fails at once where nobody reads it."""
    waiting = [
        Waiting("t.events", 0, 5, NOW - 1000),
        Waiting("t.events", 1, 7, NOW - 100_000),
        Waiting("t.items", 0, 2, NOW - 500),
        Waiting("t.users", 0, 1, None),  # removed by retention before it was read
    ]
    slow, fine = judge_lag(waiting, NOW, 1, HERE)
    assert slow.status == "warn"
    assert "t.events: 12 records wait, the oldest for 100 s: [1] 7 (100 s)." in slow.text
    assert "items 2, users 1" in fine.text
    unread, _ = judge_lag(waiting, NOW, 0, HERE)
    assert (unread.status, unread.mend) == ("fail", "headwater worker --broker kafka:9092")
    old, *_ = judge_lag(waiting, NOW + 600_000, 2, HERE)
    assert old.status == "fail"


def test_dead_letters_are_told_by_reason_the_most_first() -> None:
    """Each with the command that shows them, also a reason that a later release adds."""
    found = list(judge_dead_letters(DeadLetters({"json": 1, "type": 5, "novel": 2}), HERE))
    assert [f.text.split(" ")[0] for f in found] == ["5", "2", "1"]
    assert "HEADWATER_EVENT_TYPES" in found[0].text
    assert "does not know" in found[1].text
    assert str(found[2].mend).startswith("kcat -C -b kafka:9092 -t t.dead-letters ")
    many = only(judge_dead_letters(DeadLetters({"json": 9999}, more=True), HERE))
    assert many.text.startswith("At least 9999 records")
    assert only(judge_dead_letters(DeadLetters({}), HERE)).status == "ok"


@pytest.mark.parametrize(
    ("page", "asked", "statuses", "words"),
    [
        (PAGE, True, ["ok"], "serves model abc"),
        (Page("w:1", error="Nobody."), True, ["fail"], "Nobody."),
        (Page("w:1", error="Nobody."), False, ["skip"], "--worker HOST:PORT"),
        (Page("w:1", "Silence.", silent=True), False, ["fail"], "frozen or starved"),
        (Page("w:1", health="no Kafka"), True, ["fail"], "not well: no Kafka"),
        (Page("w:1", readiness="recovering"), True, ["warn"], "not ready: recovering"),
        (Page("w:1", ahead=2.0), True, ["ok"], "is ready"),
        (Page("w:1", ahead=-600.0), True, ["ok", "fail"], "10 min behind"),
        (Page("w:1", ahead=10.0), True, ["ok", "warn"], "10 s ahead of"),
    ],
)
def test_pages(page: Page, asked: bool, statuses: list[str], words: str) -> None:
    """One that nobody asked for may be missing."""
    findings = list(judge_page(page, asked, HERE))
    assert [finding.status for finding in findings] == statuses
    assert words in findings[-1].text
    assert ("kill -TERM PID; after 5 s kill -KILL PID" in str(findings[0].mend)) == page.silent


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free space there, or HEADWATER_STATE_DIR="),
        (errno.EDQUOT, "free space there"),
        (errno.EACCES, "sudo mkdir -p s && sudo chown -R $USER s"),
        (errno.ENOTDIR, "HEADWATER_STATE_DIR=FOLDER"),
        (errno.EROFS, "HEADWATER_STATE_DIR=FOLDER"),
    ],
)
def test_a_state_directory_is_mended_by_what_is_wrong_with_it(number: int, words: str) -> None:
    """Rights do not help a full disk, nor a path that is a file."""
    finding = only(judge_state(StateDir("s", True, "refused", 10**11, number), elsewhere=False))
    assert words in str(finding.mend)
    assert ("chown" in str(finding.mend)) == (number == errno.EACCES)


@pytest.mark.parametrize(
    ("state", "elsewhere", "status", "words"),
    [
        (StateDir("s", True, None, 10**11), False, "ok", "100.0 GB are free"),
        (StateDir("s", False, None, 10**11), False, "ok", "can be made"),
        (StateDir("s", False, None, 10**11), True, "skip", "elsewhere"),
        (StateDir("s", True, "Read-only file system", 10**11), False, "fail", "Read-only"),
        (StateDir("s", True, None, 10**9), False, "warn", "1,000 MB"),
        (StateDir("s", True, None, 10**8), True, "fail", "100 MB"),
    ],
)
def test_state(state: StateDir, elsewhere: bool, status: str, words: str) -> None:
    """A full disk stops a worker; one that is nearly full warns."""
    finding = only(judge_state(state, elsewhere))
    assert (finding.status, words in finding.text) == (status, True), finding


@pytest.mark.parametrize(
    ("model", "served", "status", "mend"),
    [
        (Model(None), ["a"], "ok", None),
        (Model("m", "a"), ["a"], "ok", None),
        (Model("m", "a"), [], "ok", None),
        (Model("m", "a"), ["b"], "warn", "HEADWATER_MODEL=m"),
        (Model(None), ["a", "b"], "fail", "same HEADWATER_MODEL"),
        (Model("m", error="m is damaged."), ["a"], "fail", "--events EVENTS --out m,"),
        (
            Model(
                "m", error="Trained, trained with repeats=allow, but setting repeats is exclude."
            ),
            [],
            "fail",
            "HEADWATER_REPEATS=allow",
        ),
    ],
)
def test_models(model: Model, served: list[str], status: str, mend: str | None) -> None:
    """What this machine would serve, beside what the workers do."""
    finding = only(judge_model(model, [Page("w:1", models=[name]) for name in served]))
    assert finding.status == status
    assert finding.mend == mend or mend in str(finding.mend)


@pytest.mark.parametrize(
    ("prometheus", "statuses", "words"),
    [
        (Prometheus("http://p", workers=2), ["ok"], "reads 2 of the workers"),
        (Prometheus("http://p", workers=1), ["fail"], "reads 1 of 2 workers"),
        (Prometheus("http://p", error="Connection refused"), ["fail"], "Connection refused"),
        (Prometheus("http://p", workers=1, down=["http://w/metrics"]), ["fail"], "not reach"),
        (Prometheus("http://p", workers=2, firing=["Lag"]), ["ok", "warn"], "the alert Lag"),
    ],
)
def test_prometheus(prometheus: Prometheus, statuses: list[str], words: str) -> None:
    """Reachable, reading every worker, and without alerts."""
    findings = list(judge_prometheus(prometheus, 2))
    assert [finding.status for finding in findings] == statuses
    assert words in findings[-1].text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.3, "0.3 s"),
        (-12, "12 s"),
        (119, "119 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (2e5, "2 days"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    """As a person says them, without a sign."""
    assert duration(seconds) == said
