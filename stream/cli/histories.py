"""Files of a history, read by the stream's own rules of what counts and what is positive."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.dataset import Dataset
from models.dataset_files import Positivity, read_dataset
from models.errors import DataError, MissingLibraryError
from stream.errors import UsageError
from stream.rules import Rules
from stream.settings import Loaded
from stream.times import moment


def read_history(loaded: Loaded, events: Path, items: Path | None, users: Path | None) -> Dataset:
    """Read a history; its notes tell of events of the future, and of files that say nothing of it.

    Raises
    ------
    UsageError
        If a file does not do, or a library for reading it is not installed.

    """
    rules = Rules.of(loaded.settings)
    positivity = Positivity(rules.types, rules.positive_types, rules.positive_min)
    try:
        data = read_dataset(events, items, users, positivity)
    except (DataError, MissingLibraryError) as error:
        raise UsageError(str(error)) from error
    future = _future(data, int(time.time() * 1000))
    return replace(data, notes=(*data.notes, *future, *_strange(data, items, users)))


def _strange(data: Dataset, items: Path | None, users: Path | None) -> Iterator[str]:
    """A note on each file that was read, and whose ids are of no event."""
    acted_on = data.contents[: int(data.item.max()) + 1]  # others come after these
    for path, known in ((items, acted_on), (users, data.profiles)):
        if path is not None and all(one is None for one in known):
            yield f"No id of {path} is of an event: it says nothing of these. Do the ids fit?"


def _future(data: Dataset, now: int) -> list[str]:
    """A note on events later than now, ms: they are learned, but a clock or a unit may be wrong."""
    past = int(np.searchsorted(data.time, now, side="right"))
    if past == len(data):
        return []
    found = (
        f"{len(data) - past:,} of {len(data):,} events, from {_spelled(int(data.time[past]))} on"
    )
    asked = "is a clock, a time zone or a unit wrong?"
    return [f"In the future: {found}; {asked} A worker refuses what is more than a day ahead."]


def _spelled(time_ms: int) -> str:
    try:
        return f"{moment(time_ms):%F %T}Z"
    except OverflowError:  # after the year 9999
        return f"{time_ms} ms"
