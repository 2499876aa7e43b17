"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpoints.config import bytes_of
from zpoints.system.sizes import GIB, MIB, in_words


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
