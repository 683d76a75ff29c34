"""What one round is measured on: fresh topics, a worker with a history, and its clean end."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaException
from support.client import Read, ends, read_all, uncommitted, wait_until
from support.workers import Worker

from bench.loads import announcements, events, fill
from bench.sizes import Sizes
from stream.connect import admin_client
from stream.settings import Settings
from stream.topics import Topic, Topics, ensure

_PATIENCE = 300.0


@dataclass
class Ground:
    """A prefix of its own, and a worker that keeps its state from one start to the next."""

    settings: Settings
    sizes: Sizes
    folder: Path
    topics: Topics = field(init=False)
    worker: Worker = field(init=False)
    #: Events so far; the next one's number.
    published: int = 0
    _prepared: bool = False
    _beside: list["Ground"] = field(default_factory=list)

    def __post_init__(self) -> None:
        asyncio.run(ensure(self.settings))
        self.topics = Topics(self.settings)
        self.worker = Worker(self.settings, self.settings.group, self.folder)

    def beside(self, name: str, sizes: Sizes | None = None) -> "Ground":
        """Other topics for a measurement that wants none of what happened here."""
        group = f"{self.settings.group}-{name}"
        changed = {
            "topic_prefix": f"{group}.",
            "group": group,
            "state_dir": self.folder / f"state-{group}",
        }
        settings = self.settings.model_copy(update=changed)
        ground = Ground(settings, sizes or self.sizes, self.folder)
        self._beside.append(ground)
        return ground

    @contextmanager
    def working(self) -> Iterator[Worker]:
        """A worker process, which has committed everything and is gone afterwards."""
        self.worker.start()
        try:
            yield self.worker
            self.wait_caught_up()
            self.worker.leave()
        finally:
            self.worker.kill()

    def prepare(self) -> None:
        """Announce the items and let each user act once; once."""
        if self._prepared:
            return
        self._prepared = True
        fill(self.settings, self.topics.items.name, announcements(range(self.sizes.items)))
        self.publish_events(self.sizes.users)
        with self.working():
            pass

    def publish_events(self, count: int) -> None:
        """Fill the topic with that many events more."""
        records = events(count, self.sizes.users, self.sizes.items, self.published)
        self.published += count
        fill(self.settings, self.topics.events.name, records)

    def wait_caught_up(self) -> None:
        """Return when both hops have committed all that there is."""
        topics = self.topics
        for hop in ((topics.events, topics.items, topics.user_input), (topics.item_feedback,)):
            wait_until(partial(self._committed, hop), _PATIENCE, "caught up")

    def _committed(self, topics: Sequence[Topic]) -> bool:
        names = [topic.name for topic in topics]
        try:
            return not uncommitted(self.settings.broker, self.settings.group, names)
        except KafkaException:  # a new group has no coordinator yet; the patience bounds it
            return False

    def ends(self, topic: str) -> dict[int, int]:
        """Where a topic ends now."""
        return ends(self.settings.broker, topic)

    def read(self, topic: str, starts: dict[int, int] | None = None) -> list[Read]:
        """A topic's records from there on; lists for everyone are left out."""
        found = read_all(self.settings.broker, topic, starts)
        return [record for record in found if record.key != b"*"]

    def clear(self) -> None:
        """Delete the topics, so that the next round finds the broker as this one did."""
        for ground in self._beside:
            ground.clear()
        asyncio.run(self._delete())

    async def _delete(self) -> None:
        admin = await admin_client(self.settings)
        try:
            await admin.delete_topics([topic.name for topic in self.topics])
        finally:
            await admin.close()


def per_second(records: list[Read]) -> float:
    """Records per second of the broker's time, those of the first moment being the start."""
    times = sorted(record.time for record in records)
    began = times[0]
    later = sum(time > began for time in times)
    return later / (max(1, times[-1] - began) / 1000)
