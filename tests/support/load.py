"""A load whose outcome is known: users act on items of their own group, some events misplaced."""

import json
import random
import threading
import time

from confluent_kafka import Producer

from stream.placement import partition_of

USERS = 1200
GROUPS = 20
ITEMS_PER_GROUP = 60  # fewer than the partners that an item's row protects, so that no sum is cut
ITEMS = tuple(f"g{group}i{number}" for group in range(GROUPS) for number in range(ITEMS_PER_GROUP))
TYPES = ("view", "click", "like", "dislike", "cart", "purchase", "share")


class Load(threading.Thread):
    """Publishes `count` events at `rate` a second from its start; `join` waits for all of them."""

    def __init__(
        self,
        broker: str,
        topic: str,
        partitions: int,
        count: int,
        rate: float,
        *,
        stray: float = 0.2,
    ) -> None:
        """`stray`: the share of events without a key or in a wrong partition."""
        super().__init__(daemon=True)
        self.sent = 0
        self.failed: list[str] = []
        self._topic = topic
        self._partitions = partitions
        self._count = count
        self._rate = rate
        self._stray = stray
        self._random = random.Random(7)
        self._producer = Producer(
            {"bootstrap.servers": broker, "linger.ms": 5, "enable.idempotence": True}
        )

    def run(self) -> None:
        """Publish in the pace of the clock."""
        began = time.monotonic()
        while self.sent < self._count:
            due = min(self._count, int((time.monotonic() - began) * self._rate) + 1)
            while self.sent < due:
                self._publish()
                self.sent += 1
            self._producer.poll(0.01)
        self._producer.flush(30)

    def _publish(self) -> None:
        user = self._random.randrange(USERS)
        group = user % GROUPS
        event = {
            "user_id": f"u{user}",
            "item_id": f"g{group}i{self._random.randrange(ITEMS_PER_GROUP)}",
            "type": self._random.choice(TYPES),
            "timestamp": 1_700_000_000_000 + self.sent * 1000,
        }
        if self._random.random() < 0.3:
            event["event_id"] = f"e{self.sent}"
        key, partition = self._place(str(event["user_id"]).encode())
        self._producer.produce(
            self._topic, json.dumps(event).encode(), key, partition, on_delivery=self._delivered
        )

    def _place(self, user: bytes) -> tuple[bytes | None, int]:
        """Strays: users with a number below 40 % of all send half of their events anywhere."""
        right = partition_of(user, self._partitions)
        number = int(user[1:])
        if number < self._stray * USERS:  # all of them misplaced, in one partition of their own
            return b"wrong", (right + 1) % self._partitions
        if number < 1.5 * self._stray * USERS and self._random.random() < 0.5:  # by both paths
            return None, self._random.randrange(self._partitions)
        return user, right

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self.failed.append(str(error))
