"""Arrays of pictures, in every layout and type that people save."""

import io
import zipfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.arrays import ArraySource, Layout
from zpoints.images.decoding import Cut
from zpoints.images.prepare import prepare
from zpoints.images.sources import open_source


def opened(path: Path, **changes: object) -> ArraySource:
    source = open_source(ImageSettings(source=str(path), **changes))
    assert isinstance(source, ArraySource)
    return source


def pictures(source: ArraySource) -> list[np.ndarray | str]:
    with source:
        return [Cut(source.natural_size).picture(opener) for opener in source.openers(0, len(source))]


def saved(tmp_path: Path, array: np.ndarray, kind: str) -> Path:
    path = tmp_path / f"array.{kind}"
    if kind == "npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, array)
    return path


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 5),
    height=st.integers(5, 12),
    width=st.integers(5, 12),
    channels=st.sampled_from([1, 3]),
    layout=st.sampled_from(["NHW", "NHWC", "NCHW"]),
    dtype=st.sampled_from(["u1", "<f4", ">f8", "f2"]),
    kind=st.sampled_from(["npy", "npz"]),
    seed=st.integers(0, 1000),
)
def test_every_layout_gives_the_pixels_back(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    height: int,
    width: int,
    channels: int,
    layout: str,
    dtype: str,
    kind: str,
    seed: int,
) -> None:
    channels = 1 if layout == "NHW" else channels
    truth = np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    array = truth if dtype == "u1" else (truth / 255).astype(dtype)
    array = {"NHW": array[..., 0], "NHWC": array, "NCHW": array.transpose(0, 3, 1, 2)}[layout]
    path = saved(tmp_path_factory.mktemp("a"), np.ascontiguousarray(array), kind)
    assert np.array_equal(pictures(opened(path)), truth)


def test_last_axis_wins_where_both_could_be_channels() -> None:
    assert Layout.of((9, 3, 8, 3)) == Layout(3, 8, 3)
    assert Layout.of((9, 3, 8, 8)) == Layout(8, 8, 3, channels_first=True)
    assert Layout.of((9, 8, 8, 2)) is None
    assert Layout.of((9, 8)) is None


def test_rgba_is_put_on_white(tmp_path: Path) -> None:
    array = np.zeros((2, 6, 6, 4), np.uint8)
    array[1, ..., 3] = 255
    assert [int(picture.mean()) for picture in pictures(opened(saved(tmp_path, array, "npy")))] == [255, 0]


def test_single_bad_rows_are_rejected_with_their_reason(tmp_path: Path) -> None:
    array = np.full((8, 6, 6), 0.5, np.float32)
    array[2, 3, 3], array[5, 0, 0] = np.nan, 1.5
    results = pictures(opened(saved(tmp_path, array, "npy")))
    assert results[2] == "holds NaN"
    assert results[5] == "holds values from 0.5 to 1.5, outside 0..1; images.white sets another white"
    assert sum(isinstance(result, np.ndarray) for result in results) == 6


def test_what_resampling_adds_to_the_range_is_clipped(tmp_path: Path) -> None:
    array = np.array([-0.0005, 1.0005]).repeat(36).reshape(2, 6, 6)
    assert [int(picture.mean()) for picture in pictures(opened(saved(tmp_path, array, "npy")))] == [0, 255]


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((4, 8, 8), complex), "holds complex128"),
        (np.zeros((4, 8)), "is no stack of pictures"),
        (np.zeros((4, 8, 8, 2), np.uint8), "is no stack of pictures"),
        (np.zeros((0, 8, 8), np.uint8), "holds no pictures"),
        (np.zeros((4, 0, 8), np.uint8), "holds no pictures"),
        (np.zeros((8, 9, 3), np.uint8), "is one picture, not a stack"),
        (np.zeros((3, 20, 16), np.uint8), "is one picture, not a stack"),
        (np.zeros((1, 2000, 1000), np.uint8), "more than 1 megapixels"),
        (np.array([{}, {}], dtype=object), ""),
    ],
)
def test_unfit_arrays_are_one_line(tmp_path: Path, kind: str, array: np.ndarray, problem: str) -> None:
    path = saved(tmp_path, array, kind)
    with pytest.raises(SourceError) as caught:
        opened(path, max_megapixels=1)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (
            np.linspace(0, 255, 4 * 64).reshape(4, 8, 8),
            "outside 0..1; images.white sets another white; give uint8",
        ),
        (np.linspace(-1, 1, 4 * 64).reshape(8, 8, 4).transpose(2, 0, 1), "holds values from -1 to 0.9"),
        (np.full((4, 8, 8), np.nan), "holds NaN"),
        (np.full((4, 8, 8), np.inf), "holds values from inf to inf"),
        (np.full((4, 8, 8), 70_000), "outside 0..65535"),
        (np.full((4, 8, 8), -1), "outside 0..65535"),
        (np.random.default_rng(0).integers(0, 256, (4, 8, 8, 4), np.uint8), "four channels"),
        (np.random.default_rng(0).random((4, 4, 8, 8)), "vectors are for `zpoints analyse`"),
    ],
)
def test_values_that_are_no_pictures_are_one_line(
    tmp_path: Path, kind: str, array: np.ndarray, problem: str
) -> None:
    path = saved(tmp_path, array, kind)
    with pytest.raises(SourceError) as caught:
        prepare(ImageSettings(source=str(path)), tmp_path / "out")
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        (np.array([0, 1], np.uint8), [0, 255], "no value but 0 and 1"),
        (np.array([False, True]), [0, 255], ""),
        (np.array([0, 1], np.int64), [0, 255], "1 is shown as white"),
        (np.array([0.0, 1.0]), [0, 255], ""),
        (np.array([0, 2], np.uint8), [0, 2], "nearly black"),
        (np.array([0, 200], np.int32), [0, 200], "255 (8 bits)"),
        (np.array([0, 419], np.uint16), [0, round(419 * 255 / 1023)], "1,023 (10 bits)"),
        (np.array([0, 4095], ">u2"), [0, 255], "4,095 (12 bits)"),
        (np.array([0, 40_000], np.uint16), [0, round(40_000 * 255 / 65535)], ""),
    ],
)
def test_one_white_for_all_pictures(
    tmp_path: Path, values: np.ndarray, expected: list[int], said: str
) -> None:
    path = saved(tmp_path, values.repeat(36).reshape(2, 6, 6), "npy")
    store = prepare(ImageSettings(source=str(path)), tmp_path / "out")
    assert store.pixels[:, 0, 0, 0].tolist() == expected
    if said and said != "nearly black":
        assert said in store.remarks[0]
    elif not said:
        assert not any("white" in remark for remark in store.remarks)
    assert ("nearly black" in str(store.remarks)) == (said == "nearly black")


