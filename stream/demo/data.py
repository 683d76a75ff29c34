"""The demonstration's data as it lies in the clone: MovieLens latest-small."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stream.errors import InputFileError

_NO_GENRES = "(no genres listed)"


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
    """The films of movies.csv.gz in `folder`, in the file's order. Raises InputFileError."""
    return [
        Film(row["movieId"], row["title"], _genres(row["genres"]))
        for row in _rows(folder / "movies.csv.gz")
    ]


def read_ratings(folder: Path) -> list[Rating]:
    """The ratings of ratings.csv.gz in `folder`, in the file's order. Raises InputFileError."""
    return [
        Rating(row["userId"], row["movieId"], float(row["rating"]), int(row["timestamp"]) * 1000)
        for row in _rows(folder / "ratings.csv.gz")
    ]


def _genres(text: str) -> tuple[str, ...]:
    return () if text == _NO_GENRES else tuple(text.split("|"))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise InputFileError(f"The demonstration's data cannot be read: {error}.") from error
