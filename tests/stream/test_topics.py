"""The declaration of all topics, and what about a found one would break a guarantee."""

from dataclasses import replace

import pytest

from stream.settings import Settings
from stream.topics import INTERNAL_BYTES, Complaint, Described, Topic, Topics, check

SETTINGS = Settings(topic_prefix="t.", partitions=4)
TOPICS = Topics(SETTINGS)


def found(**changes: Described) -> dict[str, Described]:
    """All topics as declared, with changes by attribute name."""
    there = {t.name: Described(t.name, t.partitions, dict(t.config)) for t in TOPICS}
    return there | {getattr(TOPICS, name).name: changed for name, changed in changes.items()}


def as_declared(topic: Topic, **config: str) -> Described:
    """A topic as declared, its configuration changed (underscores for dots)."""
    changed = {name.replace("_", "."): value for name, value in config.items()}
    return Described(topic.name, topic.partitions, dict(topic.config) | changed)


def said(complaint: Complaint | None) -> str:
    """What a person reads."""
    return complaint.said(SETTINGS) if complaint else ""


def test_the_names_are_the_design_s() -> None:
    """Ten topics under the prefix."""
    assert {topic.name for topic in TOPICS} == {
        "t.events",
        "t.items",
        "t.users",
        "t.recommendations",
        "t.models",
        "t.dead-letters",
        "t.user-input",
        "t.item-feedback",
        "t.item-vectors",
        "t.user-rows",
    }


def test_topics_as_declared_are_fine() -> None:
    """What we create, we accept."""
    assert [check(topic, found()) for topic in TOPICS] == [None] * 10


def test_a_pair_takes_the_count_of_what_exists() -> None:
    """When events has 6 partitions, what must have as many is made with 6, the rest with 4."""
    topics = Topics(SETTINGS, {"t.events": 6, "t.item-vectors": 3})
    assert (topics.user_input.partitions, topics.user_rows.partitions) == (6, 6)
    assert (topics.item_feedback.partitions, topics.item_vectors.partitions) == (3, 3)
    assert (topics.recommendations.partitions, topics.items.partitions) == (4, 4)


@pytest.mark.parametrize("name", ["user_input", "user_rows", "item_feedback", "item_vectors"])
def test_another_partition_count_is_refused(name: str) -> None:
    """The message names both topics, both counts and what to do."""
    topic = getattr(TOPICS, name)
    complaint = said(check(topic, found(**{name: replace(as_declared(topic), partitions=5)})))
    assert topic.name in complaint
    assert "5 partitions" in complaint
    assert topic.same_count_as in complaint
    assert "Delete" in complaint


@pytest.mark.parametrize(
    ("name", "config", "wanted"),
    [
        (
            "events",
            {"message_timestamp_type": "CreateTime"},
            "message.timestamp.type=LogAppendTime",
        ),
        ("recommendations", {"message_timestamp_type": "CreateTime"}, "LogAppendTime"),
        ("events", {"cleanup_policy": "compact"}, "cleanup.policy=delete"),
        ("user_input", {"cleanup_policy": "compact,delete"}, "cleanup.policy=delete"),
        ("dead_letters", {"cleanup_policy": "compact"}, "cleanup.policy=delete"),
        ("items", {"cleanup_policy": "delete"}, "cleanup.policy=compact"),
        ("users", {"cleanup_policy": "compact,delete"}, "cleanup.policy=compact"),
        ("item_vectors", {"cleanup_policy": "delete"}, "cleanup.policy=compact"),
        ("user_rows", {"max_message_bytes": "1048588"}, f"max.message.bytes={INTERNAL_BYTES}"),
        ("dead_letters", {"max_message_bytes": "1048588"}, f"max.message.bytes={INTERNAL_BYTES}"),
    ],
)
def test_a_configuration_that_breaks_a_guarantee_is_refused(
    name: str, config: dict[str, str], wanted: str
) -> None:
    """The message names the topic, what is required, what came and the command that mends it."""
    topic = getattr(TOPICS, name)
    complaint = said(check(topic, found(**{name: as_declared(topic, **config)})))
    assert f"Topic {topic.name} requires" in complaint
    assert wanted in complaint
    assert complaint.endswith("Mend it with `headwater topics mend --topic-prefix t.`.")


def test_times_of_items_and_users_are_not_insisted_on() -> None:
    """We make them with the broker's time, but another's topics with the client's time are fine."""
    items = as_declared(TOPICS.items, message_timestamp_type="CreateTime")
    assert check(TOPICS.items, found(items=items)) is None


def test_a_missing_topic_says_how_to_make_it() -> None:
    """Nothing found, nothing assumed."""
    assert "`headwater topics create --topic-prefix t.`" in said(check(TOPICS.events, {}))


def test_all_that_is_wrong_with_a_topic_is_said_at_once() -> None:
    """Nobody mends one entry to hear of the next."""
    wrong = as_declared(TOPICS.events, cleanup_policy="compact", message_timestamp_type="none")
    complaint = check(TOPICS.events, found(events=wrong))
    assert "cleanup.policy=delete, message.timestamp.type=LogAppendTime, got" in said(complaint)
    away = Settings(broker="kafka:9093")
    assert complaint is not None
    assert "`headwater topics mend --broker kafka:9093`" in complaint.said(away)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"retention_ms": "3600000"}, 3_600_000),
        ({"retention_ms": "-1"}, None),
        ({"retention_ms": "3600000", "cleanup_policy": "compact"}, None),
        ({}, None),
    ],
)
def test_how_long_records_are_kept(config: dict[str, str], kept: int | None) -> None:
    """Time removes nothing where only newer records of a key do, or where nothing is told."""
    assert as_declared(TOPICS.events, **config).retention_ms == kept
