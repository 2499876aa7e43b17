"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpoints.config import bytes_of
from zpoints.system.sizes import GIB, KIB, MIB, clock, in_words


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * GIB),
        ("1.5 gib", 3 * GIB // 2),
        ("800MiB", 800 * MIB),
        ("15GB", 15 * 10**9),
        ("2g", 2 * GIB),
        (" 512 m ", 512 * MIB),
        ("1b", 1),
    ],
)
def test_a_number_and_a_unit(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    "text", ["", "4", "GiB", "-1GiB", "4 GiB of RAM", "0MiB", "1e3MiB", "four GiB", "٤GiB", "9" * 30 + "TiB"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="a size is"):
        bytes_of(text)


@given(st.integers(1, 1023))
def test_words_and_sizes_agree(number: int) -> None:
    assert bytes_of(in_words(number * MIB)) == number * MIB


def test_large_sizes_have_one_decimal() -> None:
    assert in_words(12.7 * GIB) == "12.7 GiB"


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1000, "1000 bytes"), (300 * KIB, "300 KiB"), (MIB, "1 MiB"), (GIB - 1, "1024 MiB")],
)
def test_small_sizes_have_their_own_units(size: int, words: str) -> None:
    assert in_words(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "1 s"), (40, "40 s"), (89.4, "89 s"), (90, "2 min"), (540, "9 min"), (10_380, "2 h 53 min")],
)
def test_times_as_people_say_them(seconds: float, words: str) -> None:
    assert clock(seconds) == words
