"""Learners that fail beside others, and alone."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from models.errors import DataError, MissingLibraryError
from models.evaluation.failures import INTERRUPTED, Failures, listed, unguarded

ERRORS = {
    "mf": MissingLibraryError("torch is not installed: pip install 'headwater[train]'."),
    "bayes": DataError("Learner bayes needs events of two users; got 1."),
    "own:Odd": KeyError("scores"),
}


@dataclass(frozen=True)
class Ended:
    """What became of a learner."""

    name: str


def failed(*names: str) -> Failures:
    """Failures of these learners."""
    failures = Failures()
    for name in names:
        with failures.guard(name):
            raise ERRORS[name]
    return failures


def test_reasons_are_kept_by_name(caplog: pytest.LogCaptureFixture) -> None:
    """Of an error that none is prepared for the log has all."""
    failures = failed(*ERRORS)
    assert failures.reasons == {
        "mf": "torch is not installed: pip install 'headwater[train]'.",
        "bayes": "Learner bayes needs events of two users; got 1.",
        "own:Odd": "KeyError: 'scores'",
    }
    assert listed(failures.reasons)[2] == "own:Odd failed: KeyError: 'scores'"
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "Learner own:Odd failed.")
    assert record.exc_info is not None
    assert failures.gather([*ERRORS, "anil"], [Ended("anil")]) == [Ended("anil")]
    assert failures.stopped is None


def test_where_all_failed_each_is_named() -> None:
    """There is nothing to show."""
    with pytest.raises(DataError) as told:
        failed("mf", "bayes").gather(["mf", "bayes"], [])
    assert str(told.value) == (
        "Learner mf failed: torch is not installed: pip install 'headwater[train]'."
        " Learner bayes needs events of two users; got 1."
    )


def test_who_stops_the_work_stops_it() -> None:
    """An interrupt is no failure of a learner; without a guard nothing is kept back."""
    failures = Failures()
    with pytest.raises(KeyboardInterrupt), failures.guard("mf"):
        raise KeyboardInterrupt
    assert not failures.reasons
    with pytest.raises(DataError), unguarded("bayes"):
        raise ERRORS["bayes"]


def test_of_work_that_is_stopped_what_had_finished_is_kept() -> None:
    """Learners that had failed keep their reason; those that were not reached have one."""

    def outcomes() -> Iterator[Ended]:
        yield Ended("anil")
        yield Ended("maml")
        raise KeyboardInterrupt

    failures = failed("mf")
    names = ["anil", "mf", "maml", "tasks", "bayes"]
    assert failures.gather(names, outcomes()) == [Ended("anil"), Ended("maml")]
    assert isinstance(failures.stopped, KeyboardInterrupt)
    why = failures.reasons.pop("mf")
    assert "torch is not installed" in why
    assert failures.reasons == dict.fromkeys(["tasks", "bayes"], INTERRUPTED)


def test_work_that_is_stopped_before_anything_is_found_ends() -> None:
    """There is nothing to keep."""

    def outcomes() -> Iterator[Ended]:
        raise KeyboardInterrupt
        yield Ended("mf")

    with pytest.raises(KeyboardInterrupt):
        failed("bayes").gather(["bayes", "mf"], outcomes())
