"""The whole loop with outside clients: events in, rows, lists, dead letters and catalogue out."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from support.client import Read, latest, read_all, wait_until
from support.workers import Worker

from agents.keys import row_id
from agents.rows import ItemRow, UserRow
from models.item_states import ItemStates
from stream.settings import Settings
from stream.topics import Topics


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    """A ready worker with a quickly refreshed default list."""
    started = Worker(settings, "a", tmp_path, default_list_interval=0.3).start()
    yield started.wait_ready()
    started.kill()


@pytest.fixture
def topics(settings: Settings) -> Topics:
    """The names of the test's topics."""
    return Topics(settings)


@pytest.fixture
def publish(settings: Settings) -> Callable[..., None]:
    """Publish JSON or bytes with confluent-kafka, placed by its own default partitioner (CRC32)."""
    producer = Producer({"bootstrap.servers": settings.broker})

    def send(topic: str, value: Any, key: str | None = None) -> None:
        raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, raw, key)
        assert producer.flush(10) == 0

    return send


def lists(settings: Settings, topics: Topics) -> dict[str, dict[str, Any]]:
    """Return each user's newest list as an outside reader sees it."""
    reads = latest(read_all(settings.broker, topics.recommendations.name))
    return {
        key.decode(): json.loads(read.value) for key, read in reads.items() if key and read.value
    }


def rows(settings: Settings, topic: str) -> dict[str, Read]:
    """Return the newest row of each id from a changelog."""
    return {
        row_id(key): read  # type: ignore[misc]
        for key, read in latest(read_all(settings.broker, topic)).items()
        if key and row_id(key) and read.value
    }


def rate(user: str, item: str, value: float = 5) -> dict[str, Any]:
    """Return a rating of now."""
    return {"user_id": user, "item_id": item, "type": "rate", "value": value}


def test_an_event_of_any_client_gives_one_row_and_one_list(
    settings: Settings, topics: Topics, worker: Worker, publish: Callable[..., None]
) -> None:
    """By confluent-kafka's CRC32, by aiokafka's murmur2, and without any key."""

    async def by_aiokafka() -> None:
        async with AIOKafkaProducer(bootstrap_servers=settings.broker) as producer:
            value = json.dumps(rate("by-aiokafka", "x")).encode()
            await producer.send_and_wait(topics.events.name, value, key=b"by-aiokafka")

    publish(topics.events.name, rate("by-confluent", "x"), "by-confluent")
    publish(topics.events.name, rate("without-key", "x"))
    publish(topics.events.name, rate("wrong-key", "x"), "somebody else")
    asyncio.run(by_aiokafka())
    users = {"by-confluent", "without-key", "wrong-key", "by-aiokafka"}
    wait_until(lambda: users <= lists(settings, topics).keys(), 20, "a list for each user")
    events = read_all(settings.broker, topics.events.name)
    place_of = {json.loads(e.value or b"")["user_id"]: (e.partition, e.offset) for e in events}
    published = [r.key for r in read_all(settings.broker, topics.recommendations.name)]
    stored = rows(settings, topics.user_rows.name)
    for user in users:
        source = lists(settings, topics)[user]["source"]
        assert source["topic"] == topics.events.name
        assert (source["partition"], source["offset"]) == place_of[user]
        assert published.count(user.encode()) == 1
        assert UserRow.unpack(stored[user].value).offsets == dict([place_of[user]])
    feedback = ItemRow.unpack(rows(settings, topics.item_vectors.name)["x"].value or b"")
    assert ItemStates.unpack([feedback.payload]).facts(0)["events"] == len(users)


def test_broken_events_are_set_aside_and_the_next_is_served(
    settings: Settings, topics: Topics, worker: Worker, publish: Callable[..., None]
) -> None:
    """Each bad record lies in dead-letters with its bytes, key, reason and place."""
    bad: dict[str, Any] = {
        "json": b'{"user_id": "u", "item',
        "schema": ["no", "object"],
        "type": {"user_id": "u", "item_id": "i", "type": "stare"},
        "id": {"user_id": "x" * 257, "item_id": "i", "type": "click"},
        "timestamp": {"user_id": "u", "item_id": "i", "type": "click", "timestamp": 5},
        "value": b'{"user_id":"u","item_id":"i","type":"rate","value":1e999}',
    }
    for reason, value in bad.items():
        publish(topics.events.name, value, f"key-{reason}")
    publish(topics.events.name, {"user_id": "*", "item_id": "i", "type": "click"}, "star")
    publish(topics.items.name, {"item_id": "e", "embedding": ["not a number"]}, "e")
    publish(topics.users.name, None, "forget-me")
    publish(topics.events.name, rate("good", "i"), "good")
    wait_until(lambda: "good" in lists(settings, topics), 20, "the good event's list")
    wait_until(
        lambda: len(read_all(settings.broker, topics.dead_letters.name)) == len(bad) + 3,
        20,
        "all dead letters",
    )
    letters = read_all(settings.broker, topics.dead_letters.name)
    by_key = {(letter.key or b"").decode(): letter for letter in letters}
    for reason, value in bad.items():
        letter = by_key[f"key-{reason}"]
        assert letter.headers["reason"].decode() == reason
        assert letter.headers["topic"].decode() == topics.events.name
        assert letter.value == (value if isinstance(value, bytes) else json.dumps(value).encode())
        assert letter.headers["error"]
        assert int(letter.headers["partition"]) >= 0
        assert int(letter.headers["offset"]) >= 0
    assert by_key["star"].headers["reason"] == b"id"
    assert by_key["e"].headers["reason"] == b"embedding"
    assert by_key["forget-me"].headers["reason"] == b"unsupported"


