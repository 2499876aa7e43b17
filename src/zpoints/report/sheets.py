"""Contact sheets: many pictures in one."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from zpoints.storage import atomic_path

__all__ = ["contact_sheet", "framed", "in_turn", "save_animation", "save_sheet"]

GAP, PAPER = 2, 255
FRAME = (217, 72, 15)


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


def framed(
    pictures: UInt8[np.ndarray, "n h w c"], marked: Bool[np.ndarray, " n"]
) -> UInt8[np.ndarray, "n h w c"]:
    """A copy of the pictures in which the marked ones have a frame: orange, or white on grey ones."""
    colour = np.array(FRAME if pictures.shape[3] == 3 else (PAPER,), np.uint8)
    found = pictures.copy()
    for edge in (np.s_[marked, :GAP], np.s_[marked, -GAP:], np.s_[marked, :, :GAP], np.s_[marked, :, -GAP:]):
        found[edge] = colour
    return found


def save_animation(path: Path, pictures: UInt8[np.ndarray, "n h w c"], milliseconds: int = 120) -> None:
    """Write pictures one after the other, there and back, as an endless GIF or WebP (by the name's ending)."""
    frames = [Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture) for picture in pictures]
    frames += frames[-2:0:-1]
    kind = path.suffix.removeprefix(".").upper()
    with atomic_path(path) as temporary:
        frames[0].save(
            temporary,
            kind,
            save_all=True,
            append_images=frames[1:],
            duration=milliseconds,
            loop=0,
            lossless=True,
        )
