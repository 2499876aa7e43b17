"""What is decided for a whole source follows from all parts of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.images.look import Look, spread
from zpoints.images.scales import White


@settings(max_examples=40)
@given(count=st.integers(0, 1000))
def test_a_spread_is_a_permutation(count: int) -> None:
    assert sorted(spread(count)) == list(range(count))


@settings(max_examples=40)
@given(count=st.integers(64, 10**7))
def test_the_first_ones_leave_no_part_out(count: int) -> None:
    places = sorted(place for _, place in zip(range(64), spread(count), strict=False))
    gaps = [b - a for a, b in zip([*places, count], [*places[1:], count], strict=False)]
    assert places[0] == 0
    assert max(gaps) <= 2 * count / 64 + 1


def test_a_decision_is_read_again_or_is_none() -> None:
    look = Look(3, White(bytes=1, halves=None, integers=4095), 64, ("a line",))
    assert Look.from_json(look.to_json()) == look
    for nonsense in (
        {},
        look.to_json() | {"channels": 2},
        look.to_json() | {"white": 4},
        look.to_json() | {"white": {"red": 1}},
        look.to_json() | {"looked": "many"},
    ):
        assert Look.from_json(nonsense) is None
