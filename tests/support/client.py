"""An outside client: confluent-kafka, which shares no code with the workers."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition


@dataclass(frozen=True)
class Read:
    """A record as an outside client sees it; `time` is the broker's, ms."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time: int
    headers: dict[str, bytes] = field(default_factory=dict)


def read_all(broker: str, topic: str, starts: Mapping[int, int] | None = None) -> list[Read]:
    """Return a topic's records, partition by partition in offset order.

    `starts`: the first offset to read of each partition, all of them if it is not given.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        first = starts or {}
        consumer.assign([TopicPartition(topic, p, first.get(p, 0)) for p in partitions])
        return sorted(
            _until_the_ends(consumer, len(partitions)), key=lambda r: (r.partition, r.offset)
        )
    finally:
        consumer.close()


def _until_the_ends(consumer: Consumer, partitions: int) -> list[Read]:
    records: list[Read] = []
    ended: set[int] = set()
    while len(ended) < partitions:
        for message in consumer.consume(10_000, timeout=0.5):
            if message.error():
                ended.add(message.partition())
                continue
            headers = dict(message.headers() or [])
            records.append(
                Read(
                    message.partition(),
                    message.offset(),
                    message.key(),
                    message.value(),
                    message.timestamp()[1],
                    headers,
                )
            )
    return records


def ends(broker: str, topic: str) -> dict[int, int]:
    """Return the offset that each partition's next record will have."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": uuid.uuid4().hex})
    try:
        places = [
            TopicPartition(topic, partition)
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        return {
            place.partition: consumer.get_watermark_offsets(place, timeout=10, cached=False)[1]
            for place in places
        }
    finally:
        consumer.close()


def latest(records: Iterable[Read]) -> dict[bytes | None, Read]:
    """Return the last record of each key, as compaction would leave it."""
    return {record.key: record for record in records}


def uncommitted(broker: str, group: str, topics: Iterable[str]) -> int:
    """Return how many records of the topics the group has yet to commit."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group})
    try:
        wanted = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        return sum(
            consumer.get_watermark_offsets(tp, timeout=10, cached=False)[1] - max(tp.offset, 0)
            for tp in consumer.committed(wanted, timeout=10)
        )
    finally:
        consumer.close()


def wait_until(what: Callable[[], bool], within: float, why: str) -> None:
    """Return when `what` holds; fail with `why` after `within` seconds."""
    deadline = time.monotonic() + within
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {why}")
        time.sleep(0.2)
