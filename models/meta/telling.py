"""Which value to tell of a prediction: the one that is as often too low as too high.

The error that counts is absolute, so the best answer is the median of what may come, and where
values come in steps (stars) that is a step. Between two steps a threshold of the prediction is
learned: where the upper step, or one above it, becomes as likely as not.
"""

from typing import Final

import numpy as np

from models.arrays import Bools, Float32s, Float64s

_MOST: Final = 20
"""Different values that count as steps; where there are more, predictions are told as they are."""
_ROUNDS: Final = 25
_RIDGE: Final = 1e-3


def learn_steps(predicted: Float32s, value: Float32s) -> tuple[Float64s, Float64s]:
    """Steps [s], ascending, and thresholds [s - 1] between them; none where values are no steps."""
    steps = np.unique(value).astype(np.float64)
    if not 2 <= len(steps) <= _MOST:
        return np.zeros(0), np.zeros(0)
    centre, spread = float(predicted.mean()), max(float(predicted.std()), 1e-6)
    scaled = (predicted.astype(np.float64) - centre) / spread
    found = [_middle(scaled, value >= step) for step in steps[1:]]
    finite = np.clip(found, -1e6, 1e6)
    return steps, np.maximum.accumulate(centre + spread * finite)


def tell(predicted: Float32s, steps: Float64s, thresholds: Float64s) -> Float32s:
    """The steps to tell."""
    if not len(steps):
        return predicted
    return steps[np.searchsorted(thresholds, predicted, side="right")].astype(np.float32)


def _middle(x: Float64s, above: Bools) -> float:
    """Where a logistic curve of x says that `above` is as likely as not."""
    design = np.stack([np.ones_like(x), x], axis=1)
    curve = np.zeros(2)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(design @ curve, -30, 30)))
        slope = design.T @ (above - chance) - _RIDGE * curve
        bend = (design * (chance * (1 - chance))[:, None]).T @ design + _RIDGE * np.eye(2)
        curve += np.linalg.solve(bend, slope)
    if curve[1] > 1e-3:
        return float(-curve[0] / curve[1])
    return np.inf if above.mean() < 0.5 else -np.inf
