"""Rows wait for company on their way to the changelog; what somebody waits for does not."""

import asyncio

from aiokafka import TopicPartition

from stream.fence import Fence
from stream.fenced_producer import FencedProducer
from stream.lanes import Lane, Parcel, Record
from stream.settings import Settings
from stream.topics import ensure, verify

_LINGER_MS = 3_600_000
_HOUR = 3600.0


def test_lists_leave_while_rows_linger(settings: Settings) -> None:
    """A list arrives though the rows that were pushed before it wait for an hour."""

    async def run() -> tuple[list[str], int]:
        await ensure(settings)
        topics = await verify(settings)
        rows, lists = topics.user_rows.name, topics.recommendations.name
        fence = Fence(_HOUR)
        fence.joined()
        producer = FencedProducer(
            fence, fence.lose, {rows}, bootstrap_servers=settings.broker, linger_ms=_LINGER_MS
        )
        await producer.start()
        arrived: list[str] = []
        listed = asyncio.Event()

        def done(topic: str, error: BaseException | None) -> None:
            if error is None:
                arrived.append(topic)
                listed.set()

        record: Record = (b"u", b"value", (("name", b"header"),))
        for topic in (rows, lists):
            await producer.client._wait_on_metadata(topic)
            tp, lane = TopicPartition(topic, 0), Lane(producer.accumulator, fence)
            lane.push(
                Parcel(
                    tp, [record], fence.epoch, None, lambda error, topic=topic: done(topic, error)
                )
            )
        await asyncio.wait_for(listed.wait(), 10)
        waiting = producer.accumulator.last_waiting(TopicPartition(rows, 0)).record_count
        fence.lose()
        producer.accumulator.drop_older(fence.epoch)
        await producer.stop()
        return arrived, waiting

    arrived, waiting = asyncio.run(run())
    assert arrived == [f"{settings.topic_prefix}recommendations"]
    assert waiting == 1
