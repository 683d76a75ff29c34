"""Learners that fail: they are told by why, and those beside them go on."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, TypeAlias

from models.errors import DataError, MissingLibraryError

log = logging.getLogger(__name__)

FAILED: Final = "failed"
"""In a table, instead of figures."""

Guard: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""What a learner, by name, goes through the protocol within; it may keep errors to itself."""


def unguarded(_name: str) -> AbstractContextManager[object]:
    """Let every error through."""
    return nullcontext()


class Failures:
    """Why learners failed, by name: `reasons`."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self._errors: list[Exception] = []

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Keep what the learner fails by; of an error that none is prepared for all is logged."""
        try:
            yield
        except (DataError, MissingLibraryError) as error:
            self._keep(name, str(error), error)
        except Exception as error:
            log.exception("Learner %s failed.", name)
            said = str(error).partition("\n")[0]
            self._keep(name, f"{type(error).__name__}: {said}", error)

    def _keep(self, name: str, reason: str, error: Exception) -> None:
        self.reasons[name] = reason
        self._errors.append(error)

    def check(self, learners: int) -> None:
        """Raise DataError, with all reasons, if so many learners failed: nothing was found."""
        if len(self.reasons) == learners:
            told = [
                reason if isinstance(error, DataError) else f"Learner {name} failed: {reason}"
                for (name, reason), error in zip(self.reasons.items(), self._errors, strict=True)
            ]
            raise DataError(" ".join(told)) from self._errors[0]


def listed(reasons: Mapping[str, str]) -> list[str]:
    """A line for each learner that failed."""
    return [f"{name} failed: {reason}" for name, reason in reasons.items()]
