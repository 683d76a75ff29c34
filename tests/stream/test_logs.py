"""Logging: repetitions of libraries are limited, our own lines are not."""

import logging

from stream.logs import OncePerWhile, no_overlapping_commit


def _record(name: str, message: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, None, None)


def test_a_library_s_repetitions_are_counted_instead_of_logged() -> None:
    """Of a hundred equal lines one passes; the next says later how many were left out."""
    now = 0.0
    limited = OncePerWhile(10, clock=lambda: now)
    passed = [limited.filter(_record("aiokafka.conn", "no answer")) for _ in range(100)]
    assert passed == [True] + [False] * 99
    now = 11.0
    late = _record("aiokafka.conn", "no answer")
    assert limited.filter(late)
    assert late.getMessage() == "no answer (and 99 more like this)"


def test_our_own_lines_always_pass() -> None:
    """Messages of our own are not limited."""
    limited = OncePerWhile(10)
    assert all(limited.filter(_record("stream.app", "assigned")) for _ in range(3))


def test_a_slow_commit_is_no_warning() -> None:
    """Faust warns of each that takes longer than its interval; other timers are still told."""
    message = "Timer %s is overlapping (interval=%r runtime=%r)"
    commit, other = _record("mode.timers", message), _record("mode.timers", message)
    commit.args, other.args = ("commit", 1.0, 1.5), ("livelock", 1.0, 1.5)
    assert not no_overlapping_commit(commit)
    assert no_overlapping_commit(other)
    assert no_overlapping_commit(_record("mode.timers", "Timer commit"))
