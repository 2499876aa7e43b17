"""From one picture, in whatever form, to one uint8 array of a given size; or to the reason why not.

Pillow does the work and releases the interpreter lock while it decodes and scales. Measured on 178x218 JPEG
files to 96x96: threads 2,500 pictures/s, processes 2,400, on the same two cores; so threads do.
"""

import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from zpoints.errors import BudgetError
from zpoints.images.foreign import RAW, head_of, is_raw, register_more_formats, what_is
from zpoints.images.profiles import to_srgb
from zpoints.images.scales import Kind, White, eight_bit, kind_of
from zpoints.images.semaphore import ByteSemaphore
from zpoints.images.source import Crop, Opener, UnusableError

__all__ = ["Cut", "Facts", "crop_box", "is_grey", "open_encoded", "pillow_limits"]

Found = TypeVar("Found")
BYTES_PER_PIXEL = 12
"""Of a picture under way: Pillow has 4 per pixel, and turning it, flattening it and scaling it make copies."""
SMALLEST = 2
"""A picture or crop must be at least so many pixels wide and high."""
DARK = 32
"""A picture without a brighter value is nearly black."""
SCALED = ("L", "LA", "RGB", "RGBA")
"""Modes whose numbers are brightnesses, and no names of colours in a palette."""


@dataclass(frozen=True)
class Facts:
    """What one picture is, before it is brought to bytes.

    Attributes
    ----------
    kind : of its numbers.
    low, high : the least and the largest of them.
    is_grey : whether it has no colour.
    alpha : of an array of four channels, see `alpha_counts`.
    """

    kind: Kind
    low: float
    high: float
    is_grey: bool
    alpha: np.ndarray | None = None


