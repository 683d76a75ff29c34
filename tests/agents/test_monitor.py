"""What the monitor makes of lag and sizes."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from faust.types import TP

from agents import monitor as module
from agents.monitor import Monitor
from stream.lag import Lag
from stream.metrics import Metrics
from stream.tables import MemoryRows, RowStore

HERE = TP("events", 0)


class Watched:
    """A monitor of a foundation that says what the test wants, at times that it sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module.time, "time", lambda: self.now)
        self.lags: Mapping[TP, Lag] = {}
        rows = MemoryRows()
        rows.write([(b"k", b"value")], 0)
        users = RowStore("users", "user-rows", 1, lambda _: rows)
        users.own([0])
        membership = SimpleNamespace(
            recovered=True, on_assigned=lambda _: None, on_recovered=lambda _: None
        )
        foundation = SimpleNamespace(
            consumer_lag=lambda: self.lags, tables=lambda: [users], membership=membership
        )
        feed = SimpleNamespace(catalogue=SimpleNamespace(size=7))
        self.metrics = Metrics()
        self._monitor = Monitor(foundation, feed, self.metrics)  # type: ignore[arg-type]

    def look(self, **lag: object) -> tuple[float | None, float | None]:
        """Let the monitor look; return records and seconds of lag of the one partition."""
        self.lags = {HERE: Lag(**lag)} if lag else {}  # type: ignore[arg-type]
        self._monitor._show_lag()
        self._monitor._show_sizes()
        labels = {"topic": "events", "partition": "0"}
        names = ("headwater_consumer_lag_events", "headwater_consumer_lag_seconds")
        value = self.metrics.registry.get_sample_value
        return value(names[0], labels), value(names[1], labels)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A monitor at 1000 s."""
    return Watched(monkeypatch)


def test_the_lag_is_the_age_of_what_is_being_worked_on(watched: Watched) -> None:
    """By the broker's time; where all is done there is none, however old it is."""
    assert watched.look(records=3, since_ms=990_000) == (3, 10)
    assert watched.look(records=0, since_ms=990_000) == (0, 0)


def test_a_partition_of_which_nothing_was_read_ages_from_the_first_look(watched: Watched) -> None:
    """A worker that never gets to read must not look as if it were up to date."""
    assert watched.look(records=3, since_ms=None) == (3, 0)
    watched.now += 5
    assert watched.look(records=3, since_ms=None) == (3, 5)
    watched.look(records=0, since_ms=None)
    watched.now += 5
    assert watched.look(records=1, since_ms=None) == (1, 5)  # since the last look that found none


def test_a_broker_s_clock_ahead_of_ours_gives_no_negative_lag(watched: Watched) -> None:
    """Ten minutes off: `headwater doctor` says so."""
    assert watched.look(records=1, since_ms=1_600_000) == (1, 0)


def test_a_partition_that_went_is_shown_no_more(watched: Watched) -> None:
    """Another worker shows it now."""
    watched.look(records=3, since_ms=None)
    assert watched.look() == (None, None)


def test_sizes_are_shown(watched: Watched) -> None:
    """Of the catalogue and of each table."""
    watched.look()
    value = watched.metrics.registry.get_sample_value
    assert value("headwater_catalogue_items") == 7
    assert value("headwater_table_rows", {"table": "users"}) == 1
    assert value("headwater_table_bytes", {"table": "users"}) == 6
