"""Contact sheets: many pictures in one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from zpoints.files.atomic import atomic_path

__all__ = ["Row", "contact_sheet", "framed", "interleaved", "save_animation", "save_rows", "save_sheet"]

GAP, PAPER, INK, SOFT_INK = 2, 255, 20, 110
TITLE, NOTE = 14, 11  # pixels of a row's texts
LEAST_ROW = TITLE + NOTE + 10
FRAME = (217, 72, 15)


def contact_sheet(pictures: UInt8[np.ndarray, "n h w c"], columns: int, gap: int = GAP) -> Image.Image:
    """Pictures, pixel by pixel, in rows of `columns`, with a thin gap between them."""
    n, height, width, colours = pictures.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, colours), PAPER, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return Image.fromarray(sheet[:, :, 0] if colours == 1 else sheet)


def interleaved(
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


@dataclass(frozen=True, eq=False)
class Row:
    """Pictures in a row, with a title and a note on their left."""

    title: str
    note: str
    pictures: UInt8[np.ndarray, "n h w c"]


def save_rows(path: Path, rows: list[Row]) -> None:
    """Write rows of pictures, each behind its texts, as one PNG, atomically."""
    # Matplotlib brings a font that knows accents, on every machine the same.
    font = findfont("DejaVu Sans")
    large, small = (ImageFont.truetype(font, size) for size in (TITLE, NOTE))
    strips = [contact_sheet(row.pictures, len(row.pictures)) for row in rows]
    margin = 12 + round(max(max(large.getlength(row.title), small.getlength(row.note)) for row in rows))
    heights = [max(strip.height, LEAST_ROW) for strip in strips]
    width = margin + max(strip.width for strip in strips)
    sheet = Image.new("RGB", (width, sum(heights)), (PAPER,) * 3)
    draw, top = ImageDraw.Draw(sheet), 0
    for row, strip, height in zip(rows, strips, heights, strict=True):
        text = top + (height - TITLE - NOTE - 4) // 2
        draw.text((6, text), row.title, fill=(INK,) * 3, font=large)
        draw.text((6, text + TITLE + 4), row.note, fill=(SOFT_INK,) * 3, font=small)
        sheet.paste(strip, (margin, top))
        top += height
    with atomic_path(path) as temporary:
        sheet.save(temporary, "PNG", optimize=True)


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
