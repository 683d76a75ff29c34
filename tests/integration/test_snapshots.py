"""A worker with a net: killed, and started again with another snapshot, it stays exact."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

from confluent_kafka import Producer
from support.client import latest, read_all, uncommitted, wait_until
from support.load import ITEMS, Load
from support.nets import random_mixture
from support.oracle import LEARNER, compare
from support.workers import Worker

from models.mixture import Mixture
from stream.settings import Settings
from stream.topics import Topics, ensure

RATE = 300.0  # events a second
KILLS = 3


def hired(settings: Settings, folder: Path, name: str, model: Mixture | None) -> Worker:
    """Return a started worker that serves the model, on the state that its namesakes left."""
    served = {}
    if model is not None:
        served["model"] = folder / f"{model.version.hex()}.safetensors"
        model.save(served["model"])
    return Worker(
        settings, name, folder, session_timeout=6, heartbeat_interval=1.5, **served
    ).start()


def settled(settings: Settings, load: Load, worker: Worker) -> None:
    """Return when the load is published, everything committed and the worker has left."""
    load.join()
    assert not load.failed
    topics = Topics(settings)
    inputs = [topics.events.name, topics.user_input.name, topics.item_feedback.name]
    wait_until(
        lambda: uncommitted(settings.broker, settings.group, inputs) == 0, 60, "all committed"
    )
    assert worker.leave()[0] == 0, worker.tail()


def acted_since(settings: Settings, moment: float) -> set[str]:
    """Return the users of events that the broker took after the moment (s since 1970)."""
    return {
        json.loads(read.value or b"{}")["user_id"]
        for read in read_all(settings.broker, Topics(settings).events.name)
        if read.time > moment * 1000
    }


def test_rows_of_another_version_are_rebuilt_when_their_users_act(
    settings: Settings, tmp_path: Path
) -> None:
    """Without a snapshot, then with one, killed, then with another: no user is left behind.

    Who has acted since has fast weights as if the last snapshot had always been there; of the
    others the row is the one that an earlier version made. What is no model's is exact for all.
    """
    one, two = random_mixture(1, ITEMS[::2]), random_mixture(2, ITEMS[::3])
    asyncio.run(ensure(settings))
    topics = Topics(settings)
    load = Load(settings.broker, topics.events.name, topics.events.partitions, 9000, RATE)
    plain = hired(settings, tmp_path, "a", None).wait_ready()
    load.start()
    time.sleep(5)
    assert plain.leave()[0] == 0, plain.tail()
    first = hired(settings, tmp_path, "a", one).wait_ready()
    time.sleep(4)
    first.kill()
    restarted = time.time()
    second = hired(settings, tmp_path, "a", two).wait_ready()
    assert (
        f'headwater_model_info{{role="live",version="{two.version.hex()}"}} 1.0'
        in (second.page("/metrics")[1])
    )
    settled(settings, load, second)
    outcome = compare(settings, LEARNER, one, two)
    assert outcome.found == []
    assert (outcome.users > 1000, outcome.both_paths > 50) == (True, True)
    since = acted_since(settings, restarted)
    assert {outcome.version[user] for user in since} == {two.version.hex()}
    assert {outcome.model[user] for user in since} == {two.version.hex()}
    named = Counter(
        json.loads(read.value or b"{}")["model"]
        for read in read_all(settings.broker, topics.recommendations.name)
    )
    assert named.keys() == {learner.version.hex() for learner in (LEARNER, one, two)}


def announce(settings: Settings) -> None:
    """Announce all items, each with a category and a number that a sample's net knows."""
    producer = Producer({"bootstrap.servers": settings.broker})
    for number, item in enumerate(ITEMS):
        content = {"categories": [f"kind-{number % 7}"], "attributes": {"size": number % 11}}
        value = json.dumps({"item_id": item, **content}).encode()
        producer.produce(Topics(settings).items.name, value, item)
    assert producer.flush(30) == 0


def test_a_worker_with_a_net_that_is_killed_again_and_again_ends_exact(
    settings: Settings, tmp_path: Path
) -> None:
    """Fast weights, too, have each event once: of items by their id, their content, or both."""
    asyncio.run(ensure(settings))
    topics = Topics(settings)
    model = random_mixture(3, ITEMS[::2])
    announce(settings)
    worker = hired(settings, tmp_path, "a", model).wait_ready()
    wait_until(
        lambda: len(latest(read_all(settings.broker, topics.item_vectors.name))) >= len(ITEMS),
        20,
        "a row for each item",
    )
    worker.kill()  # the next one's catalogue has all announcements from the beginning
    load = Load(settings.broker, topics.events.name, topics.events.partitions, 9000, RATE)
    for kill in range(KILLS):
        worker = hired(settings, tmp_path, "a", model).wait_ready()
        if kill == 0:
            load.start()
        time.sleep(3)
        worker.kill()
        if kill % 2:
            worker.wipe()
    settled(settings, load, hired(settings, tmp_path, "a", model).wait_ready())
    outcome = compare(settings, model)
    assert outcome.found == []
    assert (outcome.users > 1000, outcome.items > 1000, outcome.both_paths > 50) == (True,) * 3
