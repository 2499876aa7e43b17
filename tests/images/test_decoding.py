"""One picture in, one array or one reason out."""

import io
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from zpoints.images.decoding import Cut, crop_box, is_grey, open_encoded, pillow_limits
from zpoints.images.scales import White
from zpoints.images.source import Crop, UnusableError


def cut(content: bytes, size: tuple[int, int] = (12, 10), megapixels: float = 1.0, **cutting: Any) -> Any:
    with pillow_limits(megapixels):
        return Cut(size, **cutting).picture(lambda: open_encoded(io.BytesIO(content), megapixels))


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 200, 30), (10, 200, 30)),
        ("L", 77, (77,)),
        ("1", 1, (255,)),
        ("LA", (100, 255), (100,)),
        ("LA", (0, 0), (255,)),
        ("RGBA", (200, 10, 20, 255), (200, 10, 20)),
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("I;16", 65535, (255,)),
        ("I;16", 257 * 40, (40,)),
    ],
)
def test_every_png_mode_becomes_grey_or_rgb(mode: str, colour: Any, expected: tuple[int, ...]) -> None:
    picture = cut(saved(Image.new(mode, (30, 36), colour)))
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (12, 10, len(expected))
    assert picture.dtype == np.uint8
    assert (picture == np.array(expected)).all()


def test_palette_with_transparency_is_put_on_white() -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([9, 9, 9, 200, 0, 0])
    image.paste(1, (10, 0, 20, 20))
    picture = cut(saved(image, transparency=0), (20, 20))
    assert (picture[:, :9] == 255).all()
    assert (picture[:, 11:] == (200, 0, 0)).all()


