"""How far a training is, for whoever shows it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of a training."""

    stage: str  # "net", "gate", "newest": the last tenth, learned too
    epoch: int  # from 0
    epochs: int
    part: float  # of the epoch that is done, 0..1
    loss: float | None = None  # of the last whole epoch
    hit_rate: float | None = None  # of the last validation


class Progress(Protocol):
    """Takes each step, many a second."""

    def __call__(self, step: Step, /) -> None:
        """Show it."""


def silent(_step: Step, /) -> None:
    """Show nothing."""
