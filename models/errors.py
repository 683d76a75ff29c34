"""Errors of the learners."""

from typing import Self


class CodecError(ValueError):
    """Bytes that are no row, record or gate of this version of the codec."""


class DataError(ValueError):
    """Files or columns from which nothing can be learned; the message says what they lack."""


class DivergedError(DataError):
    """A training led its weights away; the message names the learner and the rate to lower."""


class LearnerError(DataError):
    """A learner gave what none may; the message names it, its method, what came and what may."""


class MissingLibraryError(ImportError):
    """A library of the extra `train` is not installed; the message says how to get it."""

    @classmethod
    def of(cls, missing: ImportError) -> Self:
        """Name the library that an import did not find."""
        return cls(f"{missing.name} is not installed: pip install 'headwater[train]'.")
