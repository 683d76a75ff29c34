"""What the streaming shell costs without any learning: intake, a row and a record per event."""

import asyncio
import random
from collections.abc import Callable

from bench.bare import KILOBYTE, Speed, Watch, write
from stream.app import create_app
from stream.egress import Out
from stream.placement import partition_of
from stream.runs import Run
from stream.settings import Settings
from stream.topics import Topics

_EVENT = b"e" * 200
_PAUSE = 0.001

Update = Callable[[bytes | None], bytes]


def kilobyte(_row: bytes | None) -> bytes:
    """A row of 1 kB whatever there was."""
    return KILOBYTE


def count_up(row: bytes | None) -> bytes:
    """The number of a user's events, in decimals."""
    return b"%d" % (int(row or 0) + 1)


async def load(settings: Settings, topics: Topics, events: int, users: int) -> None:
    """`events` events of 200 bytes, their users at random."""
    chooser, n = random.Random(1), topics.events.partitions
    keys = (b"u%d" % chooser.randrange(users) for _ in range(events))
    records = [(key, _EVENT, partition_of(key, n)) for key in keys]
    await write(settings, topics.events.name, records)


async def shell(settings: Settings, topics: Topics, events: int, update: Update) -> Speed:
    """A worker's intake, a row that `update` makes of the one before, and 1 kB out per event."""
    foundation = create_app(settings, topics)
    table = foundation.table("users", topics.user_rows)
    watch, done, finished = Watch(), 0, asyncio.Event()

    async def handle(run: Run) -> None:
        nonlocal done
        watch.start()
        keys = [b"r" + record.key for record in run.records]
        known = dict(zip(keys, table.get_many(run.partition, keys), strict=True))
        for key in keys:
            known[key] = update(known[key])
        submission = await foundation.egress.submit(
            run,
            table=table,
            rows=[(key, known[key]) for key in keys],
            others=[Out(topics.recommendations.name, run.partition, outputs(run))],
        )
        done += len(run.records)
        if done >= events:
            await submission.settled
            finished.set()

    foundation.intake(topics.events, handle)
    serving = asyncio.create_task(foundation.serve())
    waiting = asyncio.create_task(finished.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    while finished.is_set() and foundation.egress.in_flight:
        await asyncio.sleep(_PAUSE)
    speed = watch.speed(events)
    foundation.stop()
    await serving
    return speed


def outputs(run: Run) -> list[tuple[bytes, bytes, tuple[()]]]:
    """1 kB for each event of a run."""
    return [(record.key, KILOBYTE, ()) for record in run.records]


async def recovery(settings: Settings, topics: Topics, rows: int) -> float:
    """Seconds from the assignment until so many rows of 1 kB are back in RocksDB."""
    n = topics.item_vectors.partitions
    records = [(b"r%d" % number, KILOBYTE, number % n) for number in range(rows)]
    await write(settings, topics.item_vectors.name, records)
    foundation = create_app(settings, topics)
    table = foundation.table("items", topics.item_vectors)

    async def nothing(run: Run) -> None:
        await foundation.egress.submit(run)

    foundation.intake(topics.item_feedback, nothing)
    serving = asyncio.create_task(foundation.serve())
    while not foundation.membership.recovered and not serving.done():
        await asyncio.sleep(_PAUSE)
    found = sum(1 for partition in range(n) for _ in table.scan(partition))
    foundation.stop()
    await serving
    if found != rows:
        raise AssertionError(f"recovered {found} rows, wanted {rows}")
    return foundation.membership.recovery_seconds or 0.0
