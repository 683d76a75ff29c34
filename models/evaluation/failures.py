"""Learners that fail or are not reached: they are told by why, those beside them are kept."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol, TypeAlias, TypeVar

from models.errors import DataError, MissingLibraryError

log = logging.getLogger(__name__)

FAILED: Final = "failed"
"""In a table, instead of figures."""
INTERRUPTED: Final = "interrupted"
"""Why learners failed that had not finished when the work was stopped."""

Guard: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""What a learner, by name, goes through the protocol within; it may keep errors to itself."""


class Named(Protocol):
    """What became of a learner."""

    @property
    def name(self) -> str:
        """The learner's."""


N = TypeVar("N", bound=Named)


def unguarded(_name: str) -> AbstractContextManager[object]:
    """Let every error through."""
    return nullcontext()


def outcomes(works: Iterable[tuple[str, Callable[[], N]]], guard: Guard) -> Iterator[N]:
    """What becomes of each learner's work, one by one; of those that fail, what the guard does."""
    for name, work in works:
        found = None
        with guard(name):
            found = work()
        if found is not None:
            yield found


class Failures:
    """Why learners failed, by name: `reasons`; and what `stopped` the work, if anything did."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.stopped: KeyboardInterrupt | None = None
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

    def gather(self, names: Sequence[str], outcomes: Iterable[N]) -> list[N]:
        """What became of the named learners; if the work is stopped, of those that had finished.

        Raises
        ------
        DataError
            If all of them failed; nothing was found.
        KeyboardInterrupt
            If the work is stopped before one has finished.

        """
        found: list[N] = []
        try:
            found.extend(outcomes)
        except KeyboardInterrupt as stop:
            if not found:
                raise
            self.stopped = stop
            ended = {outcome.name for outcome in found} | set(self.reasons)
            self.reasons |= {name: INTERRUPTED for name in names if name not in ended}
        self._check(len(names))
        return found

    def _keep(self, name: str, reason: str, error: Exception) -> None:
        self.reasons[name] = reason
        self._errors.append(error)

    def _check(self, learners: int) -> None:
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
