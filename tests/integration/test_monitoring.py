"""A real Prometheus reads a real worker under replay: every query of dashboards and rules works."""

import contextlib
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka import Producer
from support.client import wait_until
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
        self._producer = Producer({"bootstrap.servers": settings.broker, "linger.ms": 5})

    def run(self) -> None:
        """Send about 200 records a second."""
        self._send(self._topics.users.name, "u0", {"user_id": "u0"})
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

    def _act(self, user: str, item: str) -> None:
        event = {"user_id": user, "item_id": item, "type": "like"}
        self._send(self._topics.events.name, user, event)

    def _send(self, topic: str, key: str, value: object) -> None:
        self._producer.produce(topic, json.dumps(value).encode(), key)
        self._producer.poll(0)


@pytest.fixture
def watched(settings: Settings, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that has read a busy worker for some seconds."""
    worker = Worker(settings, "a", tmp_path, default_list_interval=0.3)
    prometheus = Prometheus(tmp_path / "prometheus", [f"127.0.0.1:{worker.port}"])
    shop = Shop(settings)
    try:
        worker.start().wait_ready()
        prometheus.start()
        shop.start()
        yield prometheus
    finally:
        shop.ended.set()
        shop.join()
        prometheus.stop()
        worker.kill()


def test_every_query_of_every_panel_rule_and_alert_returns_data(watched: Prometheus) -> None:
    """Those of alerts may find nothing to be told of; none names a metric that does not exist."""
    with contextlib.suppress(AssertionError):  # it is told below what is still wrong
        wait_until(lambda: not found(watched), 30, "all queries return data")
    assert found(watched) == []
    health = ask(watched.url, "rules")["groups"]
    rules = {rule["name"]: rule["health"] for group in health for rule in group["rules"]}
    assert set(rules) == {*RECORDED, *(alert.name for alert in ALERTS)}
    assert set(rules.values()) == {"ok"}


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
