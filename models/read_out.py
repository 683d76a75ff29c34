"""What the net makes of fast weights: queries, and the logits of all items (see models.net).

In kernels of our own: each user's results do not depend on who else is in the batch, to the last
bit, and no library starts threads for them.
"""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Float64s
from models.compiled import column, fused, kernel

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


@fused
def _add_product(left: Float32s, right: Float32s, start: int, into: Float32s) -> None:
    """Add left [m] times n columns of right [m, …] to into [n], row by row."""
    stop = start + len(into)
    whole = len(left) // 4 * 4
    for row in range(0, whole, 4):
        r0, r1 = right[row, start:stop], right[row + 1, start:stop]
        r2, r3 = right[row + 2, start:stop], right[row + 3, start:stop]
        a0, a1, a2, a3 = left[row], left[row + 1], left[row + 2], left[row + 3]
        for at in range(len(into)):
            into[at] = into[at] + a0 * r0[at] + a1 * r1[at] + a2 * r2[at] + a3 * r3[at]
    for row in range(whole, len(left)):
        a0, r0 = left[row], right[row, start:stop]
        for at in range(len(into)):
            into[at] += a0 * r0[at]


@fused
def _add_four(
    left: Float32s, user: int, right: Float32s, start: int, stop: int, into: Float32s
) -> None:
    """The same to the last bit for four users at once, who share what is read of `right`."""
    a, b, c, d = left[user], left[user + 1], left[user + 2], left[user + 3]
    to_a, to_b = into[user, start:stop], into[user + 1, start:stop]
    to_c, to_d = into[user + 2, start:stop], into[user + 3, start:stop]
    whole = len(a) // 4 * 4
    for row in range(0, whole, 4):
        r0, r1 = right[row, start:stop], right[row + 1, start:stop]
        r2, r3 = right[row + 2, start:stop], right[row + 3, start:stop]
        a0, a1, a2, a3 = a[row], a[row + 1], a[row + 2], a[row + 3]
        b0, b1, b2, b3 = b[row], b[row + 1], b[row + 2], b[row + 3]
        c0, c1, c2, c3 = c[row], c[row + 1], c[row + 2], c[row + 3]
        d0, d1, d2, d3 = d[row], d[row + 1], d[row + 2], d[row + 3]
        for at in range(stop - start):
            x0, x1, x2, x3 = r0[at], r1[at], r2[at], r3[at]
            to_a[at] = to_a[at] + a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            to_b[at] = to_b[at] + b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            to_c[at] = to_c[at] + c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
            to_d[at] = to_d[at] + d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
    for row in range(whole, len(a)):
        r0 = right[row, start:stop]
        for at in range(stop - start):
            to_a[at] += a[row] * r0[at]
            to_b[at] += b[row] * r0[at]
            to_c[at] += c[row] * r0[at]
            to_d[at] += d[row] * r0[at]


@fused
def _add_products(left: Float32s, right: Float32s, start: int, stop: int, into: Float32s) -> None:
    """Add left [n, m] times columns start .. stop - 1 of right [m, …] to these of into [n, …]."""
    fours = len(left) // 4 * 4
    for user in range(0, fours, 4):
        _add_four(left, user, right, start, stop, into)
    for user in range(fours, len(left)):
        _add_product(left[user], right, start, into[user, start:stop])


@kernel(no_read_out(), _TABLE, _TABLE)
def fill_queries(net: ReadOut, inputs: Float32s, query: Float32s) -> None:
    """Fill in n users' queries [n, d], of what the read-out takes [n, K d + 1] (z)."""
    width, size = len(net.in_bias), len(net.out_bias)
    hidden = np.empty((len(inputs), width), dtype=np.float32)
    for user in range(len(inputs)):
        hidden[user] = net.in_bias
        query[user] = net.out_bias
    _add_products(inputs, net.read_in, 0, width, hidden)
    flat = hidden.reshape(-1)
    for place in range(len(flat)):
        x = flat[place]
        inner = _SCALE * (x + np.float32(0.044715) * x * x * x)
        flat[place] = np.float32(0.5) * x * (np.float32(1.0) + np.tanh(inner))
    _add_products(hidden, net.read_out, 0, size, query)
    _add_products(inputs, net.linear, 0, size, query)


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
        _add_products(query, leave, start, stop, logit)
