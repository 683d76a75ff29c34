"""Reaching a broker: its address, back-off while nobody answers, and a bounded wait."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError

from stream.errors import BrokerUnreachable
from stream.settings import Settings

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0

Client = TypeVar("Client", AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer)


async def wait_for_broker(settings: Settings) -> None:
    """Return when a broker answers; each failed try is logged.

    Raises BrokerUnreachable after settings.wait seconds.
    """
    await (await admin_client(settings)).close()


async def wait_for_group(settings: Settings) -> None:
    """Return when a broker answers and coordinates the group; of the latter it waits 5 s at most.

    A new Kafka makes the topic of all groups' offsets for the first who asks, in about a second; a
    consumer that asks meanwhile logs an error. Raises BrokerUnreachable as `wait_for_broker` does.
    """
    admin = await admin_client(settings)
    try:
        # What does not pass is the consumer's to report.
        with suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(_coordinator(admin, settings.group), _LONGEST_PAUSE)
    finally:
        await admin.close()


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    while True:
        try:
            return int(await admin.find_coordinator(group))
        except CoordinatorNotAvailableError:
            await asyncio.sleep(_FIRST_PAUSE)


async def admin_client(settings: Settings) -> AIOKafkaAdminClient:
    """A started admin client; tried with back-off until settings.wait is over."""
    return await started(settings, lambda: AIOKafkaAdminClient(**_common(settings)))


async def consumer(settings: Settings, **options: object) -> AIOKafkaConsumer:
    """A started consumer without a group, unless `options` names one."""
    return await started(settings, lambda: AIOKafkaConsumer(**_common(settings), **options))


async def producer(settings: Settings, **options: object) -> AIOKafkaProducer:
    """A started producer, idempotent with acks=all, unless `options` say otherwise."""
    chosen = {"acks": "all", "enable_idempotence": True} | options
    return await started(settings, lambda: AIOKafkaProducer(**_common(settings), **chosen))


async def started(settings: Settings, make: Callable[[], Client]) -> Client:
    """Start the client that `make` makes, with a fresh one for each try.

    Raises BrokerUnreachable when settings.wait seconds have passed without an answer.
    """
    began, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        client = make()
        try:
            with our_words_only():
                await client.start()
        except (KafkaError, OSError) as error:
            await _close(client)
            waited = time.monotonic() - began
            if settings.wait is not None and waited >= settings.wait:
                raise BrokerUnreachable(
                    f"No Kafka answers at {settings.broker} (waited {waited:.1f} s)."
                    " Start one with `headwater broker start`, or set HEADWATER_BROKER."
                ) from error
            if settings.wait is not None:
                pause = min(pause, settings.wait - waited)
            log.warning("No Kafka answers at %s; next try in %.1f s.", settings.broker, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return client


@contextmanager
def our_words_only() -> Iterator[None]:
    """Keep the client from logging each failed connection: the error says it, and we say it."""
    client = logging.getLogger("aiokafka")
    before = client.level
    client.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        client.setLevel(before)


async def _close(client: AIOKafkaAdminClient | AIOKafkaConsumer | AIOKafkaProducer) -> None:
    closing: Awaitable[None]
    closing = client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop()
    await closing


def _common(settings: Settings) -> dict[str, object]:
    return {
        "bootstrap_servers": settings.broker,
        "request_timeout_ms": int(settings.request_timeout * 1000),
    }
