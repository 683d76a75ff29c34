"""Faust's producer against real Kafka: what its flush promises."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from faust.exceptions import ProducerSendError

from stream.app import create_app
from stream.faustfix.flush import FlushProducer
from stream.settings import Settings
from stream.topics import Topics, ensure, verify

Trial = Callable[[FlushProducer, Topics], Awaitable[None]]


def with_producer(settings: Settings, trial: Trial) -> None:
    """Run `trial` with a worker's started producer."""

    async def run() -> None:
        await ensure(settings)
        topics = await verify(settings)
        foundation = create_app(settings, topics)
        foundation.fence.joined()
        producer = foundation.app.producer
        assert isinstance(producer, FlushProducer)
        await producer.start()
        try:
            await trial(producer, topics)
        finally:
            foundation.fence.lose()
            producer.first_failure = None
            await producer.stop()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_flush_ends_under_steady_load(settings: Settings) -> None:
    """It waits for what came before it, not for an empty buffer."""

    async def trial(producer: FlushProducer, topics: Topics) -> None:
        topic = producer.app.topic(topics.events.name, key_serializer="raw")

        async def load() -> None:
            while True:
                if producer.buffer.size < 5:
                    topic.send_soon(key=b"k", value=b"v", value_serializer="raw")
                else:
                    await asyncio.sleep(0)

        loading = asyncio.create_task(load())
        await asyncio.sleep(0.05)
        done, _ = await asyncio.wait({asyncio.create_task(producer.flush())}, timeout=5)
        loading.cancel()
        assert done

    with_producer(settings, trial)


def test_a_flush_waits_for_a_slow_send(settings: Settings) -> None:
    """A buffer that moves nothing for more than 100 ms is not given up."""

    async def trial(producer: FlushProducer, topics: Topics) -> None:
        send, sent = producer.send, []

        async def slow(*args: object, **kwargs: object) -> object:
            await asyncio.sleep(0.3)
            sent.append(args)
            return await send(*args, **kwargs)

        producer.send = slow  # type: ignore[method-assign]
        topic = producer.app.topic(topics.events.name, key_serializer="raw")
        for _ in range(2):
            topic.send_soon(key=b"k", value=b"v", value_serializer="raw")
        await producer.flush()
        assert len(sent) == 2

    with_producer(settings, trial)


def test_a_failed_send_fails_the_flush(settings: Settings) -> None:
    """What Kafka refused (here: too large) must not be committed past."""

    async def trial(producer: FlushProducer, topics: Topics) -> None:
        huge = b"x" * 1_200_000
        producer._producer._max_request_size = 2_000_000  # type: ignore[union-attr]
        await producer.send(topics.events.name, b"k", huge, 0, None, None)
        with pytest.raises(ProducerSendError, match="MessageSizeTooLarge"):
            await producer.flush()
        with pytest.raises(ProducerSendError):
            await producer.flush()

    with_producer(settings, trial)
