"""One record of any source as a message of the wire: normalised, and checked as a worker would."""

import math
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from stream.convert.outputs import COLUMNS, format_of
from stream.convert.plan import Plan
from stream.convert.records import Dropped, Record
from stream.decode import decode_events, decode_items, decode_profiles
from stream.foreign import known_type
from stream.schemas import Rejected
from stream.times import by_format, epoch_ms, in_milliseconds, number_of, unit_of
from stream.topics import EVENT_BYTES

# Bytes of a message beside its key and its framing.
_LARGEST: Final = EVENT_BYTES - 1024
_IDS: Final = ("user_id", "item_id", "event_id", "list_id")
_WHOLE: Final = re.compile(r"\d+\.0")
_COMMA: Final = re.compile(r"[+-]?\d+,\d+")
_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Clean:
    """A record that can be applied: its fields, and the same as JSON; its type, theirs and ours."""

    number: int
    fields: dict[str, Any]
    encoded: bytes
    type: tuple[str, str] | None


class _Wrong(Exception):
    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason


class Cleaner:
    """Cleans the records of one file; counts what it mended, and the times' units."""

    def __init__(self, plan: Plan) -> None:
        self.mended: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self._met: tuple[str, str] | None = None  # the record's type: theirs, ours
        self._plan = plan
        self._columns = COLUMNS[plan.kind]
        self._now_ms = time.time_ns() // 1_000_000
        self._to_csv = format_of(plan.out) == "csv"
        of_field: dict[str, Callable[[Any], Any]] = {
            "value": self._value,
            "timestamp": self._time,
            "type": self._type,
            "categories": self._categories,
            "items": self._items,
            "available": _truth,
            "title": str,
            "query": str,
            "attributes": _object,
            "context": _object,
            "embedding": _json,
        }
        self._of_field = of_field | dict.fromkeys(_IDS, self._id)

    def clean(self, record: Record) -> Clean | Dropped:
        """The record as a message of the wire, or why it is none."""
        self._met = None
        try:
            fields = self._normal(record.fields)
            encoded = msgspec.json.encode(fields)
        except _Wrong as wrong:
            return Dropped(record.number, wrong.reason, str(wrong), record.fields)
        except (TypeError, ValueError, OverflowError) as error:
            return Dropped(record.number, "schema", str(error), record.fields)
        if len(encoded) > _LARGEST:
            return Dropped(
                record.number, "size", f"it has {len(encoded)} bytes; Kafka takes {_LARGEST}"
            )
        checked = self._check(encoded)
        if isinstance(checked, Rejected):
            return Dropped(record.number, checked.reason, checked.error, record.fields)
        return Clean(record.number, fields, encoded, self._met)

    def _normal(self, given: dict[str, Any]) -> dict[str, Any]:
        fields = {
            name: self._of_field[name](given[name])
            for name in self._columns
            if given.get(name) is not None and given[name] != ""
        }
        value = fields.get("value")
        if value is not None and not math.isfinite(value):
            if fields.get("type") == "rate":
                raise _Wrong("value", f"the value is {value}; a finite number is required")
            self.mended["values that are not finite, left out"] += 1
            del fields["value"]
        return {name: value for name, value in fields.items() if value is not None}

    def _check(self, encoded: bytes) -> object:
        if self._plan.kind == "events":
            return decode_events([encoded], [self._now_ms], self._plan.rules)[0]
        if self._plan.kind == "items":
            return decode_items([None], [encoded], [self._now_ms], self._plan.rules)[0]
        return decode_profiles([encoded])[0]

    def _id(self, given: Any) -> object:
        if isinstance(given, float) and given.is_integer():
            given = str(int(given))
        elif isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        elif not isinstance(given, str):
            return given  # for the schema to refuse
        text = given.strip()
        if _WHOLE.fullmatch(text):  # missing cells made floats of a column of integers
            self.mended["ids written as 5.0, made 5"] += 1
            return text[:-2]
        if text != given:
            self.mended["ids with blanks around them"] += 1
        return text

    def _items(self, given: Any) -> object:
        items = _list(given)
        return [self._id(item) for item in items] if isinstance(items, list) else items

    def _type(self, given: Any) -> object:
        if not isinstance(given, str):
            raise _Wrong("type", f"the type is {given!r}; a text is required")
        name = given.strip()
        ours = self._plan.types.get(name)
        if ours == "":
            raise _Wrong("left-out", f"the type {name} is left out by --type {name}=")
        if ours is None:
            ours = name if name in self._plan.rules.types else name.lower()
            ours = str(known_type(ours, self._plan.rules.types))
        if ours not in self._plan.rules.types:
            raise _Wrong("type", f"the type {name[:64]} is not known: --type {name[:64]}=TYPE")
        self._met = name, ours
        return ours

    def _value(self, given: Any) -> float | None:
        number = float(given) if isinstance(given, Decimal) else number_of(given)
        if number is None and isinstance(given, str):
            number = _of_text(given.strip())
        if number is None:
            raise _Wrong("value", f"the value {str(given)[:64]!r} is no number")
        if self._plan.values is None or not math.isfinite(number):
            return float(number)
        low, high = self._plan.values
        if not low <= number <= high:
            raise _Wrong("value", f"the value {number} is not in {low:g} to {high:g}")
        return 1 + 4 * (number - low) / (high - low)

    def _time(self, given: Any) -> int:
        if isinstance(given, date):
            given = given.isoformat()
        if self._plan.time_format is not None and isinstance(given, str):
            found = by_format(given, self._plan.time_format)
        elif (number := number_of(given)) is not None and (unit := unit_of(number)):
            self.units[unit] += 1
            return in_milliseconds(number, unit)
        else:
            found = epoch_ms(given)
        if found is None:
            raise _Wrong("timestamp", f"{str(given)[:64]!r} is no time that can be read")
        return found

    def _categories(self, given: Any) -> object:
        names = _list(given)
        if not isinstance(names, list):
            return names
        texts = [str(name).strip() for name in names if name is not None and name != ""]
        if self._to_csv and any("|" in text for text in texts):
            self.mended["categories with |, which separates them in CSV, made /"] += 1
            texts = [text.replace("|", "/") for text in texts]
        return texts or None


def _of_text(text: str) -> float | None:
    """A number with a decimal comma, or one that is not finite."""
    if _COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    try:
        return float(text)
    except ValueError:
        return None


def _truth(given: Any) -> object:
    return (
        _TRUTHS.get(given.strip().lower(), given)
        if isinstance(given, str)
        else (bool(given) if given in (0, 1) else given)
    )


def _list(given: Any) -> object:
    """A list, also from a cell: JSON, or texts separated by |."""
    if not isinstance(given, str):
        return given
    return _json(given) if given.lstrip().startswith("[") else given.split("|")


def _object(given: Any) -> object:
    found = _json(given)
    if not isinstance(found, dict):
        raise _Wrong("schema", f"an object is required, got {str(given)[:64]!r}")
    return found or None


def _json(given: Any) -> object:
    if not isinstance(given, str):
        return given
    try:
        return msgspec.json.decode(given)
    except msgspec.DecodeError as error:
        raise _Wrong("schema", f"{given[:64]!r} is no JSON: {error}") from error
