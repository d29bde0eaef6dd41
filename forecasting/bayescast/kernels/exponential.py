"""Exponential of a whole array, without a call to the mathematics library: a loop the compiler can vectorise.

exp(x) = 2^k exp(r), k the nearest integer to x / log 2, |r| <= log(2) / 2: a polynomial, and k put into the exponent's
bits. Relative error below 1e-12 for |x| <= 700; larger ones are clipped to that.
"""

import numpy as np

from .jit import kernel
from .state import Floats, Integers

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693145751953125  # ends in zeros: k times it is exact
_LN2_LOW = 1.4286068203094172321e-6


@kernel
def exp_all(values: Floats, power: Floats, power_bits: Integers) -> None:
    """Replace values (n,) by their exponentials; power (n,) is scratch, power_bits the same memory as integers."""
    for i in range(len(values)):
        x = min(max(values[i], -700.0), 700.0)
        k = np.floor(x * _LOG2_E + 0.5)
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        p = 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        values[i] = p * r + 1.0
        power_bits[i] = (np.int64(k) + 1023) << 52
    for i in range(len(values)):
        values[i] *= power[i]
