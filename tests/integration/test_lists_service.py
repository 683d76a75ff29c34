"""The example that serves lists over HTTP: against a real Kafka, as a process of its own."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from support.client import wait_until

from stream import topics
from stream.broker import free_port
from stream.settings import Settings
from stream.topics import Topics

PROGRAM = Path(__file__).parents[2] / "deploy" / "examples" / "lists_service.py"
Publish = Callable[..., None]


class Service:
    """One process of the example."""

    def __init__(self, broker: str, prefix: str, log: Path, **more: str) -> None:
        self.port = free_port()
        environment = {"BROKER": broker, "PREFIX": prefix, "PORT": str(self.port)} | more
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM)],
                env=dict(os.environ) | environment,
                stdout=out,
                stderr=out,
            )

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a page; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def user(self, user_id: str) -> tuple[int, Any]:
        """The answer for a user."""
        return self.get(f"/users/{urllib.parse.quote(user_id, safe='')}")

    def ready(self) -> "Service":
        """Return once it has caught up."""
        wait_until(lambda: self.get("/healthz")[0] == 200, 20, "ready")
        return self


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a service for the test's topics; all are killed at its end."""
    asyncio.run(topics.ensure(settings))
    started = []

    def one(**more: str) -> Service:
        given = {"broker": settings.broker} | more
        service = Service(prefix=settings.topic_prefix, log=tmp_path / "log", **given)
        started.append(service)
        return service

    yield one
    for service in started:
        service.process.kill()
        service.process.wait()


@pytest.fixture
def publish(settings: Settings) -> Publish:
    """Publish lists as a worker would: each user's in one partition; None: forgotten."""
    producer = Producer({"bootstrap.servers": settings.broker, "partitioner": "murmur2_random"})
    topic = Topics(settings).recommendations.name

    def send(*lists: tuple[str, str | None]) -> None:
        for user, list_id in lists:
            value = None if list_id is None else json.dumps({"user_id": user, "list_id": list_id})
            producer.produce(topic, value, user)
        assert producer.flush(10) == 0

    return send


def served(service: Service, user: str) -> tuple[bool, str] | None:
    """Whether it is a fallback, and the list's id; None when not found."""
    status, body = service.user(user)
    assert status in {200, 404}
    return (body["fallback"], body["list"]["list_id"]) if status == 200 else None


STRANGE = ["a/b", "a%2Fb", "ünï", "a b+c", "?q=1#x", ".", "..", "%", '"', "\\", "日本", "a\tb", ";"]


def test_the_newest_list_of_each_user_is_served(
    start: Callable[..., Service], publish: Publish
) -> None:
    """Newer ones replace; the forgotten and the unknown get everyone's list, if there is one."""
    publish(("ann", "1"), ("bob", "1"), ("ann", "2"), ("gone", "1"), ("gone", None))
    publish(*((user, user) for user in STRANGE))
    service = start().ready()
    assert served(service, "ann") == (False, "2")
    assert {user: served(service, user) for user in STRANGE} == {
        user: (False, user) for user in STRANGE
    }
    assert served(service, "nobody") is None
    assert served(service, "gone") is None
    publish(("*", "everyone's"), ("bob", "2"), ("ann", None))
    wait_until(lambda: served(service, "ann") == (True, "everyone's"), 10, "forgotten")
    assert served(service, "bob") == (False, "2")
    assert served(service, "nobody") == (True, "everyone's")
    assert served(service, "gone") == (True, "everyone's")
    assert service.get("/users/%FF%FE")[0] == 200
    status, health = service.get("/healthz")
    assert (status, health["lists"], health["dropped"]) == (200, len(STRANGE) + 2, 0)
    publish(("*", None))
    wait_until(lambda: served(service, "nobody") is None, 10, "nothing for everyone")


def test_a_restart_reads_all_again_and_what_came_meanwhile(
    start: Callable[..., Service], publish: Publish
) -> None:
    """SIGTERM ends it with code 0 and at once; the next one serves the newest."""
    publish(("ann", "1"), ("bob", "1"))
    first = start().ready()
    assert served(first, "ann") == (False, "1")
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(5) == 0
    publish(("ann", "2"), ("bob", None))
    second = start().ready()
    assert served(second, "ann") == (False, "2")
    assert served(second, "bob") is None


def test_nothing_is_served_before_all_is_read(
    start: Callable[..., Service], publish: Publish
) -> None:
    """No fallback for a user whose list is still to be read: 503, until the last record is in."""
    publish(*((f"user-{number}", "old") for number in range(3000)), ("ann", "last"))
    service = start()
    answers = []
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (not answers or answers[-1][0] != 200):
        answers.append(service.user("ann"))
    assert answers[-1] == (200, {"fallback": False, "list": {"user_id": "ann", "list_id": "last"}})
    assert {status for status, _ in answers} <= {0, 503, 200}


def test_without_a_kafka_it_waits_and_says_so(start: Callable[..., Service]) -> None:
    """503 and a line in the log, and it can be stopped."""
    service = start(broker=f"127.0.0.1:{free_port()}")
    wait_until(lambda: service.get("/healthz")[0] == 503, 10, "503")
    assert service.user("ann")[0] == 503
    wait_until(lambda: "trying again" in service.log.read_text(), 10, "a line in the log")
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(5) == 0


@pytest.fixture
def lists() -> Any:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("lists_service", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_memory_is_bounded(lists: Any) -> None:
    """Over the bound those unchanged for longest go, never everyone's; the weight is exact."""
    kept = lists.Lists(10 * (lists.OVERHEAD + 4 + 100))
    kept.take(b"*", b"e" * 100)
    for number in range(1000):
        kept.take(b"%04d" % number, b"x" * 100)
        kept.take(b"0000", b"y" * 100)
        assert kept.bytes <= 10 * (lists.OVERHEAD + 104)
    assert (len(kept), kept.dropped) == (10, 991)
    assert kept.get(b"*") == b"e" * 100
    assert kept.get(b"0000") == b"y" * 100
    assert kept.get(b"0999") is not None
    assert kept.get(b"0500") is None
    for user in (b"*", b"0000", *(b"%04d" % number for number in range(1000))):
        kept.take(user, None)
    assert (len(kept), kept.bytes) == (0, 0)
