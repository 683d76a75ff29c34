"""Which events count, and which of them say that the user liked the item."""

from dataclasses import dataclass
from typing import Final

from models.events import STANDARD_TYPES

_NEUTRAL: Final = frozenset({"dislike", "impression", "search", "rate"})


@dataclass(frozen=True, slots=True)
class Positivity:
    """The rule of the stream, as plain sets: types that are known, and those that are positive.

    A rate is positive from `positive_min` on.
    """

    types: frozenset[str] = frozenset(STANDARD_TYPES)
    positive_types: frozenset[str] = frozenset(STANDARD_TYPES) - _NEUTRAL
    positive_min: float = 4.0
