"""How old a partition's work is, from what was read and what is done."""

from faust.types import TP

from stream.lag import Lag, Reading

HERE, THERE = TP("events", 0), TP("events", 1)


def test_the_oldest_run_that_is_not_done_tells_the_time() -> None:
    """Also while later runs are read, as when nothing is acknowledged any more."""
    reading = Reading()
    reading.add(HERE, 10, 1000, 0)
    reading.add(HERE, 20, 2000, 0)
    assert reading.lag(HERE, 25, 0) == Lag(25, 1000)
    assert reading.lag(HERE, 25, 10) == Lag(15, 2000)
    assert reading.lag(THERE, 5, 0) == Lag(5, None)


def test_where_all_that_was_read_is_done_the_newest_tells_it() -> None:
    """What lies behind is not known before it is read, but it is not older."""
    reading = Reading()
    reading.add(HERE, 10, 1000, 0)
    assert reading.lag(HERE, 12, 10) == Lag(2, 1000)
    assert reading.lag(HERE, 10, 10) == Lag(0, 1000)


def test_runs_that_are_done_are_forgotten_and_a_seek_forgets_all() -> None:
    """Memory is bounded by what is on its way."""
    reading = Reading()
    for place in range(1000):
        reading.add(HERE, place + 1, place, place)
    assert len(reading._runs[HERE]) <= 2
    reading.clear()
    assert reading.lag(HERE, 10, 0) == Lag(10, None)
