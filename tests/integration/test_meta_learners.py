"""A snapshot of a meta-learner behind a worker: lists are what it says of ring and profile."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer
from support.client import latest, read_all, wait_until
from support.tasks import ITEMS, synthetic
from support.workers import Worker

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from models.catalogue import Catalogue
from models.content import Content
from models.events import EventBatch, type_code
from models.hashing import item_hashes
from models.meta import learner_of
from models.meta.learner import MetaLearner
from models.user_states import UserStates
from stream.settings import Settings
from stream.topics import Topics, ensure

NAMES = [f"i{number}" for number in range(ITEMS)] + ["fresh-0", "fresh-1"]
CONTENTS = [Content(categories=(f"side-{number % 2}",)) for number in range(len(NAMES))]
TIME = 1_600_000_000_000


@pytest.fixture(scope="module")
def learners() -> list[MetaLearner]:
    """By closed form, by steps of a head, and by steps that need torch; each trained a little."""
    world, tasks = synthetic()
    made = []
    for name in ("bayes", "anil", "maml"):
        few = {"size": 3, "rounds": 6, "epochs": 2}
        learner = learner_of(name, few).meta_train(world, tasks)
        made.append(learner.with_popularity(world, tasks))
    return made


def announce(settings: Settings) -> None:
    """Announce all items, of which training has not known the last two."""
    producer = Producer({"bootstrap.servers": settings.broker})
    for name, content in zip(NAMES, CONTENTS, strict=True):
        value = json.dumps({"item_id": name, "categories": list(content.categories)})
        producer.produce(Topics(settings).items.name, value.encode(), name)
    assert producer.flush(30) == 0


def ratings(likes: int) -> list[tuple[str, float]]:
    """Twelve ratings by a user who likes even (0) or odd (1) items."""
    return [(f"i{number}", 5.0 if number % 2 == likes else 1.0) for number in range(12)]


def publish(settings: Settings, user: str, likes: int) -> None:
    """Publish the ratings as one user's events."""
    producer = Producer({"bootstrap.servers": settings.broker, "partitioner": "murmur2_random"})
    for place, (item, value) in enumerate(ratings(likes)):
        event = {"user_id": user, "item_id": item, "type": "rate", "value": value}
        event["timestamp"] = TIME + 1000 * place
        producer.produce(Topics(settings).events.name, json.dumps(event).encode(), user)
    assert producer.flush(30) == 0


def introduce(settings: Settings, user: str, group: str) -> None:
    """Publish a profile."""
    producer = Producer({"bootstrap.servers": settings.broker, "partitioner": "murmur2_random"})
    value = json.dumps({"user_id": user, "attributes": {"group": group}})
    producer.produce(Topics(settings).users.name, value.encode(), user)
    assert producer.flush(30) == 0


def told(settings: Settings, user: str, model: str, topic: str) -> list[str]:
    """The model's list for the user, once it answers the last of the user's in the topic."""
    found: list[str] = []

    def answered() -> bool:
        own = [read for read in read_all(settings.broker, topic) if read.key == user.encode()]
        lists = latest(read_all(settings.broker, Topics(settings).recommendations.name))
        said = json.loads(lists[user.encode()].value or b"{}") if user.encode() in lists else {}
        source = said.get("source", {})
        if (source.get("topic"), source.get("offset")) != (topic, own[-1].offset):
            return False
        assert said["model"] == model
        found[:] = [item["item_id"] for item in said["items"]]
        return True

    wait_until(answered, 30, f"a list for {user}")
    return found


def everything(learner: MetaLearner) -> Catalogue:
    """The learner's catalogue of all items."""
    catalogue = learner.catalogue()
    catalogue.update(NAMES, [True] * len(NAMES), [0] * len(NAMES), [None] * len(NAMES))
    catalogue.describe(NAMES, CONTENTS)
    return catalogue


def wanted(learner: MetaLearner, likes: int) -> list[str]:
    """The list of the learner alone, without Kafka."""
    catalogue = everything(learner)
    items, values = zip(*ratings(likes), strict=True)
    value = np.array(values)
    events = EventBatch.of(
        np.zeros(len(items), dtype=np.int32), item_hashes(items),
        np.full(len(items), type_code("rate")), value, TIME + 1000 * np.arange(len(items)),
        value >= 4,
    )  # fmt: skip
    states, _ = learner.adapt(learner.initial(1), events, catalogue)
    return listed(learner, states, catalogue)


def at_once(learner: MetaLearner, group: str) -> list[str]:
    """The list of the learner alone for a user who has but a profile."""
    states = replace(learner.initial(1), profiles=({"group": group},))
    return listed(learner, states, everything(learner))


def listed(learner: MetaLearner, states: UserStates, catalogue: Catalogue) -> list[str]:
    """The ids that the learner says."""
    lists = learner.recommend(states, learner.initial_gate(), catalogue, 10)
    return catalogue.ids(lists.position[0])


def test_a_worker_serves_what_a_meta_learner_says(
    settings: Settings, tmp_path: Path, learners: list[MetaLearner]
) -> None:
    """One after the other on the same rows; users of two tastes or profiles have unlike lists."""
    topics = Topics(settings)
    asyncio.run(ensure(settings))
    announce(settings)
    for learner in learners:
        path = tmp_path / f"{learner.name}.safetensors"
        learner.save(path)
        worker = Worker(settings, "a", tmp_path, model=path).start().wait_ready()
        known = f"headwater_catalogue_items {len(NAMES):.1f}"
        wait_until(lambda of=worker, known=known: known in of.page("/metrics")[1], 30, known)
        lists = []
        for likes in (0, 1):
            user = f"{learner.name}-{likes}"
            publish(settings, user, likes)
            lists.append(told(settings, user, learner.version.hex(), topics.events.name))
            assert lists[-1] == wanted(learner, likes)
        for group in ("g0", "g1"):
            user = f"{learner.name}-{group}"
            introduce(settings, user, group)
            lists.append(told(settings, user, learner.version.hex(), topics.users.name))
            assert lists[-1] == at_once(learner, group)
        assert lists[0] != lists[1]
        assert lists[2] != lists[3]
        assert worker.leave()[0] == 0
        assert f"the learner {learner.name}" in worker.tail()
