"""How soon an announced item is in every worker's catalogue: `python tests/bench/announce.py`.

Two workers, a load of events besides, items announced one by one. Prints quantiles of the time from
the `items` record to the `item-vectors` record (broker time both), and what the workers say of the
rest of the way (`headwater_catalogue_lag_seconds`). Goal: 500 ms (p99) in all.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from confluent_kafka import Producer
from support.client import read_all
from support.load import Load
from support.workers import Worker

from agents.keys import row_key
from stream.broker import LocalBroker, free_port
from stream.settings import Settings
from stream.topics import Topics, ensure

_BUCKET = re.compile(r'catalogue_lag_seconds_bucket{le="([^"]+)"} (\S+)')


def announce(settings: Settings, topic: str, count: int, rate: float) -> None:
    """Announce new items at a steady rate, on the clock."""
    producer = Producer({"bootstrap.servers": settings.broker, "linger.ms": 0})
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        item = f"new{number}"
        producer.produce(topic, json.dumps({"item_id": item, "title": item}), item)
        producer.poll(0)
    producer.flush(10)


def quantiles(milliseconds: list[float]) -> str:
    """Return p50, p95, p99 and the largest, in words."""
    cuts = statistics.quantiles(milliseconds, n=100)
    named = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(milliseconds)}
    return ", ".join(f"{name} {value:.0f}" for name, value in named.items()) + " ms"


def within(page: str, share: float) -> str:
    """Return the bucket of the catalogue lag below which the share lies."""
    buckets = [(edge, float(count)) for edge, count in _BUCKET.findall(page)]
    total = buckets[-1][1]
    return next(edge for edge, count in buckets if count >= share * total)


def measure(address: str, folder: Path, options: argparse.Namespace) -> None:
    """Announce under load and print."""
    settings = Settings(broker=address, topic_prefix="announce.", group="announce", wait=20)
    asyncio.run(ensure(settings))
    topics = Topics(settings)
    workers = [Worker(settings, name, folder).start().wait_ready() for name in ("a", "b")]
    load = Load(address, topics.events.name, topics.events.partitions, 10**6, options.load)
    load.start()
    time.sleep(5)
    announce(settings, topics.items.name, options.items, options.rate)
    time.sleep(2)
    pages = [worker.page("/metrics")[1] for worker in workers]
    for worker in workers:
        worker.leave()
    announced = {read.key: read.time for read in read_all(address, topics.items.name)}
    stored: dict[bytes, int] = {}
    for read in read_all(address, topics.item_vectors.name):
        stored.setdefault(read.key or b"", read.time)
    lags = [stored[row_key(key.decode())] - sent for key, sent in announced.items()]
    print(f"items record to item-vectors record: {quantiles(lags)} ({len(lags)} items)")
    for worker, page in zip(workers, pages, strict=True):
        edge = within(page, 0.99)
        print(f"item-vectors record to worker {worker.name}'s catalogue: p99 within {edge} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--rate", type=float, default=30.0, help="items per second")
    parser.add_argument("--load", type=float, default=300.0, help="events per second besides")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = LocalBroker(Path(folder) / "kafka", free_port())
        broker.start()
        try:
            measure(broker.address, Path(folder), options)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
