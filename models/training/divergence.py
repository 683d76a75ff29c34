"""Trainings that lead away: told by the loss at their end, since numbers may well stay finite."""

from collections.abc import Sequence
from typing import Final

from models.errors import DivergedError

_WORSE: Final = 2.0
"""A loss at the end so many times that of a constant and of the first step, …"""
_ALWAYS: Final = 0.1
"""… and more than this, has diverged."""
_END: Final = 0.1
"""The last part of the steps, whose mean loss is the loss at the end."""


def refuse_divergence(name: str, rate: float, losses: Sequence[float], constant: float) -> None:
    """Look at the losses of a training's steps, beside that of telling a constant.

    Raises
    ------
    DivergedError
        If the training led away; the message has the learner's name and the rate.

    """
    if not losses:
        return
    last = losses[-max(int(_END * len(losses)), 1) :]
    end = sum(last) / len(last)
    if not end <= max(_WORSE * max(constant, losses[0]), _ALWAYS):  # nor is nan
        raise DivergedError(
            f"Learner {name} diverged with the rate {rate:g}: its loss is {end:.3g} at the end, and"
            f" that of a constant {constant:.3g}; give a lower rate."
        )
