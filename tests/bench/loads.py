"""Events and items at random, always the same, and how they get into a topic."""

import json
import random
from collections.abc import Iterable, Iterator

from confluent_kafka import Producer

from stream.settings import Settings

Record = tuple[bytes, bytes]  # key, value


def event(user: str, item: str, number: int) -> bytes:
    """A click, with an id of its own."""
    return json.dumps(
        {"event_id": f"e{number}", "user_id": user, "item_id": item, "type": "click"}
    ).encode()


def popular_items(items: int, seed: int) -> Iterator[str]:
    """Items by a power law, for ever."""
    draw = random.Random(seed)
    while True:
        yield f"i{int(draw.paretovariate(0.6)) % items}"


def events(count: int, users: int, items: int, first: int = 0) -> list[Record]:
    """Users in rounds: any run of at most `users` events has as many users as events."""
    chosen = popular_items(items, seed=first)
    return [
        (b"u%d" % (number % users), event(f"u{number % users}", next(chosen), number))
        for number in range(first, first + count)
    ]


def announcements(items: range) -> list[Record]:
    """Items without any description."""
    return [(f"i{n}".encode(), json.dumps({"item_id": f"i{n}"}).encode()) for n in items]


def fill(settings: Settings, topic: str, records: Iterable[Record]) -> None:
    """Publish the records, placed by murmur2 as Kafka's own clients place them."""
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
