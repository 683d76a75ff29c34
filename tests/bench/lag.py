"""Events at a steady rate, each timed from when it was to be sent until its list is seen."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.figures import lags_from_intended
from bench.ground import Ground
from bench.loads import Record, events
from stream.connect import producer
from stream.lists import reader
from stream.topics import Topic

# What is not answered so long after the last event counts as answered then.
_PATIENCE = 5.0


async def open_loop(ground: Ground, rate: int) -> list[float]:
    """Seconds from the intended time of each event to its answer; the warm-up is left out."""
    sizes = ground.sizes
    count = round(rate * (sizes.warm_up_seconds + sizes.lag_seconds))
    records = events(count, sizes.users, sizes.items, ground.published)
    ground.published += count
    source = await reader(ground.settings, ground.topics.recommendations.name)
    await source.seek_to_end()
    for place in source.assignment():
        await source.position(place)
    writer = await producer(ground.settings, linger_ms=0)
    seen: dict[int, float] = {}
    watching = asyncio.gather(_watch(source, [key for key, _ in records], seen))
    intended = await _publish(writer, ground.topics.events, records, rate)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(watching, _PATIENCE)
    await writer.stop()
    await source.stop()
    if not seen:
        raise AssertionError(f"no event of {count} was answered")
    lags = lags_from_intended(intended, seen, intended[-1] + _PATIENCE)
    return lags[round(rate * sizes.warm_up_seconds) :]


async def _publish(
    writer: AIOKafkaProducer, topic: Topic, records: list[Record], rate: int
) -> list[float]:
    """Send each record at its time on the clock, whatever became of the others."""
    clock = asyncio.get_running_loop().time
    began = clock() + 0.1
    intended = [began + number / rate for number in range(len(records))]
    for (key, value), due in zip(records, intended, strict=True):
        if (rest := due - clock()) > 0:
            await asyncio.sleep(rest)
        await writer.send(topic.name, value, key=key)
    await writer.flush()
    return intended


async def _watch(source: AIOKafkaConsumer, keys: list[bytes], seen: dict[int, float]) -> None:
    """Note when each key's first answer comes, until all have come; no key comes twice."""
    clock = asyncio.get_running_loop().time
    missing = {key: number for number, key in enumerate(keys)}
    while missing:
        for records in (await source.getmany(timeout_ms=500)).values():
            now = clock()
            for record in records:
                if (number := missing.pop(record.key, None)) is not None:
                    seen[number] = now
