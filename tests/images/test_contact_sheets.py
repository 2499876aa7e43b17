"""Contact sheets, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from zpoints.images.sheets import GAP, contact_sheet, interleaved, save_sheet


@pytest.mark.parametrize("colours", [1, 3])
def test_a_contact_sheet_holds_every_picture_untouched(colours: int, tmp_path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 5, 4, colours), dtype=np.uint8)
    save_sheet(tmp_path / "sheet.png", pictures, 3)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).reshape(
        3 * (5 + GAP) + GAP, 3 * (4 + GAP) + GAP, colours
    )
    for number, picture in enumerate(pictures):
        top, left = (
            GAP + place * (side + GAP) for place, side in zip(divmod(number, 3), (5, 4), strict=True)
        )
        np.testing.assert_array_equal(sheet[top : top + 5, left : left + 4], picture)
    assert (sheet[-GAP:] == 255).all()


def test_fewer_pictures_than_columns_make_a_narrow_sheet() -> None:
    assert contact_sheet(np.zeros((2, 5, 4, 3), np.uint8), 10).size == (2 * (4 + GAP) + GAP, 5 + 2 * GAP)


def test_in_turn_puts_each_row_above_its_partner() -> None:
    upper = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    assert interleaved(upper, upper + 100, 2).ravel().tolist() == [0, 1, 100, 101, 2, 3, 102, 103, 4, 104]
