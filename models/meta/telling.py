"""What to tell of a prediction where the absolute error counts: the median of what may come.

How likely each step of values (stars) is to be reached, or one above it, logistic curves say by
signs of a prediction: its mean, and whatever else a learner knows of it. The step at the median is
told; what is predicted lies between two steps, each of which stands for all that is nearest to it.
"""

from typing import Final

import numpy as np

from models.arrays import Bools, Float32s, Float64s, Int64s

_MOST: Final = 20
"""Different values that count as steps; where there are more, predictions are told as they are."""
_ROUNDS: Final = 25
_RIDGE: Final = 1e-3
_LEAST: Final = 1e-6
"""No step is halved below this, and none smaller is followed by another."""


def steps_of(value: Float32s) -> Float64s:
    """The steps that values come in, ascending; none if they do not."""
    steps = np.unique(value).astype(np.float64)
    return steps if 2 <= len(steps) <= _MOST else np.zeros(0)


def learn_curves(signs: Float64s, weight: Float64s, value: Float32s, steps: Float64s) -> Float64s:
    """Logistic curves [f, s - 1]: by signs [e, f], the odds of each step but the first, or more.

    weight [e]: how much an event counts.
    """
    curves = [_logistic(signs, value >= step, weight) for step in steps[1:]]
    return np.stack(curves, axis=1)


def step_at(signs: Float32s, curves: Float64s, steps: Float64s) -> Float32s:
    """The steps at the median, by signs [..., f]: float32[...]."""
    return np.asarray(steps[_last(_reached(signs, curves))], dtype=np.float32)


def median(signs: Float32s, curves: Float64s, steps: Float64s) -> Float32s:
    """What half of all that may come lies below, by signs [..., f]: float32[...].

    Chances are spread evenly from half way to the step before to half way to the step after.
    """
    reached = _reached(signs, curves)
    last = _last(reached)[..., None]
    between = (steps[:-1] + steps[1:]) / 2
    edges = np.concatenate([2 * steps[:1] - between[:1], between, 2 * steps[-1:] - between[-1:]])
    high, low = (np.take_along_axis(reached, at, axis=-1)[..., 0] for at in (last, last + 1))
    share = (high - 0.5) / (high - low)
    lower, upper = edges[last[..., 0]], edges[last[..., 0] + 1]
    value = np.clip(lower + share * (upper - lower), steps[0], steps[-1])
    return np.asarray(value, dtype=np.float32)


def _reached(signs: Float32s, curves: Float64s) -> Float64s:
    """How likely each step is to be reached [..., s + 1]: the first surely, one more never."""
    odds = np.clip(signs @ curves, -30, 30)
    reached = np.ones((*odds.shape[:-1], odds.shape[-1] + 2))
    reached[..., 1:-1] = np.minimum.accumulate(1 / (1 + np.exp(-odds)), axis=-1)
    reached[..., -1] = 0.0
    return reached


def _last(reached: Float64s) -> Int64s:
    """The last step that is reached as likely as not: int64[...]."""
    return np.asarray((reached >= 0.5).sum(axis=-1) - 1, dtype=np.int64)


def _logistic(design: Float64s, above: Bools, weight: Float64s) -> Float64s:
    """The curve [f] that says best which rows [e, f] are above, by Newton's steps, none too far."""

    def off(curve: Float64s) -> float:
        odds = design @ curve
        lost = np.logaddexp(0.0, np.where(above, -odds, odds))
        return float(weight @ lost + _RIDGE / 2 * curve @ curve)

    curve = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(design @ curve, -30, 30)))
        slope = design.T @ (weight * (above - chance)) - _RIDGE * curve
        bend = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(bend + _RIDGE * np.eye(len(curve)), slope)
        before = off(curve)
        while off(curve + step) > before and np.abs(step).max() > _LEAST:
            step /= 2
        curve += step
        if np.abs(step).max() <= _LEAST:
            break
    return curve
