"""What a file is that Pillow cannot read, by its first bytes, and what to do about it."""

import re
import zlib
from codecs import getincrementaldecoder
from typing import BinaryIO

from PIL import Image

from zpoints.system.extras import have

__all__ = ["RAW", "head_of", "is_raw", "register_more_formats", "what_is"]

HEAD = 1024
"""Bytes that are looked at."""
CONVERT = "convert it to JPEG or PNG"
HEIC = f"HEIC: pip install pillow-heif, or {CONVERT}"
RAW = f"camera raw: {CONVERT}"
VIDEO = "a video: save its frames as pictures"
MORE_FORMATS = {"pillow_heif": "register_heif_opener", "pillow_jxl": ""}
"""Packages that teach Pillow a format, and what to call once they are imported."""

BRANDS = {
    b"heic heix heim heis hevc hevx mif1 msf1 heif": HEIC,
    b"avif avis": f"AVIF, which this Pillow cannot read: pip install --upgrade pillow, or {CONVERT}",
    b"crx ": RAW,
}
"""The kinds of files that begin with a box ``ftyp``; all others are videos."""
MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\x0a", f"JPEG XL: pip install pillow-jxl-plugin, or {CONVERT}"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", f"JPEG XL: pip install pillow-jxl-plugin, or {CONVERT}"),
    (8, b"CR\x02\0", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"IIU\0", RAW),
    (0, b"IIRO", RAW),
    (0, b"IIRS", RAW),
    (0, b"MMOR", RAW),
    (0, b"FOVb", RAW),
    (0, b"\0MRM", RAW),
    (0, b"%PDF", "PDF: save its pages as pictures"),
    (0, b"v/1\x01", "OpenEXR: convert it to PNG"),
    (0, b"#?RADIANCE", "Radiance HDR: convert it to PNG"),
    (0, b"#?RGBE", "Radiance HDR: convert it to PNG"),
    (128, b"DICM", "DICOM: convert it to PNG"),
    (344, b"n+1\0", "NIfTI: convert it to an array (.npy)"),
    (0, b"\x1aE\xdf\xa3", VIDEO),
    (0, b"\0\0\1\xba", VIDEO),
    (0, b"\0\0\1\xb3", VIDEO),
    (0, b"FLV\1", VIDEO),
    (8, b"AVI LIST", VIDEO),
    (8, b"WAVE", "sound"),
    (0, b"OggS", "sound or a video"),
    (0, b"ID3", "sound"),
    (0, b"fLaC", "sound"),
    (0, b"\x93NUMPY", "an array (.npy): name it as a source of its own"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5: save its pictures as an array (.npy)"),
    (0, b"PAR1", "Parquet: name it as a source of its own"),
    (0, b"SQLite format 3\0", "a database"),
    (0, b"PK\x03\x04", "a zip: name it as a source of its own, or unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "an archive: unpack it"),
    (0, b"Rar!\x1a\x07", "an archive: unpack it"),
    (257, b"ustar", "an archive: unpack it"),
    (0, b"BZh", "compressed with bzip2: unpack it"),
    (0, b"\xfd7zXZ\0", "compressed with xz: unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it"),
    (0, b"\0\x05\x16\x07", "a Mac's notes on another file"),
    (0, b"version https://git-lfs", "a pointer of Git LFS: git lfs pull"),
)
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"P5", b"P6")
DNG_VERSION, KIND_OF_IMAGE, SUB_IMAGES = 0xC612, 254, 330  # tags of TIFF


def what_is(head: bytes) -> str:
    """Say what a file is that is no picture for Pillow, in a few words.

    Parameters
    ----------
    head : its first bytes, some 1,000.

    Examples
    --------
    >>> what_is(b"%PDF-1.7")
    'PDF: save its pages as pictures'
    >>> what_is(b"<html>429 Too Many Requests</html>")
    'not a picture but HTML'
    """
    if head[4:8] == b"ftyp":
        return next((found for brands, found in BRANDS.items() if head[8:12] in brands), VIDEO)
    for place, magic, found in MAGIC:
        if head[place : place + len(magic)] == magic:
            return found if ":" in found else f"not a picture but {found}"
    if head[:2] == b"\x1f\x8b":
        inside = _unzipped(head)
        what = "a picture" if inside.startswith(PICTURES) else "a file"
        return f"{what} compressed with gzip: unpack it"
    return _what_text(head)


def is_raw(image: Image.Image) -> bool:
    """Whether a TIFF is a camera's raw file: what Pillow shows of it is a thumbnail."""
    tags = getattr(image, "tag_v2", {})
    return DNG_VERSION in tags or (tags.get(KIND_OF_IMAGE, 0) == 1 and SUB_IMAGES in tags)


def head_of(file: BinaryIO) -> bytes:
    """The first bytes of an open file."""
    file.seek(0)
    return file.read(HEAD)


def register_more_formats() -> None:
    """Teach Pillow the formats of the packages that are installed for it; one that is broken teaches nothing."""
    from importlib import import_module

    for module, function in MORE_FORMATS.items():
        if have(module):
            try:
                found = import_module(module)
                if function:
                    getattr(found, function)()
            except Exception:  # its files are then refused with a line that names it
                continue


def _what_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text:
        return "SVG, a drawing: convert it to PNG"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "not a picture but HTML"
    try:
        words = getincrementaldecoder("utf-8")().decode(head)  # the last letter may be cut
    except UnicodeDecodeError:
        return "not a picture"
    is_text = len(words) > 3 and not re.search(r"[\0-\x08\x0e-\x1f\x7f]", words)
    return "not a picture but text" if is_text else "not a picture"


def _unzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 64)
    except zlib.error:
        return b""
