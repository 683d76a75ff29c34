"""Finds the records of a run on which its fold fails, so that the rest of the run is applied."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Record = TypeVar("Record")
Outcome = TypeVar("Outcome")


def fold_without_culprits(
    fold: Callable[[Sequence[Record]], Outcome], records: Sequence[Record]
) -> tuple[Outcome, list[tuple[Record, Exception]]]:
    """Fold the records; set aside those on which the fold fails.

    The shortest failing prefix ends with a culprit: it is found by bisection, set aside, and the
    rest is tried again, so that c culprits among n records cost about c·log2(n) folds.

    Raises
    ------
    Exception
        What the fold raises on no records at all: then no record is to blame.

    """
    left = list(records)
    culprits: list[tuple[Record, Exception]] = []
    while True:
        try:
            return fold(left), culprits
        except Exception as exc:
            if not left:
                raise
            position, error = _shortest_failing_prefix(fold, left, exc)
            culprits.append((left.pop(position), error))


def _shortest_failing_prefix(
    fold: Callable[[Sequence[Record]], Outcome], records: Sequence[Record], error: Exception
) -> tuple[int, Exception]:
    """Return the last index of the shortest failing prefix, and what it raised."""
    passes, fails = 0, len(records)  # the fold passes on records[:passes], fails on records[:fails]
    fold([])
    while fails - passes > 1:
        middle = (passes + fails) // 2
        try:
            fold(records[:middle])
            passes = middle
        except Exception as exc:  # noqa: BLE001 - as above
            fails, error = middle, exc
    return fails - 1, error
