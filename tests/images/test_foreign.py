"""Files that Pillow cannot read are called by their names, whatever they are named."""

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from zpoints.images import foreign
from zpoints.images.decoding import Cut, open_encoded, pillow_limits
from zpoints.images.foreign import what_is


def box(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + bytes(300)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (box(b"heic"), "HEIC: pip install pillow-heif"),
        (box(b"mif1"), "HEIC"),
        (box(b"crx "), "camera raw"),
        (box(b"isom"), "a video"),
        (box(b"qt  "), "a video"),
        (b"\xff\x0a" + bytes(30), "JPEG XL: pip install pillow-jxl-plugin"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30), "JPEG XL"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(100), "camera raw"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', "SVG, a drawing: convert it to PNG"),
        (b"\xef\xbb\xbf<!DOCTYPE html><title>404</title>", "not a picture but HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"%PDF-1.7\n", "PDF"),
        (
            gzip.compress(b"\xff\xd8\xff\xe0" + bytes(200), mtime=0),
            "a picture compressed with gzip: unpack it",
        ),
        (gzip.compress(b"hello", mtime=0), "a file compressed with gzip"),
        (b"PK\x03\x04" + bytes(30), "a zip"),
        (b"\x93NUMPY\1\0" + bytes(30), "an array"),
        (b"SQLite format 3\0", "not a picture but a database"),
        ("grüße,\n".encode() * 300, "not a picture but text"),  # cut in the middle of a letter
        ("gr\u00fc\u00dfe,\n".encode("latin-1"), "not a picture"),
        (b"", "not a picture"),
        (bytes(2000), "not a picture"),
    ],
)
def test_by_the_first_bytes(content: bytes, told: str) -> None:
    assert told in what_is(content[: foreign.HEAD])


@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_heic_named_jpg_is_a_heic(tmp_path: Path, where: str) -> None:
    content = box(b"heic")
    (tmp_path / "a.jpg").write_bytes(content)
    with pillow_limits(1):
        reason = Cut((4, 4)).picture(
            lambda: open_encoded(tmp_path / "a.jpg" if where == "file" else io.BytesIO(content), 1)
        )
    assert str(reason).startswith("HEIC: pip install pillow-heif, or convert")


def test_the_thumbnail_of_a_raw_file_is_no_picture() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254], tags[330] = 1, 8  # a small copy; the picture itself lies elsewhere
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12)).save(buffer, "TIFF", tiffinfo=tags)
    assert Cut((4, 4)).picture(lambda: open_encoded(buffer, 1)) == foreign.RAW
    plain = io.BytesIO()
    Image.new("RGB", (16, 12)).save(plain, "TIFF")
    assert isinstance(Cut((4, 4)).picture(lambda: open_encoded(plain, 1)), np.ndarray)


def test_packages_that_teach_pillow_a_format_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pillow_heif.py").write_text(
        "called = []\ndef register_heif_opener():\n    called.append(True)\n"
    )
    (tmp_path / "pillow_jxl.py").write_text("raise RuntimeError('broken')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("pillow_heif", "pillow_jxl"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pillow_limits(1):
        assert sys.modules["pillow_heif"].called
