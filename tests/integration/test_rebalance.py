"""Workers that join, leave, die or freeze change nothing of what the tables hold in the end."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.client import uncommitted, wait_until
from support.load import Load
from support.oracle import compare
from support.workers import Worker

from stream.settings import Settings
from stream.topics import Topics, ensure

EVENTS = 10_000


@pytest.fixture
def hire(settings: Settings, tmp_path: Path) -> Callable[[str], Worker]:
    """Return a function that starts a worker by name; whoever is left is killed at the end."""
    hired: list[Worker] = []

    def start(name: str) -> Worker:
        worker = Worker(settings, name, tmp_path, session_timeout=6, heartbeat_interval=1.5)
        hired.append(worker)
        return worker.start()

    yield start
    for worker in hired:
        worker.kill()


def two_under_load(
    settings: Settings, hire: Callable[[str], Worker]
) -> tuple[Worker, Worker, Load]:
    """Start two workers, and the load once both are ready."""
    asyncio.run(ensure(settings))
    topics = Topics(settings)
    load = Load(settings.broker, topics.events.name, topics.events.partitions, EVENTS, 250)
    first, second = hire("a"), hire("b")
    first.wait_ready()
    second.wait_ready()
    load.start()
    return first, second, load


def settle(settings: Settings, load: Load) -> None:
    """Wait until the load is published and everything is committed."""
    load.join()
    assert not load.failed
    topics = Topics(settings)
    inputs = [topics.events.name, topics.user_input.name, topics.item_feedback.name]
    wait_until(
        lambda: uncommitted(settings.broker, settings.group, inputs) == 0, 90, "all committed"
    )


def test_workers_that_join_die_and_leave_keep_the_tables_exact(
    settings: Settings, hire: Callable[[str], Worker]
) -> None:
    """Two workers, a third joins, one is killed, one leaves: nothing lost, nothing twice."""
    first, second, load = two_under_load(settings, hire)
    time.sleep(6)
    third = hire("c").wait_ready()
    time.sleep(4)
    second.kill()
    time.sleep(12)
    assert first.leave()[0] == 0, first.tail()
    settle(settings, load)
    assert third.leave()[0] == 0, third.tail()
    assert compare(settings).found == []


def test_a_frozen_worker_corrupts_nothing_when_it_wakes(
    settings: Settings, hire: Callable[[str], Worker]
) -> None:
    """It sleeps 25 s, through its own replacement, and writes nothing old when it wakes."""
    first, second, load = two_under_load(settings, hire)
    time.sleep(5)
    first.freeze()
    time.sleep(25)
    first.wake()
    settle(settings, load)
    for worker in (first, second):
        assert worker.leave()[0] == 0, worker.tail()
    assert compare(settings).found == []
