"""The list under `*`, for users of whom nothing is known: refreshed every few seconds when it changed."""

import asyncio
import logging
import time

from agents.catalogue_feed import CatalogueFeed
from agents.keys import GATE
from agents.outbox import Outbox
from agents.publish import Publisher
from agents.score import ids_of, lists_for
from models.mixture import Mixture
from stream.app import Foundation
from stream.metrics import Metrics
from stream.placement import partition_of
from stream.schemas import EVERYONE, ListItem
from stream.tables import RowStore

log = logging.getLogger(__name__)


class DefaultList:
    """Publishes the default list while this worker owns the partition of `*`."""

    def __init__(
        self,
        foundation: Foundation,
        table: RowStore,
        learner: Mixture,
        feed: CatalogueFeed,
        outbox: Outbox,
        publisher: Publisher,
        metrics: Metrics,
    ) -> None:
        self._foundation = foundation
        self._table = table
        self._learner = learner
        self._feed = feed
        self._outbox = outbox
        self._publisher = publisher
        self._metrics = metrics
        self._partition = partition_of(EVERYONE.encode(), table.partitions)
        self._published: list[str] = []

    async def run(self) -> None:
        """Refresh until cancelled."""
        await self._feed.ready.wait()
        while True:
            await self._refresh()
            await asyncio.sleep(self._foundation.settings.default_list_interval)

    async def _refresh(self) -> None:
        if not self._foundation.recovered or self._partition not in self._table.owned():
            self._published = []  # another worker may publish meanwhile
            return
        items = self._score()
        if not items or ids_of(items) == self._published:
            return
        now_ms = time.time_ns() // 1_000_000
        record = self._publisher.for_everyone(EVERYONE, items, "item", now_ms)
        (out,) = self._outbox.lists([record])
        acked = await self._foundation.send(out)
        try:
            await acked
        except asyncio.CancelledError:
            if acked.cancelled():  # dropped by the fence: the next refresh publishes it, if still ours
                return
            raise
        self._published = ids_of(items)
        self._metrics.count_recommendations(["item"])

    def _score(self) -> list[ListItem]:
        gate = self._learner.unpack_gate(self._table.get(self._partition, GATE))
        (items,) = lists_for(
            self._learner,
            self._learner.initial(1),
            gate,
            self._feed.catalogue,
            self._foundation.settings.list_length,
        )
        return items
