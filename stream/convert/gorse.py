"""Gorse's files, JSON Lines or CSV, as its export writes them; what has no field here is named."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from stream.errors import InputFileError
from stream.foreign import Kind, gorse, is_zero_time

_FILES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("feedback.jsonl", "feedback.csv"),
    "items": ("items.jsonl", "items.csv"),
    "users": ("users.jsonl", "users.csv"),
}
# Of each pair the API's name and the one in Gorse's CSV files.
_NEEDS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    "events": (("FeedbackType", "feedback_type"), ("UserId", "user_id"), ("ItemId", "item_id")),
    "items": (("ItemId", "item_id"),),
    "users": (("UserId", "user_id"),),
}
_TIMES: Final = ("Timestamp", "time_stamp", "timestamp")
# What `stream.foreign.gorse` reads.
_READ: Final[Mapping[Kind, frozenset[str]]] = {
    "events": frozenset(
        {"FeedbackType", "feedback_type", "type", "UserId", "user_id", "ItemId", "item_id",
         "Value", "value", "Comment", "comment", *_TIMES}
    ),
    "items": frozenset(
        {"ItemId", "item_id", "IsHidden", "is_hidden", "Labels", "labels", "Categories",
         "categories", "Comment", "description", "comment", *_TIMES}
    ),
    "users": frozenset({"UserId", "user_id", "Labels", "labels"}),
}  # fmt: skip
_ZERO_TIME: Final = "times of the year 1, Gorse's for none, left out"


def file(path: Path, kind: Kind) -> Path:
    """The file of the kind in a folder of Gorse's, or the file itself.

    Raises InputFileError if the folder holds none.
    """
    if not path.is_dir():
        return path
    names = _FILES[kind]
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise InputFileError(f"{path} holds none of {', '.join(names)}.")
    return found


def expect(names: Collection[str], kind: Kind, name: str) -> None:
    """Raises InputFileError if columns are missing without which it is not Gorse's file."""
    missing = [ours for ours, old in _NEEDS[kind] if ours not in names and old not in names]
    if missing:
        raise InputFileError(
            f"{name} is not Gorse's {_FILES[kind][0].split('.')[0]}: it lacks"
            f" {', '.join(missing)}; it has {', '.join(names)}."
        )


class Rows:
    """Rows as fields of the wire; `ignored` has the columns with content that have no field."""

    def __init__(self, kind: Kind) -> None:
        self.ignored: dict[str, None] = {}  # in their order
        self.mended: Counter[str] = Counter()
        self._kind = kind
        self._read = _READ[kind]

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row's fields of the wire."""
        self.ignored |= {
            name: None for name, cell in row.items() if cell and name not in self._read
        }
        if self._kind != "users" and any(is_zero_time(row.get(name)) for name in _TIMES):
            self.mended[_ZERO_TIME] += 1
        return gorse(self._kind, _cells(row))


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """What Gorse's CSV files write as text."""
    cells = dict(row)
    hidden, labels = cells.get("is_hidden"), cells.get("labels")
    if isinstance(hidden, str):
        cells["is_hidden"] = hidden.lower() in {"true", "1"}
    if isinstance(labels, str) and not labels.startswith(("{", "[")):
        cells["labels"] = labels.split("|")
    return cells
