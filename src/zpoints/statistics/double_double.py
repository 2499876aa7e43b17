"""Arithmetic with pairs of float64 numbers, whose sum counts: about 106 bits, where float64 has 53.

A total that is kept so does not depend on the order in which its parts were added, but for the last of those bits:
rounded to float64, it is the same to the bit, whoever added which part first. All functions are compiled by Numba
without permission to rearrange anything, since rounding errors are what they compute.

References
----------
T. Dekker, A floating-point technique for extending the available precision (1971), https://doi.org/10.1007/BF01397083
Y. Hida, X. Li, D. Bailey, Algorithms for quad-double precision floating point arithmetic (2001),
https://doi.org/10.1109/ARITH.2001.930115
"""

import numba

__all__ = ["Pair", "added", "product", "quotient", "scaled"]

Pair = tuple[float, float]
"""A number as the sum of two; the second is at most half a unit in the last place of the first."""

SPLIT = 134217729.0  # 2^27 + 1: cuts a number into two of 26 bits
njit = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")


@njit
def _sum(a: float, b: float) -> Pair:
    """a + b, and what rounding left out."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@njit
def _ordered_sum(a: float, b: float) -> Pair:
    """The same where abs(a) >= abs(b)."""
    total = a + b
    return total, b - (total - a)


@njit
def _product(a: float, b: float) -> Pair:
    """a b, and what rounding left out."""
    total = a * b
    cut_a, cut_b = SPLIT * a, SPLIT * b
    high_a, high_b = cut_a - (cut_a - a), cut_b - (cut_b - b)
    low_a, low_b = a - high_a, b - high_b
    return total, ((high_a * high_b - total) + high_a * low_b + low_a * high_b) + low_a * low_b


@njit
def added(a: Pair, b: Pair) -> Pair:
    """a + b."""
    high, rest = _sum(a[0], b[0])
    low, least = _sum(a[1], b[1])
    high, rest = _ordered_sum(high, rest + low)
    return _ordered_sum(high, rest + least)


@njit
def product(a: Pair, b: Pair) -> Pair:
    """a b."""
    high, rest = _product(a[0], b[0])
    return _ordered_sum(high, rest + (a[0] * b[1] + a[1] * b[0]))


@njit
def scaled(a: Pair, by: float) -> Pair:
    """a times a plain number."""
    high, rest = _product(a[0], by)
    return _ordered_sum(high, rest + a[1] * by)


@njit
def quotient(a: float, b: float) -> Pair:
    """a / b of plain numbers."""
    first = a / b
    back, rest = _product(first, b)
    return _ordered_sum(first, ((a - back) - rest) / b)