@dataclass(frozen=True)
class Cut:
    """How every picture is brought to the same shape.

    Parameters
    ----------
    size : (height, width) of the result.
    crop : what is kept before scaling, in the coordinates of the upright picture.
    channels : 1 (grey), 3 (RGB), or None to leave grey grey and colour colour.
    gate : bounds the memory of all pictures that are decoded at once; None for no bound.
    fit : keep of that the largest centred box with the shape of the result, so that nothing is stretched.
    white : the values that are shown as white.
    """

    size: tuple[int, int]
    crop: Crop = "none"
    channels: Literal[1, 3] | None = None
    gate: ByteSemaphore | None = None
    fit: bool = False
    white: White = field(default_factory=White)

    def picture(self, opener: Opener, notes: Counter[str] | None = None) -> np.ndarray | str:
        """Return the picture as uint8 of shape (height, width, channels), or the reason why there is none.

        What it has lost on the way is counted in `notes`, under the names of `zpoints.images.remarks`.
        """
        found: Counter[str] = Counter()

        def cut(image: Image.Image) -> np.ndarray:
            return self._pixels(image, found)

        def cut_bytes(image: Image.Image) -> np.ndarray:
            return self._shown(image, found)

        picture = self._tried(
            opener, cut, lambda values: self._used(self._of_values(values, found), cut_bytes)
        )
        if notes is not None and not isinstance(picture, str):
            notes.update(found)
        return picture

    def facts(self, opener: Opener) -> Facts | str:
        """Decode a picture only to see what it is; or the reason why there is none."""
        return self._tried(opener, self._facts, facts_of)

    def _tried(
        self,
        opener: Opener,
        of_image: Callable[[Image.Image], Found],
        of_values: Callable[[np.ndarray], Found],
    ) -> Found | str:
        try:
            opened = opener()
            if isinstance(opened, np.ndarray):
                return of_values(opened)
            with opened as image:
                self._decode_smaller(image)
                return self._used(image, of_image)
        except BudgetError:
            raise
        except Exception as error:  # a damaged file makes Pillow's plugins fail in every possible way
            return _reason(error)

    def _used(self, image: Image.Image, use: Callable[[Image.Image], Found]) -> Found:
        """What is made of a picture, once there is memory for it."""
        if self.gate is None:
            return use(image)
        with self.gate.space(BYTES_PER_PIXEL * image.width * image.height):
            return use(image)

    def _of_values(self, values: np.ndarray, notes: Counter[str]) -> Image.Image:
        pixels, is_clipped = eight_bit(values, self.white)
        notes["clipped"] += is_clipped
        return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))

    def _facts(self, image: Image.Image) -> Facts:
        kind = _kind(image)
        image.load()
        if kind in ("integers", "floats"):
            values = np.asarray(image)
            return Facts(kind, float(values.min()), float(values.max()), is_grey=True)
        low, high = (0, 255) if image.mode not in SCALED else _range(image)
        return Facts(kind, low, high, is_grey(self._cut_out(_upright(image), Counter())))

    def _pixels(self, image: Image.Image, notes: Counter[str]) -> np.ndarray:
        kind = _kind(image)
        image.load()
        notes["frames"] += _has_more_frames(image)
        return self._shown(self._brightened(_upright(image), kind, notes), notes)

    def _shown(self, image: Image.Image, notes: Counter[str]) -> np.ndarray:
        pixels = self._cut_out(image, notes)
        notes["dark"] += bool(pixels.max() < DARK)
        return pixels

    def _brightened(self, image: Image.Image, kind: Kind, notes: Counter[str]) -> Image.Image:
        """Bring numbers larger than bytes to bytes, and bytes to the whole range where they use little of it."""
        if kind in ("integers", "floats"):
            pixels, is_clipped = eight_bit(np.asarray(image), self.white)
            notes["clipped"] += is_clipped
            return Image.fromarray(pixels)
        top = self.white.value(kind)
        if top is None:
            raise UnusableError(self.white.problem(kind, 0, 0) or "")
        if top == 255 or image.mode not in SCALED:
            return image
        if image.has_transparency_data:
            image = image.convert("RGBA")
        alpha = image.getchannel("A") if "A" in image.getbands() else None
        colours = image.convert("RGB") if alpha is not None else image
        table = [min(255, round(value * 255 / top)) for value in range(256)]
        notes["clipped"] += _range(colours)[1] > top
        image = colours.point(table * len(colours.getbands()))
        if alpha is not None:
            image.putalpha(alpha)
        return image

    def _cut_out(self, image: Image.Image, notes: Counter[str]) -> np.ndarray:
        profile = image.info.get("icc_profile")
        image = _flat(image, bool(profile))
        height, width = self.size
        box = crop_box(self.crop, (image.height, image.width), self.size if self.fit else None)
        notes["stretched"] += _is_stretched(box, self.size)
        # Pillow's resize is antialiased, and takes the crop in the same step. Colours are mended afterwards, where
        # there are fewer of them.
        image = image.resize((width, height), Image.Resampling.BICUBIC, box=box)
        image, is_understood = to_srgb(image, profile)
        notes["profile"] += not is_understood
        if self.channels == 1 and image.mode == "RGB":
            notes["grey"] += not is_grey(np.asarray(image))
            image = image.convert("L")
        elif self.channels == 3 and image.mode == "L":
            image = image.convert("RGB")
        return np.asarray(image).reshape(height, width, -1)

    def _decode_smaller(self, image: Image.Image) -> None:
        """Let a JPEG that is several times too large be decoded at 1/2, 1/4 or 1/8: faster, less memory."""
        if image.format not in ("JPEG", "MPO") or not isinstance(self.crop, str):
            return
        factor = min(image.size) // (2 * max(self.size))  # at least twice as large as needed: no visible loss
        if factor >= 2:
            image.draft(None, (image.width // factor, image.height // factor))


def crop_box(
    crop: Crop, size: tuple[int, int], shape: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of what `crop` keeps of a picture of `size` (height, width).

    Of that, where a `shape` (height, width) is given, the largest centred box that has it, to a pixel; a square is
    then no more than a shape.

    Raises `UnusableError` if the box leaves the picture, or if under 2 pixels would remain.
    """
    height, width = size
    if crop == "none" or (crop == "square" and shape):
        box = (0, 0, width, height)
    elif crop == "square":
        box = _centred((0, 0, width, height), (1, 1))
    else:
        box = crop
    left, top, right, bottom = box
    if left < 0 or top < 0 or right > width or bottom > height:
        raise UnusableError(
            f"crop {left},{top},{right},{bottom} leaves the picture of {width}x{height} pixels"
        )
    kept = _centred(box, shape) if shape else box
    if min(kept[2] - kept[0], kept[3] - kept[1]) < SMALLEST:
        raise UnusableError(f"too small: {right - left}x{bottom - top} pixels")
    return kept


def _centred(box: tuple[int, int, int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box of the shape (height, width) in the middle of a box."""
    left, top, right, bottom = box
    width = min(right - left, round((bottom - top) * shape[1] / shape[0]))
    height = min(bottom - top, round((right - left) * shape[0] / shape[1]))
    left, top = left + (right - left - width) // 2, top + (bottom - top - height) // 2
    return left, top, left + width, top + height


def _is_stretched(box: tuple[int, int, int, int], size: tuple[int, int]) -> bool:
    """Whether scaling changes the proportions, by more than a pixel of the box."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return abs(width - height * size[1] / size[0]) > 1 and abs(height - width * size[0] / size[1]) > 1


def open_encoded(file: Path | BinaryIO, max_megapixels: float) -> Image.Image:
    """Open an encoded picture without decoding it. Raises `UnusableError` if it has too many pixels."""
    try:
        image = Image.open(file)
    except Image.DecompressionBombError as error:
        raise _too_large(max_megapixels) from error
    except UnidentifiedImageError as error:
        raise UnusableError(_what_is(file)) from error
    if image.width * image.height > max_megapixels * 1e6:
        image.close()
        raise _too_large(max_megapixels)
    if image.format == "EPS":  # a program that Pillow would hand to Ghostscript
        image.close()
        raise UnusableError("EPS is a program, not a picture")
    if is_raw(image):
        image.close()
        raise UnusableError(RAW)
    return image


def _what_is(file: Path | BinaryIO) -> str:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return what_is(head_of(opened))
    return what_is(head_of(file))


@contextmanager
def pillow_limits(max_megapixels: float) -> Iterator[None]:
    """Set Pillow's process-wide switches for the time of a job, and put them back.

    Its size limit becomes ours, its remarks on odd files stay off the screen (what is wrong goes to
    rejected.csv), and half a picture counts as none.
    """
    limit, truncated = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.init()  # loads all plugins now: threads that meet their first odd file at once would race for it
    register_more_formats()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = max(1, int(max_megapixels * 1e6)), False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = limit, truncated


def is_grey(picture: np.ndarray) -> bool:
    """Tell whether a (height, width, channels) picture has no colour, in whichever mode it was saved."""
    return picture.shape[2] == 1 or bool((picture == picture[:, :, :1]).all())


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image) or image
    except Exception:  # the note on the orientation is damaged, the picture is not
        return image


def _range(image: Image.Image) -> tuple[int, int]:
    """The least and the largest brightness, in a mode of `SCALED`."""
    bands = [image.getchannel(name).getextrema() for name in image.getbands() if name != "A"]
    return int(np.min(bands)), int(np.max(bands))


def facts_of(values: np.ndarray) -> Facts:
    """What an array of (height, width, channels) is."""
    colours = values[:, :, :3]
    alpha = alpha_counts(values) if values.shape[2] == 4 else None
    grey = values.shape[2] == 1 or bool((colours == colours[:, :, :1]).all())
    return Facts(kind_of(values.dtype), float(values.min()), float(values.max()), grey, alpha)


def alpha_counts(values: np.ndarray) -> np.ndarray:
    """Of four channels: pixels; those whose fourth is 0 or full, is full, and is the same as the third."""
    fourth, full = values[:, :, 3], {"bytes": 255, "integers": 65535}.get(kind_of(values.dtype), 1)
    is_full = fourth == full
    return np.array(
        [
            fourth.size,
            *(
                np.count_nonzero(part)
                for part in (is_full | (fourth == 0), is_full, fourth == values[:, :, 2])
            ),
        ]
    )


def _flat(image: Image.Image, has_profile: bool) -> Image.Image:
    """Convert to 8 bit grey or RGB, on white where the picture is transparent; CMYK with a profile is kept."""
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.new("RGBA", image.size, "white")
        image.alpha_composite(colours)
    if image.mode == "CMYK" and has_profile:
        return image
    target = "L" if grey else "RGB"
    return image if image.mode == target else image.convert(target)


def _kind(image: Image.Image) -> Kind:
    """What the numbers of a picture are; asked before it is decoded."""
    if image.mode == "F":
        return "floats"
    if image.mode.startswith("I"):
        return "integers"
    return "halves" if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) else "bytes"


def _has_more_frames(image: Image.Image) -> bool:
    """Whether a file holds more than the picture that is taken; a camera's second one (MPO) is a copy."""
    with suppress(Exception):  # a damaged second frame does not cost the first one
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return False


def _too_large(max_megapixels: float) -> UnusableError:
    return UnusableError(f"more than {max_megapixels:g} megapixels")


def _reason(error: Exception) -> str:
    if isinstance(error, UnusableError):
        return str(error)
    if isinstance(error, zipfile.BadZipFile | zlib.error):
        return "damaged in the zip"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    if isinstance(error, MemoryError):
        return "not enough memory"
    # Addresses in a message would differ from run to run.
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()) or type(error).__name__)[:100]
    return "truncated" if "truncated" in text.lower() else f"damaged ({text})"