def test_events_compressed_by_any_codec_are_read(
    settings: Settings, topics: Topics, worker: Worker
) -> None:
    """A small one is answered; one that is too large once unpacked is set aside in part."""
    codecs = ("gzip", "snappy", "lz4", "zstd")
    large = json.dumps(rate("large", "x") | {"context": {"text": "x" * 3_000_000}}).encode()
    for codec in codecs:
        producer = Producer(
            {
                "bootstrap.servers": settings.broker,
                "compression.codec": codec,
                "message.max.bytes": 5_000_000,
            }
        )
        for user, value in ((f"large-{codec}", large), (codec, json.dumps(rate(codec, "x")))):
            producer.produce(topics.events.name, value, user)
            assert producer.flush(10) == 0
    wait_until(lambda: set(codecs) <= lists(settings, topics).keys(), 20, "the small ones' lists")
    letters = latest(read_all(settings.broker, topics.dead_letters.name))
    for codec in codecs:
        letter = letters[f"large-{codec}".encode()]
        assert (letter.headers["reason"], letter.value) == (b"size", large[:65_536])


def test_an_announced_item_is_listed_for_everyone_and_a_withdrawn_one_no_more(
    settings: Settings, topics: Topics, worker: Worker, publish: Callable[..., None]
) -> None:
    """Users of whom nothing is known have the list under `*`; a profile alone yields a list too."""
    for item in ("a", "b", "c"):
        publish(topics.items.name, {"item_id": item, "title": item.upper()}, item)
    wait_until(lambda: _listed(settings, topics, "*") == {"a", "b", "c"}, 20, "* lists all")
    star = lists(settings, topics)["*"]
    assert (star["source"], star["lag_seconds"], star["cause"]) == (None, None, "item")
    publish(topics.users.name, {"user_id": "new", "attributes": {"age": 30}}, "new")
    wait_until(lambda: "new" in lists(settings, topics), 20, "the profile's list")
    answer = lists(settings, topics)["new"]
    assert (answer["cause"], answer["source"]["topic"]) == ("profile", topics.users.name)
    publish(topics.items.name, None, "b")
    wait_until(lambda: _listed(settings, topics, "*") == {"a", "c"}, 20, "b is gone from *")
    publish(topics.events.name, rate("u", "a"), "u")
    wait_until(lambda: _listed(settings, topics, "u") == {"c"}, 20, "u is not shown a again")


def _listed(settings: Settings, topics: Topics, user: str) -> set[str]:
    answer = lists(settings, topics).get(user, {"items": []})
    return {item["item_id"] for item in answer["items"]}


def test_lists_leave_out_all_that_the_user_has_had(
    settings: Settings, topics: Topics, worker: Worker, publish: Callable[..., None]
) -> None:
    """Not only the fifty items of the ring: the first of sixty is still left out."""
    for number in range(60):
        publish(topics.events.name, rate("u", f"i{number}"))
    publish(topics.events.name, rate("other", "fresh"))
    wait_until(lambda: "other" in lists(settings, topics), 20, "the other's list")
    time.sleep(1)  # the catalogue learns of `fresh`
    publish(topics.events.name, rate("u", "i0"))
    wait_until(lambda: _listed(settings, topics, "u") == {"fresh"}, 20, "only what is new to u")


def test_a_record_that_breaks_the_fold_is_found_and_set_aside(
    settings: Settings, topics: Topics, tmp_path: Path, publish: Callable[..., None]
) -> None:
    """The rest of its run is applied, and the worker goes on."""
    worker = Worker(settings, "p", tmp_path).start("support.failing").wait_ready()
    try:
        for number in range(20):
            publish(topics.events.name, rate(f"u{number}", "poison" if number == 9 else "i"))
        wait_until(
            lambda: len(lists(settings, topics).keys() - {"*"}) == 19, 20, "19 users have a list"
        )
    finally:
        worker.kill()
    (letter,) = read_all(settings.broker, topics.dead_letters.name)
    assert letter.headers["reason"] == b"fold"
    assert b"ZeroDivisionError" in letter.headers["error"]
    assert json.loads(letter.value or b"")["item_id"] == "poison"
    assert "u9" not in rows(settings, topics.user_rows.name)


def test_a_fold_that_fails_on_everything_stops_the_worker_loudly(
    settings: Settings,
    topics: Topics,
    tmp_path: Path,
    publish: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No record is to blame, so none is set aside: the process ends with code 1 and says why."""
    monkeypatch.setenv("FAIL", "always")
    worker = Worker(settings, "f", tmp_path).start("support.failing").wait_ready()
    publish(topics.events.name, rate("u", "i"))
    wait_until(lambda: not worker.running, 15, "the worker has ended")
    assert worker.leave()[0] == 1
    assert "the learner cannot take this item" in worker.tail()
    assert read_all(settings.broker, topics.dead_letters.name) == []
