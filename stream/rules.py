"""What the settings say about events and items: which types there are, and which are positive."""

from dataclasses import dataclass
from typing import Self

from stream.schemas import Event
from stream.settings import MAYBE_NEUTRAL, STANDARD_TYPES, Settings

_ALWAYS_POSITIVE = frozenset({"like", "cart", "purchase", "share", "follow"})


@dataclass(frozen=True)
class Rules:
    """The settings' part in reading events and items."""

    types: frozenset[str] = frozenset(STANDARD_TYPES)
    positive_types: frozenset[str] = _ALWAYS_POSITIVE | MAYBE_NEUTRAL
    positive_min: float = 4.0
    embedding_size: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules that the settings give."""
        added = frozenset(settings.event_types) - frozenset(STANDARD_TYPES)
        neutral = frozenset(settings.neutral_types)
        return cls(
            types=frozenset(STANDARD_TYPES) | added,
            positive_types=(_ALWAYS_POSITIVE | MAYBE_NEUTRAL | added) - neutral,
            positive_min=settings.positive_min,
            embedding_size=settings.embedding_size,
        )

    def positive(self, event: Event) -> bool:
        """Whether the event says that the user liked the item."""
        if event.type == "rate":
            return event.value is not None and event.value >= self.positive_min
        return event.type in self.positive_types
