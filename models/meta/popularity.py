"""How much an item's popularity counts in lists, beside what is predicted of it.

A value is predicted for an item that the user has; which item it will be is another question, of
which popularity knows more. The next liked item is told by softmax(a score + w log(1 + liked)) over
all items; w / a is what popularity counts beside a score of 1.
"""

from typing import Final

import numpy as np

from models.arrays import Float32s, Float64s
from models.meta.tasks import Tasks

USERS: Final = 200
"""Of whom it is learned."""
SUPPORT: Final = 10
"""Their first events, which are adapted to …"""
QUERY: Final = 60
"""… and the next ones, of which the liked are told."""
_ROUNDS: Final = 20
_RIDGE: Final = 1e-2
_LEAST: Final = 0.05
"""What scores count at least."""


def log_liked(tasks: Tasks, items: int) -> Float32s:
    """The logarithm of 1 + how often each item was liked: float32[I]."""
    count = np.bincount(tasks.item[tasks.positive], minlength=items)
    return np.log1p(count).astype(np.float32)


def learn_weight(scores: Float32s, support: Tasks, query: Tasks, popular: Float32s) -> float:
    """The weight of `popular` [I] beside scores [n, I] of all items; 0 if nothing was liked.

    Each user weighs the same.
    """
    liked = np.bincount(query.user[query.positive], minlength=len(query))
    if not liked.any():
        return 0.0
    own = query.positive
    share = 1.0 / liked[query.user[own]]
    reached = np.array(
        [
            (scores[query.user[own], query.item[own]] * share).sum(),
            (popular[query.item[own]] * share).sum(),
        ]
    )
    asked, barred = (liked > 0).astype(np.float64), (support.user, support.item)
    curve = np.array([1.0, 0.5])
    for _ in range(_ROUNDS):
        mean, bend = _moments(scores, popular, curve, barred, asked)
        slope = reached - mean - _RIDGE * curve
        step = np.linalg.solve(bend + _RIDGE * np.eye(2), slope)
        curve += step / max(1.0, float(np.abs(step).max()))
    return float(max(curve[1], 0.0) / max(curve[0], _LEAST))


def _moments(
    scores: Float32s,
    popular: Float32s,
    curve: Float64s,
    barred: tuple[np.ndarray, np.ndarray],
    asked: Float64s,
) -> tuple[Float64s, Float64s]:
    """Sums over users of the mean [2] and covariance [2, 2] of an item's score and popularity."""
    logit = curve[0] * scores + curve[1] * popular
    logit[barred] = -np.inf
    chance = np.exp(logit - logit.max(axis=1, keepdims=True))
    chance *= (asked / chance.sum(axis=1))[:, None]
    mean = np.stack([(chance * scores).sum(axis=1), chance @ popular], axis=1)
    square = np.empty((2, 2))
    square[0, 0] = (chance * scores**2).sum()
    square[0, 1] = square[1, 0] = ((chance * scores) @ popular).sum()
    square[1, 1] = (chance @ popular**2).sum()
    return mean.sum(axis=0), square - mean.T @ mean
