"""What the net makes of fast weights: queries, and the logits of all items (see models.net).

In kernels of our own: each user's results do not depend on who else is in the batch, to the last
bit, and no library starts threads for them.
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Float64s
from models.compiled import column, helper, kernel

_BLOCK: Final = 512
"""Items whose vectors stay in the cache while one user after the other reads them."""
_SCALE: Final = np.float32(np.sqrt(2.0 / np.pi))
_TABLE: Final = column(np.float32, 2)


class ReadOut(NamedTuple):
    """What makes queries of fast weights."""

    read_in: Float32s  # [K d + 1, H], A
    in_bias: Float32s  # [H], a
    read_out: Float32s  # [H, d], B
    out_bias: Float32s  # [d], b
    linear: Float32s  # [K d + 1, d], C


def no_read_out() -> ReadOut:
    """Build the read-out of no net, as an example for kernels."""
    table, vector = np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.float32)
    return ReadOut(table, vector, table, vector, table)


@helper
def _add_product(vector: Float32s, matrix: Float32s, start: int, into: Float32s) -> None:
    """Add vector [m] times n columns of matrix [m, …] to into [n], eight rows at once."""
    stop = start + len(into)
    whole = len(vector) // 8 * 8
    for row in range(0, whole, 8):
        v0, v1, v2, v3 = vector[row], vector[row + 1], vector[row + 2], vector[row + 3]
        v4, v5, v6, v7 = vector[row + 4], vector[row + 5], vector[row + 6], vector[row + 7]
        a0, a1 = matrix[row, start:stop], matrix[row + 1, start:stop]
        a2, a3 = matrix[row + 2, start:stop], matrix[row + 3, start:stop]
        a4, a5 = matrix[row + 4, start:stop], matrix[row + 5, start:stop]
        a6, a7 = matrix[row + 6, start:stop], matrix[row + 7, start:stop]
        for place in range(len(into)):
            first = v0 * a0[place] + v1 * a1[place] + v2 * a2[place] + v3 * a3[place]
            second = v4 * a4[place] + v5 * a5[place] + v6 * a6[place] + v7 * a7[place]
            into[place] += first + second
    for row in range(whole, len(vector)):
        v0, a0 = vector[row], matrix[row, start:stop]
        for place in range(len(into)):
            into[place] += v0 * a0[place]


@kernel(no_read_out(), _TABLE, _TABLE)
def fill_queries(net: ReadOut, inputs: Float32s, query: Float32s) -> None:
    """Fill in n users' queries [n, d], of what the read-out takes [n, K d + 1] (z)."""
    hidden = np.empty(len(net.in_bias), dtype=np.float32)
    for user in range(len(inputs)):
        hidden[:] = net.in_bias
        _add_product(inputs[user], net.read_in, 0, hidden)
        for place in range(len(hidden)):
            x = hidden[place]
            inner = _SCALE * (x + np.float32(0.044715) * x * x * x)
            hidden[place] = np.float32(0.5) * x * (np.float32(1.0) + np.tanh(inner))
        query[user] = net.out_bias
        _add_product(hidden, net.read_out, 0, query[user])
        _add_product(inputs[user], net.linear, 0, query[user])


@kernel(_TABLE, _TABLE, column(np.float32), column(np.float64), 0.0, _TABLE)
def centred(
    query: Float32s,
    leave: Float32s,
    bias: Float32s,
    leave_mean: Float64s,
    bias_mean: float,
    logit: Float32s,
) -> None:
    """Fill in n users' logits of N items, less their means over the items: [n, N].

    query: [n, d]; leave: [d, N or more].
    """
    size = logit.shape[1]
    centre = np.empty(len(query), dtype=np.float32)
    for user in range(len(query)):
        mean = bias_mean
        for place in range(len(leave_mean)):
            mean += query[user, place] * leave_mean[place]
        centre[user] = mean
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        offset = bias[start:stop]
        for user in range(len(query)):
            into = logit[user, start:stop]
            for place in range(len(into)):
                into[place] = offset[place] - centre[user]
            _add_product(query[user], leave, start, into)
