"""Gathers what Kafka knows: it reads and asks, writes nothing and joins no group."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream import topics as topic_admin
from stream.connect import admin_client, consumer, our_words_only
from stream.doctor.facts import (
    Cluster,
    Kafka,
    NoKafka,
)
from stream.doctor.quorum import kafka_clock
from stream.doctor.records import Records
from stream.errors import BrokerUnreachable
from stream.settings import Settings
from stream.topics import Topics


async def look_at_kafka(
    settings: Settings, sample: int, now: Callable[[], float] = time.time
) -> Kafka | NoKafka:
    """Everything that Kafka tells; `sample` newest events are read. Raises TopicError."""
    try:
        with our_words_only():
            async with _clients(settings) as (admin, reader):
                if nowhere := await _unreachable(admin, settings):
                    return nowhere
                return await _look(settings, admin, reader, sample, now)
    except BrokerUnreachable as error:
        return NoKafka(str(error), "headwater broker start")
    except KafkaError as error:
        return NoKafka(f"Kafka at {settings.broker} broke off: {error!r}.", "headwater doctor")


async def _look(
    settings: Settings,
    admin: AIOKafkaAdminClient,
    reader: AIOKafkaConsumer,
    sample: int,
    now: Callable[[], float],
) -> Kafka:
    cluster = await _cluster(admin, settings, now)
    seen = Records(settings, Topics(settings), admin, reader, cluster.topics, {})

    def now_ms() -> float:
        return (now() + (cluster.clock.ahead or 0.0)) * 1000

    return Kafka(
        cluster,
        events=await seen.or_why_not("placement", seen.events(sample)),
        group=await seen.or_why_not("group", seen.group()),
        waiting=await seen.or_why_not("lag", seen.waiting()),
        dead_letters=await seen.or_why_not("dead-letters", seen.dead_letters(now_ms())),
        refused=seen.refused,
        now_ms=now_ms(),  # last: no record that was read is later than it
    )


@asynccontextmanager
async def _clients(
    settings: Settings,
) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    admin = await admin_client(settings)
    try:
        reader = await consumer(settings, auto_offset_reset="earliest", fetch_max_wait_ms=100)
        try:
            yield admin, reader
        finally:
            await reader.stop()
    finally:
        await admin.close()


def _brokers(admin: AIOKafkaAdminClient) -> set[Any]:
    found: set[Any] = admin._client.cluster.brokers()  # noqa: SLF001  # it has no method for them
    return found


async def _away(admin: AIOKafkaAdminClient) -> list[str]:
    """The addresses that nodes advertise and at which nobody answers."""
    ready = admin._client.ready  # noqa: SLF001  # it has no such method
    return [f"{b.host}:{b.port}" for b in _brokers(admin) if not await ready(b.nodeId)]


async def _unreachable(admin: AIOKafkaAdminClient, settings: Settings) -> NoKafka | None:
    """Why clients get no further than the first answer, if they do not."""
    away = await _away(admin)
    if len(away) < len(_brokers(admin)):
        return None
    text = (
        f"Kafka answers at {settings.broker}, but nobody does where it says that it is:"
        f" {', '.join(away)}. What it advertises must be reachable from here."
    )
    line = f"advertised.listeners=PLAINTEXT://{settings.broker}"
    return NoKafka(text, f"{line} in Kafka's server.properties, then start it anew")


async def _cluster(
    admin: AIOKafkaAdminClient, settings: Settings, now: Callable[[], float]
) -> Cluster:
    brokers = _brokers(admin)
    away = await _away(admin)
    there = await topic_admin.describe(settings)
    leaderless, behind = [], []
    for topic in await admin.describe_topics(list(there)) if there else ():
        for part in topic["partitions"]:
            name = f"{topic['topic']}[{part['partition']}]"
            if part["leader"] < 0:
                leaderless.append(name)
            elif len(part["isr"]) < len(part["replicas"]):
                behind.append(name)
    connections = admin._client._conns.values()  # noqa: SLF001  # it has no method for them
    versions = next(connection._versions for connection in connections)  # noqa: SLF001  # the same
    clock = await kafka_clock(admin, now)
    return Cluster(len(brokers), versions, clock, there, away, leaderless, behind)
