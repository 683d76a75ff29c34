"""All metrics of a worker, declared once; each process has its own registry."""

from collections import Counter as Tally
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from stream.schemas import Cause, Reason

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds. The goal is 20 ms in the median, 100 ms at the 99th percentile; a rebalance takes more.
_LAG = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
# Seconds of one stage for one wave of up to 1,000 records.
_STAGE = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
# Seconds from an item's announcement to the first list that holds it: up to days.
_FIRST_LIST = (0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600, 3600, 86_400, 604_800)

# What a label may say, where that is known. Each begins at 0: Prometheus sees no increase in a
# counter that appears with its first 1, and an alert on it would miss that one.
STAGES = ("decode", "fold", "score", "topk", "encode", "produce")
FORWARDED = ("no-key", "wrong-partition", "profile", "announcement")


class Metrics:
    """One worker's metrics; the names are fixed, dashboards rely on them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = self._counter("events", "Events read, by type.", "type")
        self.adaptation_lag = self._histogram(
            "adaptation_lag_seconds",
            "Broker time of an event to the acknowledgement of its list.",
            _LAG,
        )
        self.processing = self._histogram(
            "processing_seconds",
            "One stage of one wave: decode, fold, score (the gate's step), topk (the lists),"
            " encode, produce.",
            _STAGE,
            "stage",
        )
        self.consumer_lag_events = self._gauge(
            "consumer_lag_events", "Records not yet done.", "topic", "partition"
        )
        self.consumer_lag_seconds = self._gauge(
            "consumer_lag_seconds",
            "Age of the oldest record that was read and is not done, else 0.",
            "topic",
            "partition",
        )
        self.recommendations = self._counter("recommendations", "Lists sent, by cause.", "cause")
        self.batch_size = self._histogram("batch_size", "Records folded at once.", _RECORDS)
        self.dead_letters = self._counter(
            "dead_letters", "Records that could not be applied, by reason.", "reason"
        )
        self.forwarded = self._counter(
            "forwarded", "Records sent on to their row's partition, by reason.", "reason"
        )
        self.redelivered = self._counter("redelivered", "Records that a row had applied already.")
        self.time_to_first_recommendation = self._histogram(
            "item_time_to_first_recommendation_seconds",
            "An item's announcement to the first list that holds it.",
            _FIRST_LIST,
        )
        self.catalogue_lag = self._histogram(
            "catalogue_lag_seconds",
            "Broker time of an item's row to its place in this worker's catalogue.",
            _LAG,
        )
        self.rebalances = self._counter("rebalances", "Times that partitions were assigned.")
        self.recovery = self._histogram(
            "recovery_seconds", "An assignment to the tables' recovery.", _LAG
        )
        self.model_info = self._gauge(
            "model_info", "1 for the model that the lists are made with.", "version", "role"
        )
        self.hit_ratio = self._gauge(
            "prequential_hit_ratio",
            "Share of the newest positive events whose item was in the list before.",
            "learner",
            "history",
        )
        self.judged_events = self._counter(
            "prequential_events", "Positive events by which lists were judged.", "history"
        )
        self.judged_hits = self._counter(
            "prequential_hits", "Those whose item was in the list before.", "learner", "history"
        )
        self.catalogue_items = self._gauge("catalogue_items", "Items in this worker's catalogue.")
        self.table_rows = self._gauge("table_rows", "Rows stored here, about.", "table")
        self.table_bytes = self._gauge("table_bytes", "Their bytes on disk and in memory.", "table")
        ProcessCollector(namespace="headwater", registry=self.registry)
        for metric, labels in (
            (self.processing, STAGES),
            (self.recommendations, get_args(Cause)),
            (self.dead_letters, get_args(Reason)),
            (self.forwarded, FORWARDED),
        ):
            for label in labels:
                metric.labels(label)

    def serve_model(self, version: str) -> None:
        """Name the model that the lists are made with."""
        self.model_info.labels(version, "live").set(1)

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Measures the block under it as one stage of one wave."""
        return self.processing.labels(name).time()

    def count_events(self, types: Iterable[str]) -> None:
        """Count events that were applied, by type."""
        _count(self.events, types)

    def count_recommendations(self, causes: Iterable[str]) -> None:
        """Count lists, by cause."""
        _count(self.recommendations, causes)

    def count_dead_letters(self, reasons: Iterable[str]) -> None:
        """Count records that could not be applied, by reason."""
        _count(self.dead_letters, reasons)

    def count_forwarded(self, reasons: Iterable[str]) -> None:
        """Count records sent on, by reason."""
        _count(self.forwarded, reasons)

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"headwater_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"headwater_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"headwater_{name}", text, labels, registry=self.registry, buckets=buckets)


def _count(counter: Counter, labels: Iterable[str]) -> None:
    for label, number in Tally(labels).items():
        counter.labels(label).inc(number)