def test_the_user_says_what_is_white(tmp_path: Path) -> None:
    path = saved(tmp_path, np.array([0, 8, 16, 20.0]).repeat(36).reshape(4, 6, 6), "npy")
    store = prepare(ImageSettings(source=str(path), white=16), tmp_path / "out")
    assert store.pixels[:, 0, 0, 0].tolist() == [0, 128, 255, 255]
    assert store.remarks == [
        "1 of 4 pictures hold values brighter than white, and lose what is brighter; images.white sets another white"
    ]


def test_a_value_brighter_than_all_that_were_looked_at_is_counted(tmp_path: Path) -> None:
    array = np.full((200, 4, 4), 4000, np.uint16)
    array[1] = 60_000
    store = prepare(ImageSettings(source=str(saved(tmp_path, array, "npy"))), tmp_path / "out")
    assert store.pixels[0, 0, 0, 0] == round(4000 * 255 / 4095)
    assert store.pixels[1, 0, 0, 0] == 255
    assert store.remarks[1].startswith("1 of 200 pictures hold values brighter than white")


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    for kind in ("npy", "npz"):
        path = saved(tmp_path, np.array([print], dtype=object), kind)
        with patch("pickle.load", side_effect=AssertionError), pytest.raises(SourceError):
            opened(path)


def test_npz_array_is_found_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    good = np.full((3, 8, 8), 7, np.uint8)
    np.savez(path, x=good, data=np.arange(5), labels=np.arange(3))
    assert np.array_equal(pictures(opened(path))[0][..., 0], good[0])
    np.savez(path, left=good, right=good)
    with pytest.raises(SourceError, match=r"left \(3, 8, 8\) uint8, right"):
        opened(path)
    np.savez(path)
    with pytest.raises(SourceError, match="no array"):
        opened(path)


def test_npz_in_fortran_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Fortran order"):
        opened(saved(tmp_path, np.asfortranarray(np.zeros((3, 8, 9), np.uint8)), "npz"))


def test_npz_ranges_may_come_in_any_order(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 256, (50, 6, 5), dtype=np.uint8)
    with opened(saved(tmp_path, truth, "npz")) as source:
        for start, stop in [(10, 20), (20, 30), (5, 7), (40, 50), (0, 50)]:
            block = [Cut((6, 5)).picture(opener)[..., 0] for opener in source.openers(start, stop)]
            assert np.array_equal(block, truth[start:stop])


def test_npz_that_ends_early_is_one_line(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((100, 8, 8), np.uint8))
    with zipfile.ZipFile(tmp_path / "short.npz", "w") as archive:
        archive.writestr("images.npy", buffer.getvalue()[:3000])
    with pytest.raises(SourceError, match=r"images\.npy ends early: 6,400 bytes are announced"):
        opened(tmp_path / "short.npz")


def test_npz_that_is_damaged_in_the_middle_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=np.zeros((100, 8, 8), np.uint8))
    content = bytearray(path.read_bytes())
    content[5000] ^= 1  # the checksum at the end tells
    path.write_bytes(content)
    with opened(path) as source, pytest.raises(SourceError, match="damaged at row 0"):
        source.openers(0, 100)


def test_truncated_npy_is_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((100, 8, 8), np.uint8), "npy")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(SourceError, match=r"cannot be read as \.npy"):
        opened(path)


def test_count_takes_the_first(tmp_path: Path) -> None:
    path = saved(tmp_path, np.arange(10, dtype=np.uint8).repeat(36).reshape(10, 6, 6), "npy")
    assert [int(picture[0, 0, 0]) for picture in pictures(opened(path, count=3))] == [0, 1, 2]
