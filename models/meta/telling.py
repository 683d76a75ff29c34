"""Which value to tell of a prediction: the one that is as often too low as too high.

The error that counts is absolute, so the best answer is the median of what may come, and where
values come in steps (stars) that is a step. Between two steps a threshold of the prediction is
learned: where the upper step, or one above it, becomes as likely as not.

A learner that knows more of a prediction than its mean may tell by curves of several signs instead.
"""

from typing import Final

import numpy as np

from models.arrays import Bools, Float32s, Float64s

_MOST: Final = 20
"""Different values that count as steps; where there are more, predictions are told as they are."""
_ROUNDS: Final = 25
_RIDGE: Final = 1e-3
_NEAR: Final = 0.05
"""Errors below this count as squares do."""
_LEAST: Final = 1e-6
"""No step is halved below this."""


def learn_steps(predicted: Float32s, value: Float32s) -> tuple[Float64s, Float64s]:
    """Steps [s], ascending, and thresholds [s - 1] between them; none where values are no steps."""
    steps = steps_of(value)
    if not len(steps):
        return steps, steps
    centre, spread = float(predicted.mean()), max(float(predicted.std()), 1e-6)
    scaled = (predicted.astype(np.float64) - centre) / spread
    found = [_middle(scaled, value >= step) for step in steps[1:]]
    finite = np.clip(found, -1e6, 1e6)
    return steps, np.maximum.accumulate(centre + spread * finite)


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


def learn_line(x: Float64s, y: Float64s, weight: Float64s) -> Float64s:
    """The line [2] of x [e] that is as often above y as below: first and slope.

    It has the least absolute error, found by least squares that count far ones less.
    """
    design = np.stack([np.ones_like(x), x], axis=1)
    line: Float64s = np.zeros(2)
    for _ in range(_ROUNDS):
        counts = weight / np.maximum(np.abs(y - design @ line), _NEAR)
        gram = (design * counts[:, None]).T @ design + _RIDGE * np.eye(2)
        line = np.asarray(np.linalg.solve(gram, design.T @ (counts * y)), dtype=np.float64)
    return line


def tell(predicted: Float32s, steps: Float64s, thresholds: Float64s) -> Float32s:
    """The steps to tell."""
    if not len(steps):
        return predicted
    return steps[np.searchsorted(thresholds, predicted, side="right")].astype(np.float32)


def _middle(x: Float64s, above: Bools) -> float:
    """Where a logistic curve of x says that `above` is as likely as not."""
    curve = _logistic(np.stack([np.ones_like(x), x], axis=1), above, np.ones_like(x))
    if curve[1] > 1e-3:
        return float(-curve[0] / curve[1])
    return np.inf if above.mean() < 0.5 else -np.inf


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
    return curve
