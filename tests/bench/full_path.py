"""Events per second of one worker's full path, and its start: `python tests/bench/full_path.py`.

A pre-filled topic, 10,000 items in the catalogue, a list of 10 per event, both hops running and
caught up at the end. Two loads: 20,000 users, distinct within a run; and streaks of one user.
Beside it, in the same run, the bare aiokafka loop of shell.py over the same events.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from confluent_kafka import Producer
from shell import bare
from support.client import read_all, uncommitted, wait_until
from support.workers import Worker

from stream.broker import LocalBroker, free_port
from stream.settings import Settings
from stream.topics import Topics, ensure

ITEMS = 10_000
USERS = 20_000


def events(count: int, *, streak: bool, seed: int) -> list[tuple[bytes, bytes]]:
    """Return (key, value): users in rounds, or 500 events of one user after the other."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        user = f"s{number // 500}" if streak else f"u{number % USERS}"
        item = int(chance.paretovariate(0.6)) % ITEMS
        event = {"user_id": user, "item_id": f"i{item}", "type": "click"}
        made.append((user.encode(), json.dumps(event).encode()))
    return made


def fill(settings: Settings, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    """Publish the records, placed by murmur2."""
    producer = Producer(
        {
            "bootstrap.servers": settings.broker,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for key, value in records:
        producer.produce(topic, value, key)
        producer.poll(0)
    producer.flush(60)


def first_list(settings: Settings, worker: Worker) -> float:
    """Start the worker on one event; return the seconds to its list, by the broker's clock."""
    topics = Topics(settings)
    fill(settings, topics.events.name, events(1, streak=False, seed=0))
    began = time.time()
    worker.start()
    answered: list[int] = []
    while not answered:
        reads = read_all(settings.broker, topics.recommendations.name)
        answered = [read.time for read in reads if read.key != b"*"]
    return min(answered) / 1000 - began


def full_path(settings: Settings, worker: Worker, count: int, *, streak: bool) -> float:
    """Return events per second, from the run's first list to both hops caught up."""
    topics = Topics(settings)
    inputs = [topics.events.name, topics.user_input.name, topics.item_feedback.name]
    before = len(read_all(settings.broker, topics.recommendations.name))
    fill(settings, topics.events.name, events(count, streak=streak, seed=count))
    worker.start()
    wait_until(lambda: uncommitted(settings.broker, settings.group, inputs) == 0, 300, "caught up")
    worker.leave()
    lists = read_all(settings.broker, topics.recommendations.name)
    rows = read_all(settings.broker, topics.item_vectors.name)
    fresh = sorted(read.time for read in lists)[before:]
    end = max(fresh[-1], *(read.time for read in rows))
    return count / ((end - fresh[0]) / 1000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--streak-events", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = LocalBroker(Path(folder) / "kafka", free_port())
        broker.start()
        try:
            measure(broker.address, Path(folder), options)
        finally:
            broker.stop()


def measure(address: str, folder: Path, options: argparse.Namespace) -> None:
    """Run both loads `repeat` times on fresh topics and print medians."""
    rounds = [one_round(address, folder, f"b{number}", options) for number in range(options.repeat)]
    middle = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    for name, value in middle.items():
        every = ", ".join(f"{each[name]:,.0f}" for each in rounds)
        ratio = value / middle["bare send"]
        print(f"{name:20} {value:9,.0f} events/s   {ratio:.3f} of bare send   ({every})")


def one_round(
    address: str, folder: Path, name: str, options: argparse.Namespace
) -> dict[str, float]:
    """Return events per second of both loads and of the bare loop."""
    settings = Settings(broker=address, topic_prefix=f"{name}.", group=name, wait=20)
    asyncio.run(ensure(settings))
    topics = Topics(settings)
    items = [(f"i{n}".encode(), json.dumps({"item_id": f"i{n}"}).encode()) for n in range(ITEMS)]
    fill(settings, topics.items.name, items)
    worker = Worker(settings, name, folder)
    seconds = first_list(settings, worker)
    print(f"start of a worker to its first list, in an empty group: {seconds:.1f} s")
    announced = [topics.items.name, topics.item_feedback.name]
    wait_until(lambda: uncommitted(address, name, announced) == 0, 60, "items announced")
    worker.leave()
    return {
        "full path": full_path(settings, worker, options.events, streak=False),
        "full path, streaks": full_path(settings, worker, options.streak_events, streak=True),
        "bare send": asyncio.run(bare(settings, topics, options.events)).per_second,
    }


if __name__ == "__main__":
    main()
