"""The demonstration's data as it lies in the clone: MovieLens latest-small."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stream.errors import InputFileError


class Film(NamedTuple):
    """An item as it will be announced."""

    item_id: str
    title: str
    genres: tuple[str, ...]


class Rating(NamedTuple):
    """One event to be; `stars` 0.5 to 5, `time_ms` since 1970."""

    user_id: str
    item_id: str
    stars: float
    time_ms: int


def read_films(folder: Path) -> list[Film]:
    """The films of items.csv.gz in `folder`, in the file's order. Raises InputFileError."""
    return [
        Film(row["item_id"], row["title"], _genres(row["categories"]))
        for row in _rows(folder / "items.csv.gz")
    ]


def read_ratings(folder: Path) -> list[Rating]:
    """The ratings of events.csv.gz in `folder`, in the file's order. Raises InputFileError."""
    return [
        Rating(row["user_id"], row["item_id"], float(row["value"]), int(row["timestamp"]))
        for row in _rows(folder / "events.csv.gz")
    ]


def _genres(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise InputFileError(f"The demonstration's data cannot be read: {error}.") from error
