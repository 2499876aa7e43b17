"""Frames and animations of a walk, and rows of pictures behind their names."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from zpoints.images.sheets import FRAME, GAP, LEAST_ROW, Row, framed, save_animation, save_rows


def pictures(colours: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (5, 12, 10, colours), dtype=np.uint8)


@pytest.mark.parametrize("colours", [1, 3])
def test_only_marked_pictures_get_a_frame(colours):
    given = pictures(colours)
    before, marked = given.copy(), np.array([True, False, True, False, False])
    found = framed(given, marked)
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(found[~marked], given[~marked])
    inner = np.s_[:, GAP:-GAP, GAP:-GAP]
    np.testing.assert_array_equal(found[inner], given[inner])
    expected = FRAME if colours == 3 else (255,)
    for edge in (found[marked, 0], found[marked, -1], found[marked, :, 0], found[marked, :, -1]):
        assert (edge == expected).all()


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_there_and_back(colours, kind, tmp_path):
    given = pictures(colours)
    save_animation(tmp_path / f"walk.{kind}", given)
    with Image.open(tmp_path / f"walk.{kind}") as moving:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(moving)]
        assert moving.info.get("loop") == 0
    assert len(frames) == 8  # 0 1 2 3 4 3 2 1
    np.testing.assert_array_equal(frames[3], frames[5])
    if kind == "webp":
        np.testing.assert_array_equal(frames[2], np.broadcast_to(given[2], (12, 10, 3)))


@pytest.mark.parametrize("side", [8, 64])
def test_rows_keep_their_pictures_and_hold_their_texts(side, tmp_path):
    random = np.random.default_rng(1)
    given = [random.integers(0, 200, (3, side, side, c), dtype=np.uint8) for c in (3, 1)]
    titles = ("short", "a title that is longer than all pictures together")
    rows = [Row(title, "note", part) for title, part in zip(titles, given, strict=True)]
    save_rows(tmp_path / "rows.png", rows)
    with Image.open(tmp_path / "rows.png") as sheet:
        found = np.asarray(sheet.convert("RGB"))
    strip = 3 * (side + GAP) + GAP
    height = max(side + 2 * GAP, LEAST_ROW)
    assert found.shape[0] == 2 * height
    left = found.shape[1] - strip
    for number, part in enumerate(given):
        top = number * height
        np.testing.assert_array_equal(
            found[top + GAP : top + GAP + side, left + GAP : left + GAP + side],
            np.broadcast_to(part[0], (side, side, 3)),
        )
        text = found[top : top + height, :left]
        assert (text < 128).any()
        assert (text[:, -4:] == 255).all(), "texts end before the pictures begin"
