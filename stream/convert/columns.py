"""Which column of any file holds which field of the wire: as told, by its name, or guessed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stream.convert.outputs import COLUMNS
from stream.convert.plan import ALL, Plan
from stream.errors import InputFileError, UsageError
from stream.foreign import Kind

_REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("user_id", "type"),
    "items": ("item_id",),
    "users": ("user_id",),
}
# How others call our fields, without case and signs; the first that is there counts.
_GUESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "user_id": ("userid", "user", "uid", "customerid", "visitorid", "memberid", "accountid",
                "reviewerid", "sessionid"),
    "item_id": ("itemid", "item", "productid", "movieid", "articleid", "contentid", "trackid",
                "sku", "asin", "isbn", "businessid", "newsid"),
    "type": ("eventtype", "event", "action", "behavior", "behaviour", "interaction",
             "feedbacktype"),
    "value": ("rating", "score", "stars", "overall"),
    "timestamp": ("time", "ts", "datetime", "date", "eventtime", "createdat", "unixreviewtime"),
    "event_id": ("eventid",),
    "title": ("name", "itemname", "productname", "headline"),
    "categories": ("category", "genres", "genre"),
}  # fmt: skip
_BAG: Final[Mapping[Kind, str]] = {
    "events": "context",
    "items": "attributes",
    "users": "attributes",
}


class Columns:
    """A file's columns as fields of the wire.

    `notes` say what was guessed, `used` which column each field has, `ignored` which have none.
    """

    def __init__(self, names: Sequence[str], plan: Plan, file: str) -> None:
        """Raises UsageError for a column that is not there, InputFileError if a field has none."""
        self.notes: list[str] = []
        self._plan = plan
        self._bag = _BAG[plan.kind]
        self._told(names, file)
        self.used = dict(plan.columns)
        self._find(names)
        kept = [name for name in names if ALL in plan.keep or name in plan.keep]
        self._kept = [name for name in kept if name not in self.used.values()]
        taken = {*self.used.values(), *self._kept}
        self.ignored = [name for name in names if name not in taken]
        self._default = self._default_type()
        self._complete(names, file)

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row's fields of the wire."""
        found = {field: row[column] for field, column in self.used.items() if column in row}
        if self._default is not None:
            found.setdefault("type", self._default)
        if extra := {name: row[name] for name in self._kept if name in row}:
            bag = found.get(self._bag)
            found[self._bag] = extra | bag if isinstance(bag, dict) else extra
        return found

    def _told(self, names: Sequence[str], file: str) -> None:
        for field, column in self._plan.columns.items():
            if field not in COLUMNS[self._plan.kind]:
                fields = ", ".join(COLUMNS[self._plan.kind])
                raise UsageError(f"--map {field}={column}: {self._plan.kind} have {fields}.")
            if column not in names:
                raise UsageError(f"--map {field}={column}: {file} has {', '.join(names)}.")
        for column in sorted(self._plan.keep - {ALL}):
            if column not in names:
                raise UsageError(f"--keep {column}: {file} has {', '.join(names)}.")

    def _find(self, names: Sequence[str]) -> None:
        plain = {_plain(name): name for name in reversed(names)}
        for field in COLUMNS[self._plan.kind]:
            if field in self.used:
                continue
            if field in names:
                self.used[field] = field
                continue
            guesses = (_plain(field), *_GUESSES.get(field, ()))
            column = next((plain[guess] for guess in guesses if guess in plain), None)
            wanted = self._plan.keep | set(self.used.values())  # for something else
            if column is not None and column not in wanted:
                self.used[field] = column
                self.notes.append(
                    f"{field} is read from {column}, by its name (or else --map {field}=COLUMN)."
                )

    def _default_type(self) -> str | None:
        if self._plan.kind != "events" or self._plan.default_type or "type" in self.used:
            return self._plan.default_type
        if "value" not in self.used:
            return None
        self.notes.append("There is no type: each event with a value counts as rate.")
        return "rate"

    def _complete(self, names: Sequence[str], file: str) -> None:
        missing = [field for field in _REQUIRED[self._plan.kind] if field not in self.used]
        if self._default is not None and "type" in missing:
            missing.remove("type")
        if missing:
            ways = " ".join(f"--map {field}=COLUMN" for field in missing)
            default = " or --default-type TYPE" if "type" in missing else ""
            raise InputFileError(
                f"{file} lacks {', '.join(missing)}, which {self._plan.kind} need; it has"
                f" {', '.join(names)}. Name it: {ways}{default}."
            )
        if self._plan.kind == "events" and "timestamp" not in self.used:
            self.notes.append("There is no time: the broker's will count, and `train` needs one.")


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())
