"""A user's taste: a posterior in closed form over weights on item features learned of many users.

    value = g + b_i + c + phi_i . z + noise,   h = (c, z) ~ N(m, P^-1) before any rating

With x = (1, phi_i), V_i the uncertainty of phi_i and v_i what it shares with b_i, a rating of item
i adds to two sums in the user's fast weights

    eta    <- eta + (x (value - g - b_i) - v_i) / noise
    Lambda <- Lambda + (x x' + V_i) / noise

and (P + Lambda) h = P m + eta. The feature of item j is phi_j . z: what makes the user's ratings
of it other than the item's and the user's means. (learner.md, "Few-shot rating of new users".)

Sums are D + D (D + 1) / 2 numbers, D = 1 + d: eta, then the lower half of Lambda by rows. What an
item adds to them is 1 + D more: g + b_i, x / noise, -v_i / noise, then the same half. Only events
of the type `rate` on items that training knew add anything.
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Float64s
from models.compiled import column, helper, kernel
from models.events import type_code

RATE: Final = type_code("rate")
_LEAST_PIVOT: Final = 1e-9
_TABLE: Final = column(np.float32, 2)


class Taste(NamedTuple):
    """What training leaves of tastes: I items, t sums of a user, s numbers an item adds them by.

    All empty where values say nothing.
    """

    item: Float32s  # [I, s]
    start: Float32s  # [t], P m and P
    range: Float32s  # [2], lowest and highest value; others are taken for these


def no_taste(items: int) -> Taste:
    """Nothing of so many items."""
    nothing = np.empty(0, dtype=np.float32)
    return Taste(np.empty((items, 0), np.float32), nothing, np.zeros(2, np.float32))


def dimensions(sums: int, adding: int) -> int:
    """D, 0 for no tastes; -1 if no D has so many sums of a user and numbers of an item."""
    if sums == adding == 0:
        return 0
    dim = adding - sums - 1
    return dim if dim > 1 and sums == dim * (dim + 3) // 2 else -1


def halves(whole: Float64s) -> Float64s:
    """Lower halves of matrices [n, D, D], by rows: [n, D (D + 1) / 2]."""
    row, column_ = np.tril_indices(whole.shape[1])
    half: Float64s = whole[:, row, column_]
    return half


def features_of(item: Float32s, dim: int) -> Float32s:
    """The phi of items by what they add [n, s]: [n, d]."""
    return item[:, 2 : 1 + dim] / item[:, 1:2]


@helper
def add_rating(sums: Float32s, item: Float32s, value: float) -> None:
    """Add a rating to a user's sums [t], in place; item: [s]."""
    dim = len(item) - len(sums) - 1
    away = np.float32(value) - item[0]
    for place in range(dim):
        sums[place] += item[1 + place] * away + item[1 + dim + place]
    for place in range(dim, len(sums)):
        sums[place] += item[1 + dim + place]


@kernel(column(np.float32), _TABLE, _TABLE)
def fill_tastes(start: Float32s, sums: Float32s, taste: Float32s) -> None:
    """Fill in z [n, d] of n users' sums [n, t], by Cholesky."""
    dim = taste.shape[1] + 1
    lower, found = np.empty((dim, dim)), np.empty(dim)
    for user in range(len(sums)):
        place = dim
        for row in range(dim):
            right = np.float64(start[row]) + np.float64(sums[user, row])
            for col in range(row + 1):
                left = np.float64(start[place]) + np.float64(sums[user, place])
                place += 1
                for inner in range(col):
                    left -= lower[row, inner] * lower[col, inner]
                if col < row:
                    lower[row, col] = left / lower[col, col]
                    right -= lower[row, col] * found[col]
                else:
                    lower[row, row] = np.sqrt(max(left, _LEAST_PIVOT))
            found[row] = right / lower[row, row]
        for row in range(dim - 1, -1, -1):
            for inner in range(row + 1, dim):
                found[row] -= lower[inner, row] * found[inner]
            found[row] /= lower[row, row]
        for place in range(dim - 1):
            taste[user, place] = found[1 + place]
