"""Keeps each user's newest list in memory, read from Kafka, and serves it over HTTP.

BROKER=localhost:9092 PORT=8080 python lists_service.py

    GET /users/ID   {"fallback": false, "list": {…}}: the user's newest list.
                    {"fallback": true, "list": {…}}: nothing is kept for this user; the list for
                    users of whom nothing is known. 404 where there is not even that.
    GET /healthz    200 once all lists that there were at the start are read, 503 before.

IDs are percent-encoded. At the start the whole compacted topic is read; until then everything
answers 503. Memory is bounded by MOST_MB (512), weighed as keys, values and 200 bytes for each
list (and as much again while all is read anew after Kafka failed): when it is full, the lists that
have been unchanged for longest go, and their users get the fallback. SIGTERM ends it once the
requests under way are answered.
"""

import asyncio
import contextlib
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncIterator

from aiohttp import web
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

EVERYONE = b"*"
# What Python needs for a list beside the bytes of its key and value.
OVERHEAD = 200
PAUSE = 1.0  # seconds before Kafka is tried again

log = logging.getLogger("lists_service")


class Lists:
    """The newest list of each user, as Kafka has it, within a bound of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self.dropped = 0
        self._most_bytes = most_bytes
        self._newest: OrderedDict[bytes, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._newest)

    def take(self, user: bytes, value: bytes | None) -> None:
        """Keep a user's newer list; without a value, the user is forgotten."""
        self._forget(user)
        if value is not None:
            self._newest[user] = value
            self.bytes += len(user) + len(value) + OVERHEAD
        while self.bytes > self._most_bytes and len(self) > 1:
            oldest = next(iter(self._newest))
            if oldest == EVERYONE:  # it serves the most users
                self._newest.move_to_end(oldest)
                continue
            self._forget(oldest)
            self.dropped += 1

    def get(self, user: bytes) -> bytes | None:
        """The user's list."""
        return self._newest.get(user)

    def _forget(self, user: bytes) -> None:
        value = self._newest.pop(user, None)
        if value is not None:
            self.bytes -= len(user) + len(value) + OVERHEAD


class Follower:
    """Reads the topic from its beginning on; `lists` is None until it has caught up."""

    def __init__(self, broker: str, topic: str, most_bytes: int) -> None:
        self.lists: Lists | None = None
        self._broker = broker
        self._topic = topic
        self._most_bytes = most_bytes

    async def run(self) -> None:
        """Follow until cancelled; after an error all is read anew, and what is known served on."""
        try:
            while True:
                try:
                    await self._follow()
                except KafkaError as error:
                    log.warning("Reading %s: %r; trying again", self._topic, error)
                await asyncio.sleep(PAUSE)
        finally:
            self.lists = None  # nobody keeps them any longer

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            self._topic, bootstrap_servers=self._broker, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            ends = await consumer.end_offsets(consumer.assignment())
            lists = Lists(self._most_bytes)
            while True:
                if lists is not self.lists:
                    behind = [p for p, end in ends.items() if await consumer.position(p) < end]
                    if not behind:
                        log.info("Caught up with %d lists", len(lists))
                        self.lists = lists
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        lists.take(record.key or b"", record.value)
        finally:
            await consumer.stop()


FOLLOWER = web.AppKey("follower", Follower)


async def user(request: web.Request) -> web.Response:
    """The user's newest list, or the list for everyone."""
    lists = _lists(request)
    found = lists.get(request.match_info["id"].encode(errors="replace"))
    newest = found or lists.get(EVERYONE)
    if newest is None:
        raise web.HTTPNotFound(
            text='{"error": "no list yet, neither for this user nor for everyone"}',
            content_type="application/json",
        )
    fallback = b"false" if found else b"true"
    body = b'{"fallback": ' + fallback + b', "list": ' + newest + b"}"
    return web.Response(body=body, content_type="application/json")


async def healthz(request: web.Request) -> web.Response:
    """What is kept, once the lists are caught up with."""
    lists = _lists(request)
    kept = {"lists": len(lists), "bytes": lists.bytes, "dropped": lists.dropped}
    return web.json_response(kept)


def _lists(request: web.Request) -> Lists:
    lists = request.app[FOLLOWER].lists
    if lists is None:
        raise web.HTTPServiceUnavailable(
            text='{"error": "still reading the lists"}',
            content_type="application/json",
            headers={"Retry-After": "1"},
        )
    return lists


async def follow(app: web.Application) -> AsyncIterator[None]:
    """Follow the lists while the service runs."""
    task = asyncio.create_task(app[FOLLOWER].run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def application(follower: Follower) -> web.Application:
    """The service."""
    app = web.Application()
    app[FOLLOWER] = follower
    app.cleanup_ctx.append(follow)
    app.add_routes([web.get("/users/{id}", user), web.get("/healthz", healthz)])
    return app


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what ends a try is logged here
    follower = Follower(
        os.environ.get("BROKER", "localhost:9092"),
        os.environ.get("PREFIX", "headwater.") + "recommendations",
        int(os.environ.get("MOST_MB", "512")) * 1_000_000,
    )
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    web.run_app(application(follower), host=host, port=port, access_log=None)


if __name__ == "__main__":
    main()
