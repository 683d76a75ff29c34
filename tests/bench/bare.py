"""What aiokafka does alone: the loops that headwater's figures are measured against."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream.connect import consumer as kafka_consumer
from stream.connect import producer as kafka_producer
from stream.settings import Settings
from stream.topics import Topic, Topics

KILOBYTE = b"r" * 1000


@dataclass(frozen=True)
class Speed:
    """Events a second on the wall clock, and what they cost this process."""

    per_second: float
    cpu_us: float


class Watch:
    """Measures from the first event to the last."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def start(self) -> None:
        """Begin, once."""
        if not self.wall:
            self.wall, self.cpu = time.perf_counter(), time.process_time()

    def speed(self, events: int) -> Speed:
        """What `events` took since the start."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return Speed(events / wall, cpu / events * 1e6)


async def send(settings: Settings, topics: Topics, events: int) -> Speed:
    """Read every event and `send` 1 kB for each."""
    producer = await kafka_producer(settings, linger_ms=5, max_batch_size=262_144)
    watch = Watch()
    async for place, records in fetched(settings, topics.events, events):
        watch.start()
        for record in records:
            await producer.send(
                topics.recommendations.name, KILOBYTE, key=record.key, partition=place.partition
            )
    await producer.flush()
    speed = watch.speed(events)
    await producer.stop()
    return speed


async def send_batch(settings: Settings, topics: Topics, events: int) -> Speed:
    """Read every event and send 1 kB for each, in batches made by hand."""
    producer = await kafka_producer(settings, linger_ms=5, max_batch_size=262_144)
    watch = Watch()
    async for place, records in fetched(settings, topics.events, events):
        watch.start()
        await _send_batches(producer, topics.recommendations.name, place.partition, records)
    await producer.flush()
    speed = watch.speed(events)
    await producer.stop()
    return speed


async def _send_batches(
    producer: AIOKafkaProducer, topic: str, partition: int, records: list[ConsumerRecord]
) -> None:
    batch = producer.create_batch()
    stamp = int(time.time() * 1000)
    for record in records:
        while batch.append(key=record.key, value=KILOBYTE, timestamp=stamp) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
    await producer.send_batch(batch, topic, partition=partition)


async def read(settings: Settings, topic: Topic, events: int) -> Speed:
    """Read so many records, and do nothing."""
    watch = Watch()
    async for _ in fetched(settings, topic, events):
        watch.start()
    return watch.speed(events)


async def fetched(
    settings: Settings, topic: Topic, events: int
) -> AsyncIterator[tuple[TopicPartition, list[ConsumerRecord]]]:
    """What aiokafka reads of a topic from its beginning, until there were so many records."""
    reader: AIOKafkaConsumer = await kafka_consumer(settings, auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic.name, p) for p in range(topic.partitions)])
    done = 0
    while done < events:
        for place, records in (await reader.getmany(timeout_ms=500, max_records=2000)).items():
            yield place, records
            done += len(records)
    await reader.stop()


async def write(settings: Settings, topic: str, records: list[tuple[bytes, bytes, int]]) -> None:
    """Records (key, value, partition), in batches."""
    producer: AIOKafkaProducer = await kafka_producer(
        settings, linger_ms=20, max_batch_size=500_000
    )
    for key, value, partition in records:
        await producer.send(topic, value, key=key, partition=partition)
    await producer.stop()
