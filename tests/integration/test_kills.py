"""Killed again and again, a worker loses nothing and applies nothing twice, on both hops."""

import asyncio
import random
import time
from pathlib import Path

from support.client import uncommitted, wait_until
from support.load import Load
from support.oracle import compare
from support.workers import Worker

from stream.settings import Settings
from stream.topics import Topics, ensure

KILLS = 6
EVENTS = 20_000
RATE = 330.0  # events a second: the load outlasts the kills


def test_a_worker_that_is_killed_again_and_again_ends_exact(
    settings: Settings, tmp_path: Path
) -> None:
    """Every row is what the folds over the topics give, and every offset gets committed.

    Twenty percent and more of the events are misplaced or unkeyed, feedback is acknowledged late,
    and the local state is wiped before every other start.
    """
    asyncio.run(ensure(settings))
    topics = Topics(settings)
    load = Load(settings.broker, topics.events.name, topics.events.partitions, EVENTS, RATE)
    worker = Worker(
        settings,
        "a",
        tmp_path,
        session_timeout=6,
        heartbeat_interval=1.5,
        test_feedback_delay=0.3,
    )
    chance = random.Random(11)
    load.start()
    for kill in range(KILLS):
        worker.start().wait_ready()
        time.sleep(1 + 2 * chance.random())
        assert worker.running, worker.tail()
        worker.kill()
        if kill % 2:
            worker.wipe()
    worker.start().wait_ready()
    load.join()
    assert not load.failed
    inputs = [topics.events.name, topics.user_input.name, topics.item_feedback.name]
    wait_until(
        lambda: uncommitted(settings.broker, settings.group, inputs) == 0, 60, "all committed"
    )
    code, seconds = worker.leave()
    assert (code, seconds < 5) == (0, True), worker.tail()
    outcome = compare(settings)
    assert outcome.found == []
    assert (outcome.users > 1000, outcome.items > 1000, outcome.both_paths > 50) == (True,) * 3