def test_cmyk_jpeg_becomes_rgb() -> None:
    picture = cut(saved(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG", quality=95))
    assert picture.shape[2] == 3
    assert np.abs(picture.astype(int) - (255, 0, 0)).max() < 12


def test_float_tiff_is_scaled_and_refused_out_of_range() -> None:
    good = Image.fromarray(np.full((8, 8), 0.5, np.float32))
    assert (cut(saved(good, "TIFF")) == 128).all()
    bad = Image.fromarray(np.full((8, 8), np.nan, np.float32))
    assert cut(saved(bad, "TIFF")) == "holds NaN"


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    upright = np.zeros((40, 24, 3), np.uint8)
    upright[:20, :12] = (255, 0, 0)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the Image.Transpose that the orientation undoes
    stored = Image.fromarray(upright)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    picture = cut(saved(stored, kind, exif=exif, **options), (40, 24))
    assert np.abs(picture.astype(int) - upright).mean() < 8


def test_broken_exif_does_not_cost_the_picture(jpeg: Callable[..., bytes]) -> None:
    content = jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert isinstance(cut(content), np.ndarray)


def test_draft_decoding_shows_the_same_picture(jpeg: Callable[..., bytes]) -> None:
    content = jpeg(800, 640, quality=95)
    small = cut(content, (32, 32), crop="square").astype(float)
    whole = Image.open(io.BytesIO(content)).resize((32, 32), Image.Resampling.BICUBIC, box=(0, 80, 640, 720))
    assert np.abs(small - np.asarray(whole)).max() <= 4


def test_scaling_is_antialiased() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    picture = cut(saved(Image.fromarray(stripes)), (8, 8)).astype(int)
    assert np.abs(picture - 127).max() <= 8


@given(height=st.integers(2, 40), width=st.integers(2, 40))
def test_square_is_centred_and_as_large_as_can_be(height: int, width: int) -> None:
    left, top, right, bottom = crop_box("square", (height, width))
    assert right - left == bottom - top == min(height, width)
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1


@given(left=st.integers(0, 30), top=st.integers(0, 30), width=st.integers(2, 30), height=st.integers(2, 30))
def test_a_box_is_cut_exactly_or_refused(left: int, top: int, width: int, height: int) -> None:
    pixels = np.arange(32 * 32, dtype=np.uint16).astype(np.uint8).reshape(32, 32)
    box = (left, top, left + width, top + height)
    picture = Cut((height, width), box).picture(lambda: Image.fromarray(pixels))
    if left + width <= 32 and top + height <= 32:
        assert (picture[:, :, 0] == pixels[top : top + height, left : left + width]).all()
    else:
        assert picture == f"crop {','.join(map(str, box))} leaves the picture of 32x32 pixels"


@given(
    picture=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    shape=st.tuples(st.integers(8, 300), st.integers(8, 300)),
)
def test_a_fitting_box_has_the_shape_is_centred_and_touches_two_sides(
    picture: tuple[int, int], shape: tuple[int, int]
) -> None:
    try:
        left, top, right, bottom = crop_box("none", picture, shape)
    except UnusableError:
        return  # of a very long shape nothing is left
    height, width = bottom - top, right - left
    assert height == picture[0] or width == picture[1]
    assert abs(left - (picture[1] - right)) <= 1
    assert abs(top - (picture[0] - bottom)) <= 1
    assert abs(width - height * shape[1] / shape[0]) <= 1 or abs(height - width * shape[0] / shape[1]) <= 1


def test_a_picture_of_the_asked_size_is_left_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8)
    notes: Counter[str] = Counter()
    found = Cut((218, 178), fit=True).picture(lambda: Image.fromarray(pixels), notes)
    assert np.array_equal(found, pixels)
    assert not +notes


@pytest.mark.parametrize(
    ("crop", "fit", "size", "stretched"),
    [
        ("none", True, (20, 40), 0),
        ("square", True, (20, 40), 0),
        ((2, 2, 30, 30), True, (20, 40), 0),
        ("none", False, (60, 40), 0),
        ("none", False, (40, 40), 1),
        ("square", False, (40, 40), 0),
        ("square", False, (20, 40), 1),
        ((0, 0, 20, 40), False, (40, 20), 0),
        ((0, 0, 20, 40), False, (40, 40), 1),
    ],
)
def test_what_is_stretched_is_counted(crop: Crop, fit: bool, size: tuple[int, int], stretched: int) -> None:
    notes: Counter[str] = Counter()
    Cut(size, crop, fit=fit).picture(lambda: Image.new("RGB", (40, 60), "red"), notes)
    assert notes["stretched"] == stretched


def test_further_frames_are_counted() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    for kind, count in (("GIF", 1), ("TIFF", 1), ("PNG", 1), ("WEBP", 1), ("MPO", 0)):
        notes: Counter[str] = Counter()
        content = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        Cut((8, 8)).picture(lambda content=content: open_encoded(io.BytesIO(content), 1), notes)
        assert notes["frames"] == count, kind
        single: Counter[str] = Counter()
        content = saved(frames[0], kind)
        Cut((8, 8)).picture(lambda content=content: open_encoded(io.BytesIO(content), 1), single)
        assert not single["frames"], kind


def png_of_16_bit_colours(values: np.ndarray) -> bytes:
    """A PNG of colours of 16 bits, which Pillow reads and does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_colours_of_16_bits_are_read_or_refused() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (8, 8, 3))
    content = png_of_16_bit_colours(values)
    assert np.abs(cut(content, (8, 8)).astype(int) - values / 257).max() < 1.1
    facts = Cut((8, 8)).facts(lambda: open_encoded(io.BytesIO(content), 1))
    assert (facts.kind, facts.is_grey) == ("halves", False)
    reason = cut(content, (8, 8), white=White(halves=None))
    assert "of which 8 are read; save it with 8 bits, or set images.white" in reason


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_masks_of_0_and_1_keep_their_transparency(mode: str) -> None:
    colour = {"L": 1, "LA": (1, 255), "RGB": (1, 0, 1), "RGBA": (1, 0, 1, 255)}[mode]
    expected = (255,) if mode in ("L", "LA") else (255, 0, 255)
    found = cut(saved(Image.new(mode, (8, 8), colour)), white=White(bytes=1))
    assert (found == np.array(expected)).all()
    if mode.endswith("A"):
        clear = cut(saved(Image.new(mode, (8, 8), (*colour[:-1], 0))), white=White(bytes=1))
        assert (clear == 255).all()


@pytest.mark.parametrize("crop", ["none", "square", (3, 3, 4, 9)])
def test_under_two_pixels_is_too_small(crop: Crop) -> None:
    size = (1, 9) if isinstance(crop, str) else (20, 20)
    with pytest.raises(UnusableError, match="too small"):
        crop_box(crop, size)


def test_truncated_anywhere_is_rejected(jpeg: Callable[..., bytes]) -> None:
    content = jpeg(100, 100, quality=95)
    for kept in range(700, len(content) - 40, 97):
        assert isinstance(cut(content[:kept]), str), kept
    assert cut(content[: len(content) // 2]) == "truncated"


def test_truncated_is_rejected_even_if_the_program_around_allows_it(
    jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert cut(jpeg()[:-300]) == "truncated"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("content", [b"\0", b"\xff\xd8\xff", bytes(range(256)), b"\x1f\x8b"])
def test_what_is_not_a_picture_is_rejected(content: bytes) -> None:
    assert str(cut(content)).startswith(("not a picture", "a file compressed"))


@pytest.mark.parametrize("side", [1_100, 9_600, 14_000, 60_000])
def test_bombs_are_rejected_silently(side: int, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cut(png_that_claims(side, side)) == "more than 1 megapixels"
    assert capfd.readouterr() == ("", "")


def test_a_large_limit_lets_large_pictures_through() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with pillow_limits(400):
        assert open_encoded(io.BytesIO(png_that_claims(15_000, 15_000)), 400).size == (15_000, 15_000)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_eps_is_not_run() -> None:
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"
    assert cut(content) == "EPS is a program, not a picture"


def test_a_file_that_is_gone_has_a_reason_without_its_path(tmp_path: Path) -> None:
    reason = Cut((4, 4)).picture(lambda: open_encoded(tmp_path / "gone.jpg", 1))
    assert reason == "cannot be read (No such file or directory)"


@given(st.binary(max_size=400))
def test_damage_never_raises(noise: bytes) -> None:
    base = saved(Image.new("RGB", (9, 9), (1, 2, 3)), "GIF")
    for content in (noise, base[:10] + noise, base[: len(base) // 2] + noise):
        assert isinstance(cut(content), str | np.ndarray)


@pytest.mark.parametrize(("channels", "expected"), [(1, 1), (3, 3)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_channels_are_what_was_asked_for(mode: str, channels: int, expected: int) -> None:
    assert cut(saved(Image.new(mode, (20, 20))), channels=channels).shape == (12, 10, expected)


def test_grey_is_seen_in_the_pixels() -> None:
    grey = np.repeat(np.arange(100, dtype=np.uint8).reshape(10, 10, 1), 3, axis=2)
    assert is_grey(grey)
    assert is_grey(grey[:, :, :1])
    assert not is_grey(grey + np.array([0, 0, 1], np.uint8))
