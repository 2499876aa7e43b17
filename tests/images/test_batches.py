"""Batches come in the order that was asked for, and orders are permutations."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpoints.images.batches import RUN, batches, mirrored_in, order_of, window_batches, window_of


@pytest.mark.parametrize("order", ["full", "blocks"])
def test_an_order_is_a_permutation_fixed_by_seed_and_epoch(order: str) -> None:
    rows = np.arange(100, 1103)
    first = order_of(rows, 3, 0, order, 256)
    assert sorted(first) == list(rows)
    assert np.array_equal(first, order_of(rows, 3, 0, order, 256))
    assert not np.array_equal(first, order_of(rows, 3, 1, order, 256))
    assert not np.array_equal(first, order_of(rows, 4, 0, order, 256))


def test_a_full_order_is_a_true_permutation() -> None:
    """Every row is as likely in every place: 24 orders of 4 rows, each about as often as any other."""
    orders = [tuple(order_of(np.arange(4), seed, 0)) for seed in range(4800)]
    counts = np.array(sorted(orders.count(order) for order in set(orders)))
    assert len(counts) == 24
    # Chi squared with 23 degrees of freedom; 56 is exceeded once in 10,000 times.
    assert ((counts - 200) ** 2 / 200).sum() < 56


def test_blocks_keep_to_windows_of_whole_runs() -> None:
    rows = np.arange(64 * 40)
    found = order_of(rows, 0, 0, "blocks", 64 * 8)
    for start in range(0, len(rows), 64 * 8):
        window = found[start : start + 64 * 8]
        assert len(np.unique(window // RUN)) == 8  # whole runs, and no others
        assert np.abs(np.diff(window)).mean() > 20  # and not in their order
    runs = found.reshape(5, -1) // RUN
    assert len({tuple(np.unique(window)) for window in runs}) == 5


@given(
    st.permutations(range(20)),
    st.integers(1, 20),
    st.integers(1, 9),
    st.integers(1, 30),
    st.sampled_from("bw"),
)
def test_batches_give_the_rows_in_order(
    rows: list[int], count: int, size: int, window: int, way: str
) -> None:
    pixels = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    wanted = np.array(rows[:count])
    made = batches(pixels, wanted, size) if way == "b" else window_batches(pixels, wanted, size, window)
    found = list(made)
    assert [len(block) for block in found] == [
        len(wanted[start : start + size]) for start in range(0, count, size)
    ]
    assert list(np.concatenate(found).ravel()) == list(wanted)


def test_a_window_holds_many_runs_of_pictures_of_any_size() -> None:
    assert window_of(96 * 96 * 3) == 37 * 64
    assert window_of(10**9) == 16 * 64


def test_an_error_while_fetching_reaches_the_reader() -> None:
    pixels = np.zeros((5, 1, 1, 1), np.uint8)
    with pytest.raises(IndexError):
        list(batches(pixels, np.array([1, 2, 9]), 2))


def test_a_reader_that_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    for block in batches(np.zeros((500, 2, 2, 1), np.uint8), np.arange(500), 2):
        assert len(block) == 2
        break
    assert threading.active_count() <= before


@given(st.integers(0, 50), st.integers(0, 2**63 - 1), st.lists(st.integers(0, 500), min_size=1))
def test_each_picture_is_mirrored_in_every_second_epoch(epoch: int, seed: int, rows: list[int]) -> None:
    now, then = (mirrored_in(e, np.array(rows), seed) for e in (epoch, epoch + 1))
    assert (now != then).all()
    assert dict(zip(rows, now, strict=True)) == {
        row: mirrored_in(epoch, np.array([row]), seed)[0] for row in rows
    }


def test_half_of_the_pictures_are_mirrored() -> None:
    assert 4800 < mirrored_in(0, np.arange(10_000), 0).sum() < 5200  # 4 standard deviations


def test_no_rows_no_mirrors() -> None:
    assert mirrored_in(0, np.arange(0), 0).shape == (0,)
