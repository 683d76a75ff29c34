"""Publishes an event and prints the list that answers it, or prints a user's lists as they come.

BROKER=localhost:9092 python with_aiokafka.py publish USER ITEM TYPE
BROKER=localhost:9092 python with_aiokafka.py watch USER
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import RecordMetadata

BROKER = os.environ.get("BROKER", "localhost:9092")
PREFIX = os.environ.get("PREFIX", "headwater.")
EVENTS, LISTS = PREFIX + "events", PREFIX + "recommendations"
ANSWER_WITHIN = 30  # seconds


async def publish(user: str, item: str, type_: str) -> None:
    """Send one event and print the list that answers it."""
    event = json.dumps({"user_id": user, "item_id": item, "type": type_}).encode()
    # The default partitioner is murmur2 of the key, where headwater keeps the user.
    async with (
        started(AIOKafkaProducer(bootstrap_servers=BROKER, acks="all")) as producer,
        started(AIOKafkaConsumer(bootstrap_servers=BROKER)) as lists,
    ):
        await assign_all(lists, producer)
        await lists.seek_to_end()
        for place in lists.assignment():
            await lists.position(place)  # now, not at the first read
        sent = await producer.send_and_wait(EVENTS, event, key=user.encode())
        print(f"{sent.topic}[{sent.partition}] offset {sent.offset}", file=sys.stderr)
        async for record in lists:
            if record.key == user.encode() and answers(record.value, sent):
                print(record.value.decode())
                return


async def watch(user: str) -> None:
    """Print a user's lists until stopped; the last line is the newest."""
    async with (
        started(AIOKafkaProducer(bootstrap_servers=BROKER)) as producer,
        started(AIOKafkaConsumer(bootstrap_servers=BROKER, auto_offset_reset="earliest")) as lists,
    ):
        await assign_all(lists, producer)
        async for record in lists:
            if record.key == user.encode():  # without a value: the user was forgotten
                print((record.value or b"null").decode(), flush=True)


@asynccontextmanager
async def started(client: Any) -> AsyncIterator[Any]:
    """Start a client and stop it, also if it does not start: `async with client` would not."""
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


async def assign_all(lists: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
    """Read all partitions of the lists, without a group."""
    partitions = await producer.partitions_for(LISTS)
    lists.assign([TopicPartition(LISTS, partition) for partition in partitions])


def answers(value: bytes | None, sent: RecordMetadata) -> bool:
    """Whether the list's source is at or past the event, in the same partition."""
    source = json.loads(value or b"{}").get("source")
    return (
        source is not None
        and (source["topic"], source["partition"]) == (sent.topic, sent.partition)
        and source["offset"] >= sent.offset
    )


def main() -> None:
    """Run, and say in a sentence if there is no broker."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it logs, it raises at the end
    try:
        run()
    except KafkaConnectionError:
        sys.exit(f"no broker answers at {BROKER}")


def run() -> None:
    """Do what the arguments say."""
    match sys.argv[1:]:
        case ["publish", user, item, type_]:
            try:
                asyncio.run(asyncio.wait_for(publish(user, item, type_), ANSWER_WITHIN))
            except TimeoutError:
                sys.exit(f"no list within {ANSWER_WITHIN} s: does a worker run?")
        case ["watch", user]:
            asyncio.run(watch(user))
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
