"""MovieLens in its three layouts: 100K (u.data), 1M and 10M (ratings.dat), and CSV (ratings.csv).

Harper and Konstan 2015, The MovieLens Datasets: History and Context.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stream.errors import InputFileError, UsageError
from stream.foreign import Kind

Fields = Mapping[str, Any]

# The order of u.item's flags, as u.genre has it.
_GENRES: Final = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
_NO_GENRE: Final = frozenset({"(no genres listed)", "unknown"})
_YEAR: Final = re.compile(r"\((\d{4})\)\s*$")


@dataclass(frozen=True)
class Layout:
    """How one of its files is to be read. Without `names` the file has a header."""

    translate: Callable[[Fields], dict[str, Any]]
    names: tuple[str, ...] | None = None
    delimiter: str = ","
    #: None: UTF-8 where the file is, ISO 8859-1 where it is not (1M; 10M is UTF-8).
    encoding: str | None = "utf-8"
    quotes: bool = False


def layout(path: Path, kind: Kind) -> tuple[Path, Layout]:
    """The file of the kind in a folder of MovieLens, or the file itself, and how to read it.

    Raises InputFileError if there is none, UsageError if the file is of another kind.
    """
    files = _FILES[kind]
    if path.is_dir():
        found = next((path / name for name in files if (path / name).is_file()), None)
        if found is None:
            hint = "; only 100K and 1M have users" if kind == "users" else ""
            raise InputFileError(f"{path} holds none of {', '.join(files)}{hint}.")
        return found, files[found.name]
    name = path.name.removesuffix(".gz")
    if name in files:
        return path, files[name]
    for other, names in _FILES.items():
        if name in names:
            raise UsageError(f"{path.name} holds {other}: use --as {other}.")
    known = [name for names in _FILES.values() for name in names]
    raise InputFileError(
        f"{path} is not called as a file of MovieLens ({', '.join(known)}), nor a folder of them."
    )


def encoding_of(path: Path) -> str:
    """UTF-8, unless a small file of titles or users is not."""
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError:
        return "iso-8859-1"
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}.") from error
    return "utf-8"


def _rating(row: Fields) -> dict[str, Any]:
    return {
        "user_id": row.get("userId"),
        "item_id": row.get("movieId"),
        "type": "rate",
        "value": row.get("rating"),
        "timestamp": row.get("timestamp"),
    }


def _movie(row: Fields) -> dict[str, Any]:
    title = row.get("title", "")
    genres = [genre for genre in row.get("genres", "").split("|") if genre not in _NO_GENRE]
    year = _YEAR.search(title)
    return {
        "item_id": row.get("movieId"),
        "title": title or None,
        "categories": [genre for genre in genres if genre] or None,
        "attributes": {"year": int(year.group(1))} if year else None,
    }


def _flagged_movie(row: Fields) -> dict[str, Any]:
    genres = "|".join(genre for genre in _GENRES if row.get(genre) == "1")
    return _movie({**row, "genres": genres})


def _person(row: Fields) -> dict[str, Any]:
    attributes = {
        "age": int(row["age"]) if row.get("age", "").isdecimal() else None,
        "gender": row.get("gender"),
        "occupation": row.get("occupation"),
        "zip": row.get("zip"),
    }
    return {
        "user_id": row.get("userId"),
        "attributes": {name: value for name, value in attributes.items() if value is not None},
    }


_RATING_NAMES: Final = ("userId", "movieId", "rating", "timestamp")
_FLAGGED_NAMES: Final = ("movieId", "title", "released", "video", "imdb", *_GENRES)
_LATIN: Final = "iso-8859-1"
_FILES: Final[Mapping[Kind, Mapping[str, Layout]]] = {
    "events": {
        "ratings.csv": Layout(_rating, quotes=True),
        "u.data": Layout(_rating, _RATING_NAMES, "\t"),
        "ratings.dat": Layout(_rating, _RATING_NAMES, "::"),
    },
    "items": {
        "movies.csv": Layout(_movie, quotes=True),
        "u.item": Layout(_flagged_movie, _FLAGGED_NAMES, "|", _LATIN),
        "movies.dat": Layout(_movie, ("movieId", "title", "genres"), "::", None),
    },
    "users": {
        "u.user": Layout(_person, ("userId", "age", "gender", "occupation", "zip"), "|", _LATIN),
        "users.dat": Layout(_person, ("userId", "gender", "age", "occupation", "zip"), "::", None),
    },
}
