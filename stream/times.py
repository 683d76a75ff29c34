"""Times as people and programs write them, as epoch milliseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

Unit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]

# In a unit the years 1990 to 2100 are numbers of their own: none is a time in two units.
_FIRST_SECOND: Final = 631_152_000
_LAST_SECOND: Final = 4_102_444_800
_PER_SECOND: Final[dict[Unit, int]] = {
    "seconds": 1,
    "milliseconds": 10**3,
    "microseconds": 10**6,
    "nanoseconds": 10**9,
}
# Characters of a time as anybody writes it; what is longer is not worth the patterns' time.
_LONGEST: Final = 64
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE]\+?\d+)?")
# Go prints a time as "2024-05-01 10:00:00.5 +0000 UTC"; others put a blank before the zone, or UTC.
_GO_ZONE: Final = re.compile(r"\s*(?P<zone>[+-]\d{2}:?\d{2})?(\s+[A-Z]{2,5})?(\s+m=\S+)?$")
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


def unit_of(number: float) -> Unit | None:
    """The unit in which the number is a time from 1990 to 2100; none if it is in no unit."""
    for unit, factor in _PER_SECOND.items():
        if _FIRST_SECOND * factor <= number < _LAST_SECOND * factor:
            return unit
    return None


def number_of(given: object) -> int | float | None:
    """The number that is given as such or as a text; none if it is something else."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return given
    if (
        isinstance(given, str)
        and len(given) <= _LONGEST
        and _NUMBER.fullmatch(text := given.strip())
    ):
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    return None


def in_milliseconds(number: float, unit: Unit) -> int:
    """A number of the unit as whole milliseconds, rounded down; integers without loss."""
    factor = _PER_SECOND[unit]
    return int(number * 1000 // factor)


def epoch_ms(given: object) -> int | None:
    """Epoch milliseconds of a number in any unit, RFC 3339, a date, or Go's way; none if none.

    A number that is no time from 1990 to 2100 in any unit is taken as milliseconds. A time without
    a zone is UTC.
    """
    if (number := number_of(given)) is not None:
        if abs(number) > 2**62:  # infinite too
            return None
        return in_milliseconds(number, unit_of(number) or "milliseconds")
    if isinstance(given, datetime):
        return _of_moment(given)
    return _of_text(given.strip()) if isinstance(given, str) else None


def moment(milliseconds: int) -> datetime:
    """Epoch milliseconds as a time in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND


def milliseconds(moment: datetime) -> int:
    """A time with a zone as epoch milliseconds, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def by_format(text: str, pattern: str) -> int | None:
    """Epoch milliseconds of a text in strptime's `pattern`; none if it is written otherwise."""
    try:
        return _of_moment(datetime.strptime(text.strip(), pattern))  # noqa: DTZ007  # then UTC
    except ValueError:
        return None


def _of_text(text: str) -> int | None:
    if len(text) > _LONGEST:
        return None
    try:
        return _of_moment(datetime.fromisoformat(text))
    except ValueError:
        pass
    zone = _GO_ZONE.search(text)
    if zone is None or not zone.group():
        return None
    moment = _FRACTION.sub(r"\1", text[: zone.start()])
    try:
        return _of_moment(datetime.fromisoformat(moment + (zone.group("zone") or "")))
    except ValueError:
        return None


def _of_moment(moment: datetime) -> int:
    return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
