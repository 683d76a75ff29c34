"""Keeps this worker's catalogue: reads every item's row from `item-vectors`, then follows it.

A plain consumer without a group, since each worker needs all partitions; Faust's GlobalTable
diverges with two workers.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from agents.announcements import content_of
from agents.keys import row_id
from agents.rows import NO_STAMP, ItemRow, Stamp
from agents.served import Served
from models.content import Content
from stream import connect
from stream.errors import CodecError
from stream.metrics import Metrics
from stream.settings import Settings
from stream.topics import Topic

log = logging.getLogger(__name__)

_ROWS_AT_ONCE: Final = 500  # a few ms of updates, so that lists are not held up
_POLL_MS: Final = 200
_FRESHEN: Final = 0.5  # s between looks at what few changes have made popular
_REST: Final = 0.03  # s between reads: rows come in twos and threes, an update costs much the same
_PAUSE: Final = 1.0  # s before reading goes on after Kafka failed
_NEW_ITEMS_WATCHED: Final = 10_000  # new items whose first list is still to be measured


class CatalogueFeed:
    """Applies `item-vectors` to the learner's catalogue; `ready` once it holds all that there was.

    Announcements are read only for a learner whose vectors stem from them.
    """

    def __init__(self, settings: Settings, topic: Topic, learner: Served, metrics: Metrics) -> None:
        self.catalogue = learner.catalogue()
        self.ready = asyncio.Event()
        self._settings = settings
        self._metrics = metrics
        self._partitions = [
            TopicPartition(topic.name, partition) for partition in range(topic.partitions)
        ]
        self._position = dict.fromkeys(self._partitions, 0)
        self._freshened = time.monotonic()
        self._started_ms = time.time() * 1000
        self._reads_contents = self.catalogue.vectors is not None
        self._announced: dict[str, Stamp] = {}
        self._unlisted: dict[str, int] = {}
        self._seen_new: set[str] = set()

    async def run(self) -> None:
        """Read until cancelled; what Kafka refuses meanwhile is logged and tried again."""
        while True:
            try:
                await self._read()
            except KafkaError as exc:
                log.warning("The catalogue waits for Kafka: %r", exc)
                await asyncio.sleep(_PAUSE)

    async def _read(self) -> None:
        consumer = await connect.consumer(
            self._settings, auto_offset_reset="earliest", fetch_max_wait_ms=_POLL_MS
        )
        try:
            consumer.assign(self._partitions)
            for partition, offset in self._position.items():
                consumer.seek(partition, offset)
            ends = await consumer.end_offsets(self._partitions)
            began = time.monotonic()
            while True:
                if not self.ready.is_set() and await self._caught_up(consumer, ends):
                    log.info(
                        "The catalogue has %d items, read in %.1f s.",
                        self.catalogue.size,
                        time.monotonic() - began,
                    )
                    self.ready.set()
                await self._apply_next(consumer)
        finally:
            await consumer.stop()

    async def _caught_up(
        self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
    ) -> bool:
        for partition, end in ends.items():
            if await consumer.position(partition) < end:
                return False
        return True

    async def _apply_next(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_ROWS_AT_ONCE)
        for partition, records in fetched.items():
            self.apply(records)
            self._position[partition] = records[-1].offset + 1
        if time.monotonic() - self._freshened >= _FRESHEN:
            self.catalogue.freshen()
            self._freshened = time.monotonic()
        if self.ready.is_set():
            await asyncio.sleep(_REST)

    def apply(self, records: Sequence[ConsumerRecord]) -> None:
        """Put a run of one partition into the catalogue; of each item only the last row counts."""
        last = {record.key: record for record in records if record.value is not None}
        rows: list[ItemRow] = []
        for key, record in last.items():
            if row_id(key) is None:
                continue
            try:
                rows.append(ItemRow.unpack(record.value))
            except CodecError as exc:
                log.error(  # noqa: TRY400 - the sentence says it all
                    "%s[%d] offset %d: %s; the item stays as it was.",
                    record.topic,
                    record.partition,
                    record.offset,
                    exc,
                )
                continue
            if self.ready.is_set():  # what lay there before we came says nothing of our pace
                self._metrics.catalogue_lag.observe(max(0.0, time.time() - record.timestamp / 1000))
        if rows:
            left_out = self.catalogue.update(
                [row.item_id for row in rows],
                [row.listed for row in rows],
                [row.created_ms for row in rows],
                [row.payload or b"" for row in rows],
            )
            self._describe([row for row in rows if row.item_id not in left_out])
            self._watch_new(rows)

    def _describe(self, rows: Sequence[ItemRow]) -> None:
        """Give the catalogue what was announced, where it is not what the catalogue has."""
        if not self._reads_contents:
            return
        contents: dict[str, Content] = {}
        for row in rows:
            if self._announced.get(row.item_id, NO_STAMP) == row.announcement_stamp:
                continue
            self._announced[row.item_id] = row.announcement_stamp
            try:
                contents[row.item_id] = content_of(row.announcement)
            except CodecError as exc:
                log.error("Item %s: %s; it stays as it was.", row.item_id, exc)  # noqa: TRY400 - as above
        if contents:
            self.catalogue.describe(list(contents), list(contents.values()))

    def note_listed(self, item_ids: set[str]) -> None:
        """Measure how long new items took from their first record to this worker's first list."""
        for item_id in self._unlisted.keys() & item_ids:
            waited = time.time() - self._unlisted.pop(item_id) / 1000
            self._metrics.time_to_first_recommendation.observe(max(0.0, waited))

    def _watch_new(self, rows: Sequence[ItemRow]) -> None:
        for row in rows:
            is_new = row.created_ms >= self._started_ms and row.item_id not in self._seen_new
            if is_new and len(self._seen_new) < _NEW_ITEMS_WATCHED:
                self._seen_new.add(row.item_id)
                self._unlisted[row.item_id] = row.created_ms
