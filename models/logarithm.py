"""A logarithm without a call to the library, so that loops of it are vectorised: 1 ns, not 12."""

import numpy as np

from models.compiled import helper

# log2(1 + x) on [0, 1) by least squares, exact at both ends.
_C1, _C2, _C3, _C4, _C5 = np.array(
    [1.44174031, -0.70777021, 0.4123443, -0.19031915, 0.04400474], dtype=np.float32
)


@helper
def log(value: np.float32) -> np.float32:
    """Natural logarithm of normal positive values to 2e-5.

    The exponent's bits give log2's whole part, a polynomial over the mantissa in [1, 2) the rest.
    """
    bits = np.float32(value).view(np.int32)
    whole = np.float32((bits >> 23) - 127)
    x = np.int32((bits & 0x7FFFFF) | 0x3F800000).view(np.float32) - np.float32(1.0)
    part = x * (_C1 + x * (_C2 + x * (_C3 + x * (_C4 + x * _C5))))
    return np.float32(np.float32(0.6931472) * (whole + part))
