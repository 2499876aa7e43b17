"""Pairs of float64 numbers, against exact fractions."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from zpoints.statistics.double_double import added, product, quotient, scaled

ROUNDING = Fraction(1, 2**102)

plain = st.floats(-1e60, 1e60, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-60)
pairs = st.builds(
    lambda high, part: added((high, 0.0), (high * part, 0.0)), plain, st.floats(-(2.0**-53), 2.0**-53)
)


def exact(pair):  # type: ignore[no-untyped-def]
    return Fraction(pair[0]) + Fraction(pair[1])


def near(found, expected, scale):  # type: ignore[no-untyped-def]
    assert found[0] + found[1] == found[0], "the second is the rest of the first"
    assert abs(exact(found) - expected) <= ROUNDING * abs(scale)


@given(pairs, pairs)
def test_sums(a, b):
    near(added(a, b), exact(a) + exact(b), abs(exact(a)) + abs(exact(b)))


@given(pairs, pairs)
def test_products(a, b):
    near(product(a, b), exact(a) * exact(b), exact(a) * exact(b))


@given(pairs, plain)
def test_products_with_plain_numbers(a, b):
    near(scaled(a, b), exact(a) * Fraction(b), exact(a) * Fraction(b))


@given(plain, plain)
def test_quotients(a, b):
    assume(b != 0)
    near(quotient(a, b), Fraction(a) / Fraction(b), Fraction(a) / Fraction(b))
