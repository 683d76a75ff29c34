"""Both fences against real Kafka: what a frozen or superseded worker writes does not arrive."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced
from aiokafka.structs import RecordMetadata

from stream.claim import CLAIM_KEY, claim
from stream.connect import consumer as kafka_consumer
from stream.fence import Dropped, Fence
from stream.fenced_producer import FencedProducer
from stream.settings import Settings
from stream.topics import ensure, verify


class Worker:
    """One worker's fence and producer, with a clock in the test's hand."""

    def __init__(self, settings: Settings) -> None:
        self.clock = SimpleNamespace(now=100.0)
        self.fence = Fence(10.0, lambda: float(self.clock.now))
        self.fence.joined()
        self.fenced = 0
        self.producer = FencedProducer(
            self.fence, self._on_fenced, bootstrap_servers=settings.broker, linger_ms=0
        )

    def _on_fenced(self) -> None:
        self.fenced += 1

    async def write(self, tp: TopicPartition, value: bytes, epoch: int) -> RecordMetadata:
        """One record; raises what becomes of its batch."""
        await self.producer.client._wait_on_metadata(tp.topic)
        batch = self.producer.accumulator.batch_for(tp, epoch)
        assert batch is not None
        batch.append(b"r", value, 0)
        return await asyncio.shield(batch.future)


Trial = Callable[[Worker, Worker, TopicPartition], Awaitable[None]]


def with_two_workers(settings: Settings, trial: Trial) -> list[tuple[bytes, bytes | None]]:
    """Run `trial` with two workers; returns what the partition holds afterwards."""

    async def run() -> list[tuple[bytes, bytes | None]]:
        await ensure(settings)
        tp = TopicPartition((await verify(settings)).user_rows.name, 0)
        old, new = Worker(settings), Worker(settings)
        await old.producer.start()
        await new.producer.start()
        try:
            await trial(old, new, tp)
        finally:
            for worker in (old, new):
                worker.fence.lose()
                await worker.producer.stop()
        return await read_all(settings, tp)

    return asyncio.run(asyncio.wait_for(run(), 30))


async def read_all(settings: Settings, tp: TopicPartition) -> list[tuple[bytes, bytes | None]]:
    """Keys and values of everything in the partition."""
    reader = await kafka_consumer(settings, auto_offset_reset="earliest")
    reader.assign([tp])
    end = (await reader.end_offsets([tp]))[tp]
    records = []
    while await reader.position(tp) < end:
        for fetched in (await reader.getmany(timeout_ms=500)).values():
            records += [(record.key, record.value) for record in fetched]
    await reader.stop()
    return records


def test_after_a_claim_the_former_owner_cannot_write(settings: Settings) -> None:
    """The broker itself refuses him, however sure he is; the new owner writes on."""

    async def trial(old: Worker, new: Worker, tp: TopicPartition) -> None:
        await claim(old.producer, "g", [tp], old.fence.epoch)
        await old.write(tp, b"old", old.fence.epoch)
        await claim(new.producer, "g", [tp], new.fence.epoch)
        with pytest.raises(ProducerFenced):
            await old.write(tp, b"zombie", old.fence.epoch)
        await new.write(tp, b"new", new.fence.epoch)
        assert (old.fenced, old.fence.lost) == (1, True)
        assert (new.fenced, new.fence.lost) == (0, False)

    records = with_two_workers(settings, trial)
    assert records == [(CLAIM_KEY, None), (b"r", b"old"), (CLAIM_KEY, None), (b"r", b"new")]


def test_a_frozen_worker_writes_nothing_of_its_old_membership(settings: Settings) -> None:
    """What he was about to send is held while the group is silent, dropped when it has moved on."""

    async def trial(old: Worker, _new: Worker, tp: TopicPartition) -> None:
        epoch = old.fence.epoch
        await old.write(tp, b"before", epoch)
        old.clock.now += 25.0  # SIGSTOP … SIGCONT
        write = asyncio.create_task(old.write(tp, b"zombie", epoch))
        await asyncio.sleep(0.2)
        assert not write.done()
        old.fence.joined()
        with pytest.raises(Dropped):
            await write
        await old.write(tp, b"next", old.fence.epoch)

    assert with_two_workers(settings, trial) == [(b"r", b"before"), (b"r", b"next")]


def test_a_short_silence_only_delays(settings: Settings) -> None:
    """When the group answers with the same membership, what was held is sent."""

    async def trial(old: Worker, _new: Worker, tp: TopicPartition) -> None:
        old.clock.now += 9.0
        write = asyncio.create_task(old.write(tp, b"held", old.fence.epoch))
        await asyncio.sleep(0.1)
        assert not write.done()
        old.fence.answered(old.clock.now)
        await write

    assert with_two_workers(settings, trial) == [(b"r", b"held")]


def test_a_claim_survives_dropped_work(settings: Settings) -> None:
    """Sequence numbers of what was dropped do not confuse the writes under a new claim."""

    async def trial(old: Worker, _new: Worker, tp: TopicPartition) -> None:
        other = TopicPartition(tp.topic, 1)
        await claim(old.producer, "g", [tp, other], old.fence.epoch)
        epoch = old.fence.epoch
        old.clock.now += 25.0
        writes = [asyncio.create_task(old.write(to, b"void", epoch)) for to in (tp, other)]
        await asyncio.sleep(0.1)
        old.fence.joined()
        await claim(old.producer, "g", [tp, other], old.fence.epoch)
        for write in writes:
            with pytest.raises(Dropped):
                await write
        for number in range(3):
            for to in (tp, other):
                await old.write(to, b"%d" % number, old.fence.epoch)

    records = with_two_workers(settings, trial)
    assert records == [(CLAIM_KEY, None)] * 2 + [(b"r", b"0"), (b"r", b"1"), (b"r", b"2")]
