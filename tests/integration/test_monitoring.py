"""A real Prometheus reads a real worker under replay: every query of dashboards and rules works."""

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families
from support.client import read_all, wait_until
from support.prometheus import Prometheus, ask, problems
from support.workers import Worker

from deploy.monitoring.files import BOARDS
from deploy.monitoring.rules import ALERTS, RECORDED
from stream.settings import Settings
from stream.topics import Topics

PANELS = [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]


class Shop(Thread):
    """Publishes events until told to end: users of every history, new items, broken records."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self.ended = Event()
        self._topics = Topics(settings)
        self._producer = Producer(
            {
                "bootstrap.servers": settings.broker,
                "linger.ms": 5,
                "partitioner": "murmur2_random",
            }
        )

    def run(self) -> None:
        """Send about 200 records a second."""
        self._send(self._topics.users.name, "known", {"user_id": "known"})
        for number in count():
            if self.ended.wait(0.05):
                self._producer.flush(10)
                return
            item = f"new{number}"
            self._send(self._topics.items.name, item, {"item_id": item})
            for place in range(8):
                user, liked = f"u{number * place % 40}", f"i{(number + place) % 60}"
                self._act(user, liked if place else f"new{max(0, number - 20)}")
            self._act(f"first{number}", f"i{number % 10}")
            self._send(self._topics.events.name, "broken", {"user_id": "broken"})

    def end(self) -> None:
        """Stop, when all is sent."""
        self.ended.set()
        if self.is_alive():
            self.join()

    def _act(self, user: str, item: str) -> None:
        event = {"user_id": user, "item_id": item, "type": "like"}
        self._send(self._topics.events.name, user, event)

    def _send(self, topic: str, key: str, value: object) -> None:
        self._producer.produce(topic, json.dumps(value).encode(), key)
        self._producer.poll(0)


@dataclass(frozen=True)
class Scene:
    """A worker at work, and who watches it."""

    worker: Worker
    shop: Shop
    prometheus: Prometheus

    def sum_of(self, metric: str, having: str = "") -> float:
        """Add up the worker's own series of a metric, as its page shows them now."""
        families = text_string_to_metric_families(self.worker.page("/metrics")[1])
        samples = [sample for family in families for sample in family.samples]
        return sum(
            sample.value
            for sample in samples
            if sample.name == metric
            and sample.labels["history"] != "0"
            and having in {"", sample.labels.get("learner")}
        )

    def idle(self) -> bool:
        """Whether the worker has done all that was published."""
        return self.prometheus.query("sum(headwater_consumer_lag_events)")[0]["value"][1] == "0"


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    """A Prometheus that begins to read a worker as that is kept busy."""
    worker = Worker(settings, "a", tmp_path, default_list_interval=0.3)
    prometheus = Prometheus(tmp_path / "prometheus", [f"127.0.0.1:{worker.port}"])
    shop = Shop(settings)
    try:
        worker.start().wait_ready()
        prometheus.start()
        shop.start()
        yield Scene(worker, shop, prometheus)
    finally:
        shop.end()
        prometheus.stop()
        worker.kill()


def test_every_query_returns_data_and_the_hit_ratio_is_the_topics(
    scene: Scene, settings: Settings
) -> None:
    """Of every panel, rule and alert, none naming a metric that does not exist.

    An alert's expression may find nothing; what it looks at is there. And the worker's own hits
    are those that an outside reader counts in the topics.
    """
    prometheus = scene.prometheus
    with contextlib.suppress(AssertionError):  # it is told below what is still wrong
        wait_until(lambda: not found(prometheus), 30, "all queries return data")
    assert found(prometheus) == []
    groups = ask(prometheus.url, "rules")["groups"]
    health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(health) == {*RECORDED, *(alert.name for alert in ALERTS)}
    assert set(health.values()) == {"ok"}
    scene.shop.end()
    time.sleep(2)  # what was published last is in Prometheus' next reading
    wait_until(scene.idle, 20, "no lag")
    events, hits = in_topics(settings)
    assert events > 100
    assert scene.sum_of("headwater_prequential_events_total") == events
    assert scene.sum_of("headwater_prequential_hits_total", "headwater") == hits


def in_topics(settings: Settings) -> tuple[int, int]:
    """Return the events of users who had acted before, and those whose list held the item."""
    topics = Topics(settings)
    lists: dict[str, list[tuple[int, set[str]]]] = defaultdict(list)
    for read in read_all(settings.broker, topics.recommendations.name):
        made = json.loads(read.value or b"")
        if made["cause"] == "event":
            items = {item["item_id"] for item in made["items"]}
            lists[made["user_id"]].append((made["source"]["offset"], items))
    acted: set[str] = set()
    events = hits = 0
    for read in read_all(settings.broker, topics.events.name):
        event = json.loads(read.value or b"")
        user = event["user_id"]
        shown = [items for source, items in lists[user] if source < read.offset]
        if user in acted and shown:  # not the second act of a newcomer within one run
            events += 1
            hits += event["item_id"] in shown[-1]
        if "item_id" in event:
            acted.add(user)
    return events, hits


def found(prometheus: Prometheus) -> list[str]:
    """Return what is wrong with the queries now."""
    known = prometheus.metrics()
    wrong: list[str] = []
    for expr in [*PANELS, *RECORDED, *RECORDED.values()]:
        wrong += problems(prometheus, expr, known, alert=False)
    for alert in ALERTS:
        wrong += problems(prometheus, alert.expr, known, alert=True)
    return wrong


def test_what_is_wrong_with_a_query_is_told(tmp_path: Path) -> None:
    """So the test above can fail; this Prometheus reads nothing but itself."""
    prometheus = Prometheus(tmp_path, [])
    with pytest.raises(AssertionError, match="cannot be reached"):
        prometheus.query("up")
    prometheus.scrape([prometheus.url.removeprefix("http://")])
    prometheus.start()
    try:
        wait_until(lambda: "up" in prometheus.metrics(), 20, "the first scrape")
        known = prometheus.metrics()
        for alert in (False, True):
            (told,) = problems(prometheus, "rate(upp[1m]) > 0", known, alert=alert)
            assert told == "upp does not exist: rate(upp[1m]) > 0"
            (told,) = problems(prometheus, 'sum(up{job="headwatr"}) > 0', known, alert=alert)
            assert told.startswith("no data: ")
        assert list(problems(prometheus, "sum(up) > 7", known, alert=True)) == []
        with pytest.raises(AssertionError, match="parse error"):
            prometheus.query("sum(")
    finally:
        prometheus.stop()


def test_a_worker_that_gets_nothing_done_shows_a_lag_that_grows(
    settings: Settings, tmp_path: Path
) -> None:
    """Although it reads on: nothing is acknowledged, so nothing is done."""
    worker = Worker(settings, "stuck", tmp_path, test_feedback_delay=60.0)
    shop = Shop(settings)
    try:
        worker.start().wait_ready()
        shop.start()
        wait_until(lambda: oldest(worker) > 4, 30, "a lag of 4 seconds")
    finally:
        shop.end()
        worker.kill()


def oldest(worker: Worker) -> float:
    """Return the largest lag of a partition of `events`, s."""
    families = text_string_to_metric_families(worker.page("/metrics")[1])
    samples = [sample for family in families for sample in family.samples]
    lags = [
        sample.value
        for sample in samples
        if sample.name == "headwater_consumer_lag_seconds"
        and sample.labels["topic"].endswith(".events")
    ]
    return max(lags, default=0.0)
