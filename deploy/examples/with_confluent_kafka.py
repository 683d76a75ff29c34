"""Publishes an event and prints the list that answers it, or prints a user's lists as they come.

BROKER=localhost:9092 python with_confluent_kafka.py publish USER ITEM TYPE
BROKER=localhost:9092 python with_confluent_kafka.py watch USER
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

BROKER = os.environ.get("BROKER", "localhost:9092")
PREFIX = os.environ.get("PREFIX", "headwater.")
EVENTS, LISTS = PREFIX + "events", PREFIX + "recommendations"
ANSWER_WITHIN = 30  # seconds


def publish(user: str, item: str, type_: str) -> None:
    """Send one event and print the list that answers it."""
    event = json.dumps({"user_id": user, "item_id": item, "type": type_})
    lists = reader(from_now=True)
    sent = send(user, event)
    print(f"{sent.topic()}[{sent.partition()}] offset {sent.offset()}", file=sys.stderr)
    for value in lists_of(user, lists, ANSWER_WITHIN):
        if value is not None and answers(value, sent):
            print(value.decode())
            return
    sys.exit(f"no list within {ANSWER_WITHIN} s: does a worker run?")


def watch(user: str) -> None:
    """Print a user's lists until stopped; the last line is the newest."""
    for value in lists_of(user, reader(from_now=False), float("inf")):
        print((value or b"null").decode(), flush=True)  # without a value: the user was forgotten


def send(user: str, event: str) -> Message:
    """Send an event and return it as Kafka acknowledged it, with its place."""
    # librdkafka's own default is CRC32; murmur2 of the key is where headwater keeps the user.
    producer = Producer({"bootstrap.servers": BROKER, "partitioner": "murmur2_random"})
    told: list[tuple[KafkaError | None, Message]] = []
    producer.produce(EVENTS, event, user, on_delivery=lambda *answer: told.append(answer))
    producer.flush(ANSWER_WITHIN)
    if not told:
        sys.exit(f"no Kafka answers at {BROKER}")
    [(error, message)] = told
    if error is not None:
        raise KafkaException(error)
    return message


def reader(*, from_now: bool) -> Consumer:
    """A reader of all partitions of the lists; its group is never used."""
    consumer = Consumer(
        {
            "bootstrap.servers": BROKER,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
        }
    )
    places = [
        TopicPartition(LISTS, partition)
        for partition in consumer.list_topics(LISTS, ANSWER_WITHIN).topics[LISTS].partitions
    ]
    for place in places:
        first, end = consumer.get_watermark_offsets(place, ANSWER_WITHIN)
        place.offset = end if from_now else first
    consumer.assign(places)
    return consumer


def lists_of(user: str, lists: Consumer, within: float) -> Iterator[bytes | None]:
    """Each list of the user as it comes, for so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        message = lists.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        if message.key() == user.encode():
            yield message.value()


def answers(value: bytes, sent: Message) -> bool:
    """Whether the list's source is at or past the event, in the same partition."""
    source = json.loads(value)["source"]
    return (
        source is not None
        and (source["topic"], source["partition"]) == (sent.topic(), sent.partition())
        and source["offset"] >= sent.offset()
    )


def main() -> None:
    """Do what the arguments say."""
    match sys.argv[1:]:
        case ["publish", user, item, type_]:
            publish(user, item, type_)
        case ["watch", user]:
            watch(user)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
