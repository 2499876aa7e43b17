"""Contact sheets: many pictures in one."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from zpoints.storage import atomic_path

__all__ = ["contact_sheet", "in_turn", "save_sheet"]

GAP, PAPER = 2, 255


def contact_sheet(pictures: UInt8[np.ndarray, "n h w c"], columns: int) -> Image.Image:
    """Pictures, pixel by pixel, in rows of `columns`, with a thin gap between them."""
    n, height, width, colours = pictures.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, colours), PAPER, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return Image.fromarray(sheet[:, :, 0] if colours == 1 else sheet)


def in_turn(
    upper: UInt8[np.ndarray, "n h w c"], lower: UInt8[np.ndarray, "n h w c"], columns: int
) -> UInt8[np.ndarray, "m h w c"]:
    """Rows of `columns` pictures of `upper`, each followed by the same places of `lower`."""
    parts = []
    for start in range(0, len(upper), columns):
        parts += [upper[start : start + columns], lower[start : start + columns]]
    return np.concatenate(parts)


def save_sheet(path: Path, pictures: UInt8[np.ndarray, "n h w c"], columns: int) -> None:
    """Write a contact sheet as PNG, atomically."""
    with atomic_path(path) as temporary:
        contact_sheet(pictures, columns).save(temporary, "PNG", optimize=True)
