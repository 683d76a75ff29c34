"""What the streaming shell costs: `python tests/bench/shell.py` starts a broker and prints figures.

Side by side in one run, over the same 1 kB-per-event output: a bare aiokafka `send` loop, and a
worker's intake with a 1 kB row and a 1 kB record per event and no scoring (goal: at least half as
fast). Then the recovery of 100,000 rows of 1 kB (goal: at most 5 s), and start to first run.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.app import create_app
from stream.broker import LocalBroker, free_port
from stream.connect import consumer as kafka_consumer
from stream.connect import producer as kafka_producer
from stream.egress import Out
from stream.intake import Run
from stream.logs import configure
from stream.placement import partition_of
from stream.settings import Settings
from stream.topics import Topics, ensure, verify

EVENT = b"e" * 200
KILOBYTE = b"r" * 1000
USERS = 20_000


@dataclass(frozen=True)
class Speed:
    """Events a second on the wall clock, and what they cost this process."""

    per_second: float
    cpu_microseconds: float

    def __str__(self) -> str:
        return f"{self.per_second:9,.0f} events/s {self.cpu_microseconds:7.1f} µs CPU/event"


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


async def load(settings: Settings, topics: Topics, events: int) -> None:
    """`events` events of 200 bytes, their users at random."""
    chooser, n = random.Random(1), topics.events.partitions
    records = []
    for _ in range(events):
        key = b"u%d" % chooser.randrange(USERS)
        records.append((key, EVENT, partition_of(key, n)))
    await write(settings, topics.events.name, records)


async def write(settings: Settings, topic: str, records: list[tuple[bytes, bytes, int]]) -> None:
    """Records (key, value, partition), in batches."""
    producer: AIOKafkaProducer = await kafka_producer(
        settings, linger_ms=20, max_batch_size=500_000
    )
    for key, value, partition in records:
        await producer.send(topic, value, key=key, partition=partition)
    await producer.stop()


async def bare(settings: Settings, topics: Topics, events: int) -> Speed:
    """Read every event and `send` 1 kB for each, with aiokafka alone."""
    reader: AIOKafkaConsumer = await kafka_consumer(settings, auto_offset_reset="earliest")
    reader.assign([TopicPartition(topics.events.name, p) for p in range(topics.events.partitions)])
    producer = await kafka_producer(settings, linger_ms=5, max_batch_size=262_144)
    watch, done = Watch(), 0
    while done < events:
        for tp, records in (await reader.getmany(timeout_ms=500, max_records=2000)).items():
            watch.start()
            for record in records:
                await producer.send(
                    topics.recommendations.name, KILOBYTE, key=record.key, partition=tp.partition
                )
            done += len(records)
    await producer.flush()
    speed = watch.speed(events)
    await reader.stop()
    await producer.stop()
    return speed


async def shell(settings: Settings, topics: Topics, events: int) -> tuple[Speed, float]:
    """The same through a worker, with a 1 kB row per event besides; and start to first run, s."""
    foundation = create_app(settings, topics)
    table = foundation.table("users", topics.user_rows)
    watch, done, finished = Watch(), 0, asyncio.Event()
    began, first = time.perf_counter(), 0.0

    async def handle(run: Run) -> None:
        nonlocal done, first
        first = first or time.perf_counter() - began
        watch.start()
        keys = [b"r" + record.key for record in run.records]
        table.get_many(run.partition, keys)
        lists = [(record.key, KILOBYTE, ()) for record in run.records]
        submission = await foundation.egress.submit(
            run,
            table=table,
            rows=[(key, KILOBYTE) for key in keys],
            others=[Out(topics.recommendations.name, run.partition, lists)],
        )
        done += len(run.records)
        if done >= events:
            await submission.settled
            finished.set()

    foundation.intake(topics.events, handle)
    serving = asyncio.create_task(foundation.serve())
    await finished.wait()
    while foundation.egress.in_flight:  # a test's patience
        await asyncio.sleep(0.001)
    speed = watch.speed(events)
    foundation.stop()
    await serving
    return speed, first


async def recovery(settings: Settings, topics: Topics, rows: int) -> float:
    """Seconds from the assignment to `rows` rows of 1 kB in RocksDB."""
    n = topics.item_vectors.partitions
    await write(
        settings,
        topics.item_vectors.name,
        [(b"r%d" % number, KILOBYTE, number % n) for number in range(rows)],
    )
    foundation = create_app(settings, topics)
    table = foundation.table("items", topics.item_vectors)

    async def nothing(run: Run) -> None:
        await foundation.egress.submit(run)

    foundation.intake(topics.item_feedback, nothing)
    serving = asyncio.create_task(foundation.serve())
    while not foundation.recovered:  # the same
        await asyncio.sleep(0.01)
    found = sum(1 for partition in range(n) for _ in table.scan(partition))
    foundation.stop()
    await serving
    if found != rows:
        sys.exit(f"recovered {found} rows, wanted {rows}")
    return foundation.recovery_seconds or 0.0


async def compare(settings: Settings, events: int) -> float:
    """Print one round, both side by side; returns the ratio."""
    await ensure(settings)
    topics = await verify(settings)
    await load(settings, topics, events)
    plain = await bare(settings, topics, events)
    through, first = await shell(settings, topics, events)
    ratio = through.per_second / plain.per_second
    sys.stdout.write(
        f"bare aiokafka send loop        {plain}\n"
        f"intake + 1 kB row + 1 kB out   {through}   ratio {ratio:.2f}"
        f"   start to first run {first:.2f} s\n"
    )
    return ratio


async def measure(settings: Settings, options: argparse.Namespace) -> None:
    """Print all figures."""
    ratios = []
    for number in range(options.rounds):
        name = f"{settings.group}-{number}"
        fresh = settings.model_copy(update={"topic_prefix": f"{name}.", "group": name})
        ratios.append(await compare(fresh, options.events))
    topics = await verify(fresh)
    seconds = await recovery(fresh, topics, options.rows)
    sys.stdout.write(
        f"median ratio {statistics.median(ratios):.2f} (goal 0.50)\n"
        f"recovery of {options.rows:,} rows of 1 kB {seconds:.2f} s (goal 5)\n"
    )


def main() -> None:
    """Measure on a fresh broker, or on the one at --broker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--broker", help="host:port; none: a fresh one is started")
    options = parser.parse_args()
    configure("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        local = None if options.broker else LocalBroker(Path(folder) / "kafka", free_port())
        if local is not None:
            local.start()
        prefix = f"bench-{int(time.time())}."
        settings = Settings(
            broker=options.broker or (local.address if local else ""),
            topic_prefix=prefix,
            group=prefix.rstrip("."),
            state_dir=Path(folder) / "state",
        )
        try:
            asyncio.run(measure(settings, options))
        finally:
            if local is not None:
                local.stop()


if __name__ == "__main__":
    main()
