"""Tells Prometheus and the health checks how far the worker is."""

import asyncio
import time
from typing import Final

from faust.types import TP

from agents.catalogue_feed import CatalogueFeed
from stream.app import Foundation
from stream.intake import Handler, Run
from stream.metrics import Metrics

_INTERVAL: Final = 1.0  # s between looks


class Monitor:
    """Watches the foundation and the catalogue; changes nothing."""

    def __init__(self, foundation: Foundation, feed: CatalogueFeed, metrics: Metrics) -> None:
        self._foundation = foundation
        self._feed = feed
        self._metrics = metrics
        self._last_read_ms: dict[TP, int] = {}
        self._shown: set[TP] = set()
        foundation.on_assigned(self._on_assigned)
        foundation.on_recovered(self._on_recovered)

    def watched(self, handler: Handler) -> Handler:
        """Return the handler, with a note of how old the last record of each run is."""

        async def handle(run: Run) -> None:
            await handler(run)
            self._last_read_ms[run.tp] = run.records[-1].timestamp

        return handle

    def unhealthy(self) -> str | None:
        """Say what is wrong with the process, None if nothing is."""
        if not self._foundation.broker_reachable:
            return f"no Kafka answers at {self._foundation.settings.broker}"
        return None

    def unready(self) -> str | None:
        """Say why lists would be wrong or missing now, None if they are not."""
        if not self._foundation.recovered:
            return "the tables are being recovered"
        if not self._feed.ready.is_set():
            return "the catalogue is being read"
        return self.unhealthy()

    async def run(self) -> None:
        """Refresh the lag once a second until cancelled."""
        while True:
            self._show_lag()
            await asyncio.sleep(_INTERVAL)

    def _show_lag(self) -> None:
        lags = self._foundation.consumer_lag()
        for tp in self._shown - lags.keys():
            self._metrics.consumer_lag_events.remove(tp.topic, str(tp.partition))
            self._metrics.consumer_lag_seconds.remove(tp.topic, str(tp.partition))
        self._shown = set(lags)
        now_ms = time.time() * 1000
        for tp, lag in lags.items():
            labels = (tp.topic, str(tp.partition))
            behind = now_ms - self._last_read_ms.get(tp, now_ms) if lag else 0
            self._metrics.consumer_lag_events.labels(*labels).set(lag)
            self._metrics.consumer_lag_seconds.labels(*labels).set(max(0.0, behind / 1000))

    def _on_assigned(self, _assigned: frozenset[TP]) -> None:
        self._metrics.rebalances.inc()

    def _on_recovered(self, _assigned: frozenset[TP]) -> None:
        if self._foundation.recovery_seconds is not None:
            self._metrics.recovery.observe(self._foundation.recovery_seconds)
