"""Exponential and logarithm of whole arrays, without calls to the mathematics library: loops that are vectorised.

exp(x) = 2^k exp(r), k the nearest integer to x / log 2, |r| <= log(2) / 2: a polynomial, and k put into the exponent's
bits; |x| above 700 is clipped to that. log(x) = k log 2 + 2 artanh((m - 1) / (m + 1)), x = 2^k m with m between the
square roots of 1/2 and 2; for positive normal numbers. Relative errors below 1e-15.
"""

import numpy as np

from .jit import kernel
from .state import Floats

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693145751953125  # ends in zeros: k times it is exact
_LN2_LOW = 1.4286068203094172321e-6
_MANTISSA = (1 << 52) - 1
_ONE = 1023 << 52
_ROOT2 = 1.4142135623730951


@kernel
def exp_all(values: Floats, n: int) -> None:
    """Replace the first n values by their exponentials."""
    for i in range(n):
        x = min(max(values[i], -700.0), 700.0)
        k = np.floor(x * _LOG2_E + 0.5)
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        values[i] = (p * r + 1.0) * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@kernel
def log_all(values: Floats, n: int) -> None:
    """Replace the first n values by their logarithms."""
    for i in range(n):
        bits = np.float64(values[i]).view(np.int64)
        m = np.int64((bits & _MANTISSA) | _ONE).view(np.float64)
        k = (bits >> 52) - 1023.0
        high = m > _ROOT2
        m = 0.5 * m if high else m
        k = k + 1.0 if high else k
        s = (m - 1.0) / (m + 1.0)
        t = s * s
        p = 1.0 / 21.0
        p = p * t + 1.0 / 19.0
        p = p * t + 1.0 / 17.0
        p = p * t + 1.0 / 15.0
        p = p * t + 1.0 / 13.0
        p = p * t + 1.0 / 11.0
        p = p * t + 1.0 / 9.0
        p = p * t + 1.0 / 7.0
        p = p * t + 1.0 / 5.0
        p = p * t + 1.0 / 3.0
        values[i] = k * _LN2_HIGH + (k * _LN2_LOW + 2.0 * (s + s * t * p))
