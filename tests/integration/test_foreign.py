"""Other systems' messages through a real worker: understood on both hops, or set aside whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from support.client import latest, read_all, wait_until
from support.workers import Worker

from agents.keys import row_id
from agents.rows import UserRow
from stream.placement import partition_of
from stream.settings import Settings
from stream.topics import Topics

TIME = "2024-05-01T10:00:00Z"
MESSAGES: dict[str, tuple[dict[str, Any], dict[str, bytes]]] = {
    "gorse": (
        {"FeedbackType": "star", "UserId": "gorse", "ItemId": "a", "Timestamp": TIME},
        {},
    ),
    "metarank": (
        {
            "event": "interaction",
            "id": "m1",
            "user": "metarank",
            "type": "click",
            "item": "a",
            "timestamp": "1714557600000",
        },
        {},
    ),
    "structured": (
        {
            "specversion": "1.0",
            "id": "s1",
            "source": "/shop",
            "type": "com.shop.item.like",
            "time": TIME,
            "datacontenttype": "application/json",
            "data": {"user_id": "structured", "item_id": "a"},
        },
        {"content-type": b"application/cloudevents+json; charset=UTF-8"},
    ),
    "binary": (
        {"user_id": "binary", "item_id": "a"},
        {
            "ce_specversion": b"1.0",
            "ce_id": b"b1",
            "ce_source": b"/shop",
            "ce_type": b"com.shop.item.like",
            "ce_time": TIME.encode(),
            "content-type": b"application/json",
        },
    ),
}


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    """A ready worker."""
    started = Worker(settings, "a", tmp_path).start()
    yield started.wait_ready()
    started.kill()


def test_other_systems_messages_are_answered_and_their_mistakes_set_aside(
    settings: Settings, worker: Worker
) -> None:
    """Each is published twice, in its place and misplaced; an id that comes again counts once."""
    topics = Topics(settings)
    count = topics.events.partitions
    producer = Producer({"bootstrap.servers": settings.broker})
    for user, (message, headers) in MESSAGES.items():
        own = partition_of(user.encode(), count)
        for partition in (own, (own + 1) % count):
            value = json.dumps(message).encode()
            producer.produce(
                topics.events.name, value, partition=partition, headers=list(headers.items())
            )
    item = {"event": "item", "id": "x", "item": "b", "timestamp": TIME, "fields": []}
    producer.produce(topics.items.name, json.dumps(item), "b")
    producer.produce(
        topics.users.name, json.dumps({"UserId": "known", "Labels": {"a": 1}}), "known"
    )
    stare = json.dumps({"user_id": "u", "item_id": "a"}).encode()
    wrong = [("ce_id", b"w1"), ("ce_type", b"com.shop.stare")]
    producer.produce(topics.events.name, stare, "wrong-type", headers=wrong)
    producer.produce(topics.events.name, json.dumps(item), "wrong-topic")
    assert producer.flush(10) == 0

    def rows() -> dict[str | None, UserRow]:
        stored = latest(read_all(settings.broker, topics.user_rows.name))
        return {
            row_id(key): UserRow.unpack(read.value)
            for key, read in stored.items()
            if key and row_id(key) and read.value
        }

    def both_hops_are_done() -> bool:
        found = rows()
        return all(user in found and len(found[user].offsets) == 2 for user in MESSAGES)

    wait_until(both_hops_are_done, 20, "both records of each user in their rows")
    with_id = {user: len(row.event_ids) for user, row in rows().items() if user in MESSAGES}
    assert with_id == {"gorse": 0, "metarank": 1, "structured": 1, "binary": 1}
    wait_until(lambda: "known" in lists(settings, topics), 20, "the profile's list")
    answered = lists(settings, topics)
    for user in MESSAGES:
        assert answered[user]["event_time"] == "2024-05-01T10:00:00Z"
    wait_until(
        lambda: len(read_all(settings.broker, topics.dead_letters.name)) == 2, 20, "dead letters"
    )
    letters = {
        (read.key or b"").decode(): read
        for read in read_all(settings.broker, topics.dead_letters.name)
    }
    assert letters["wrong-type"].headers["reason"] == b"type"
    assert letters["wrong-type"].value == stare
    assert letters["wrong-type"].headers["ce_type"] == b"com.shop.stare"
    assert letters["wrong-topic"].headers["reason"] == b"schema"
    assert b"belongs on the topic items" in letters["wrong-topic"].headers["error"]


def lists(settings: Settings, topics: Topics) -> dict[str, dict[str, Any]]:
    """Return each user's newest list as an outside reader sees it."""
    reads = latest(read_all(settings.broker, topics.recommendations.name))
    return {
        key.decode(): json.loads(read.value) for key, read in reads.items() if key and read.value
    }
