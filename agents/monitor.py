"""Tells Prometheus and the health checks how far the worker is."""

import asyncio
import time
from typing import Final

from faust.types import TP

from agents.catalogue_feed import CatalogueFeed
from stream.app import Foundation
from stream.metrics import Metrics

_INTERVAL: Final = 1.0  # s between looks
_SIZES: Final = 10.0  # s between looks at the tables: RocksDB is asked for each partition


class Monitor:
    """Watches the foundation and the catalogue; changes nothing."""

    def __init__(self, foundation: Foundation, feed: CatalogueFeed, metrics: Metrics) -> None:
        self._foundation = foundation
        self._feed = feed
        self._metrics = metrics
        self._waiting_since: dict[TP, float] = {}
        self._sized = -_SIZES
        foundation.membership.on_assigned(self._on_assigned)
        foundation.membership.on_recovered(self._on_recovered)

    def unhealthy(self) -> str | None:
        """Say what is wrong with the process, None if nothing is."""
        if not self._foundation.broker_reachable:
            return f"no Kafka answers at {self._foundation.settings.broker}"
        return None

    def unready(self) -> str | None:
        """Say why lists would be wrong or missing now, None if they are not."""
        if not self._foundation.membership.recovered:
            return "the tables are being recovered"
        if not self._feed.ready.is_set():
            return "the catalogue is being read"
        return self.unhealthy()

    async def run(self) -> None:
        """Refresh lag and sizes until cancelled."""
        while True:
            self._show_lag()
            self._show_sizes()
            await asyncio.sleep(_INTERVAL)

    def _show_lag(self) -> None:
        lags = self._foundation.consumer_lag()
        for tp in self._waiting_since.keys() - lags.keys():
            self._metrics.consumer_lag_events.remove(tp.topic, str(tp.partition))
            self._metrics.consumer_lag_seconds.remove(tp.topic, str(tp.partition))
            del self._waiting_since[tp]
        now_ms = time.time() * 1000
        for tp, lag in lags.items():
            labels = (tp.topic, str(tp.partition))
            # Before the first read nothing is known but since when we know that there is work.
            since = self._waiting_since.get(tp, now_ms) if lag.records else now_ms
            self._waiting_since[tp] = since
            behind = now_ms - (since if lag.since_ms is None else lag.since_ms)
            self._metrics.consumer_lag_events.labels(*labels).set(lag.records)
            self._metrics.consumer_lag_seconds.labels(*labels).set(
                max(0.0, behind / 1000) if lag.records else 0.0
            )

    def _show_sizes(self) -> None:
        self._metrics.catalogue_items.set(self._feed.catalogue.size)
        if not self._foundation.membership.recovered or time.monotonic() - self._sized < _SIZES:
            return
        self._sized = time.monotonic()
        for table in self._foundation.tables():
            rows, used = table.size()
            self._metrics.table_rows.labels(table.name).set(rows)
            self._metrics.table_bytes.labels(table.name).set(used)

    def _on_assigned(self, _assigned: frozenset[TP]) -> None:
        self._metrics.rebalances.inc()

    def _on_recovered(self, _assigned: frozenset[TP]) -> None:
        if self._foundation.membership.recovery_seconds is not None:
            self._metrics.recovery.observe(self._foundation.membership.recovery_seconds)
