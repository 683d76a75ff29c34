"""A base for meta-learners with settings: kept in what was learned, and open to a search."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Final, Generic, Self, TypeVar

import numpy as np

from models.arrays import Bytes
from models.errors import DataError
from models.meta.learner import MetaLearner
from models.scorer import Tables
from models.search.space import Space

_ABOVE: Final = ("rate", "damping", "ridge")
"""Settings of these names are above 0: without damping or ridge users without events are lost."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is decided before training; numbers are at least 0, whole ones and some above it.

    most: what whole numbers may be at most, by name, lest a slip of the finger run for days.
    """

    most: ClassVar[Mapping[str, int]] = {}

    def __post_init__(self) -> None:
        """Refuse what cannot be learned with.

        Raises
        ------
        DataError
            If a number is out of its range; the message names it.

        """
        for name, value in asdict(self).items():
            if isinstance(value, bool | str):
                continue
            if isinstance(value, int) and value < 1:
                raise DataError(f"{name} must be at least 1; got {value}.")
            if name in self.most and value > self.most[name]:
                raise DataError(f"{name} must be at most {self.most[name]}; got {value}.")
            above = value > 0 if name.endswith(_ABOVE) else value >= 0
            if not (above and value < float("inf")):
                raise DataError(f"{name} must be a finite number above 0; got {value}.")

    def one_of(self, name: str, *values: str) -> None:
        """Raise DataError unless a setting is one of the values."""
        value = getattr(self, name)
        if value not in values:
            raise DataError(f"{name} must be {' or '.join(values)}; got {value!r}.")


S = TypeVar("S", bound=Settings)


class Configured(MetaLearner, Generic[S]):
    """A MetaLearner with settings S, of which `space` says what `headwater search` varies."""

    defaults: Settings
    space: ClassVar[Space]

    def __init__(
        self,
        *,
        repeats: bool = False,
        learned: Tables | None = None,
        settings: S | None = None,
    ) -> None:
        super().__init__(repeats=repeats, learned=learned)
        if "settings" in self.learned:
            told = json.loads(self.learned["settings"].tobytes())
            settings = type(self.defaults)(**told)  # type: ignore[assignment]  # S's own class
        self.settings: S = settings or self.defaults  # type: ignore[assignment]

    def with_learned(self, tables: Tables, what: str) -> Self:
        """The learner with other slow weights, beside which its settings are kept.

        Raises
        ------
        DivergedError
            If a number of them is not finite.

        """
        kept = as_bytes(json.dumps(asdict(self.settings)))
        return super().with_learned({**tables, "settings": kept}, what)


def as_bytes(text: str) -> Bytes:
    """A text as one of the arrays that are learned."""
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()
