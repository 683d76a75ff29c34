"""The list under `*`, for users of whom nothing is known, refreshed when it changed."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from agents.catalogue_feed import CatalogueFeed
from agents.keys import GATE
from agents.outbox import Outbox
from agents.publish import Publisher
from agents.score import ids_of, lists_for
from agents.served import Served
from stream.app import Foundation
from stream.metrics import Metrics
from stream.placement import partition_of
from stream.schemas import EVERYONE, ListItem
from stream.tables import RowStore

log = logging.getLogger(__name__)


@dataclass(slots=True)
class DefaultList:
    """Publishes the default list while this worker owns the partition of `*`."""

    foundation: Foundation
    table: RowStore
    learner: Served
    feed: CatalogueFeed
    outbox: Outbox
    publisher: Publisher
    metrics: Metrics
    _published: list[str] = field(default_factory=list, init=False)

    async def run(self) -> None:
        """Refresh until cancelled."""
        await self.feed.ready.wait()
        while True:
            await self._refresh()
            await asyncio.sleep(self.foundation.settings.default_list_interval)

    async def _refresh(self) -> None:
        owner = partition_of(EVERYONE.encode(), self.table.partitions)
        if not self.foundation.membership.recovered or owner not in self.table.owned():
            self._published = []  # another worker may publish meanwhile
            return
        items = self._score(owner)
        if not items or ids_of(items) == self._published:
            return
        now_ms = time.time_ns() // 1_000_000
        record = self.publisher.for_everyone(EVERYONE, items, "item", now_ms)
        (out,) = self.outbox.lists([record])
        acked = await self.foundation.send(out)
        try:
            await acked
        except asyncio.CancelledError:
            if (
                acked.cancelled()
            ):  # dropped by the fence: the next refresh publishes it, if still ours
                return
            raise
        self._published = ids_of(items)
        self.metrics.count_recommendations(["item"])

    def _score(self, owner: int) -> list[ListItem]:
        gate = self.learner.unpack_gate(self.table.get(owner, GATE))
        (items,) = lists_for(
            self.learner,
            self.learner.initial(1),
            gate,
            self.feed.catalogue,
            self.foundation.settings.list_length,
        )
        return items
