"""Colours mean what their profile says; LittleCMS itself is the oracle."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from zpoints.images.decoding import Cut
from zpoints.images.profiles import to_srgb

PRIMARIES = {"r": (0.4361, 0.2225, 0.0139), "g": (0.3851, 0.7169, 0.0971), "b": (0.1431, 0.0606, 0.7141)}


def profile(order: str = "bgr", gamma: float = 2.2, space: bytes = b"RGB ") -> bytes:
    """An ICC profile of three primaries, by default with red and blue changed over; or of grey."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)),
        (b"cprt", b"text\0\0\0\0x\0"),
        (b"wtpt", xyz(0.9642, 1, 0.8249)),
    ]
    if space == b"RGB ":
        tags += [(c.encode() + b"XYZ", xyz(*PRIMARIES[p])) for c, p in zip("rgb", order, strict=True)]
        tags += [(c.encode() + b"TRC", curve) for c in "rgb"]
    else:
        tags.append((b"kTRC", curve))
    tags = [(name, data + bytes(-len(data) % 4)) for name, data in tags]
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", 128 + len(table + body), b"lcms", 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return head + struct.pack(">iii", 63190, 65536, 54061) + bytes(48) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(value * 65536) for value in values))


def shown(image: Image.Image, icc: bytes) -> np.ndarray:
    """What LittleCMS makes of the whole picture."""
    given = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return np.asarray(
        ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    )


def random_picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_profile_in_a_file_is_applied(kind: str) -> None:
    image, icc = random_picture(), profile()
    buffer = io.BytesIO()
    image.save(buffer, kind, icc_profile=icc, **({"lossless": True} if kind == "WEBP" else {}))
    found = Cut((12, 10)).picture(lambda: Image.open(buffer))
    np.testing.assert_array_equal(found, shown(image, icc))


def test_srgb_under_any_name_changes_nothing() -> None:
    image = random_picture()
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found, is_understood = to_srgb(image, own)
    assert found is image
    assert is_understood


def test_grey_stays_grey() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    icc = profile("rgb", gamma=1.8)
    grey, _ = to_srgb(ramp, icc)
    assert grey.mode == "L"
    assert np.abs(np.asarray(grey, int) - shown(ramp.convert("RGB"), icc)[:, :, 0]).max() <= 1
    colour, _ = to_srgb(ramp.convert("RGB"), icc)
    assert (np.asarray(colour) == np.asarray(grey)[:, :, None]).all()
    of_grey, is_understood = to_srgb(ramp, profile(gamma=1.8, space=b"GRAY"))
    assert is_understood
    assert np.abs(np.asarray(of_grey, int) - np.asarray(grey, int)).max() <= 2


@pytest.mark.parametrize("damage", ["noise", "cut", "other", "huge"])
def test_a_profile_that_is_no_use_is_left_aside_and_counted(damage: str) -> None:
    icc = {
        "noise": b"no profile",
        "cut": profile()[:200],
        "other": profile(space=b"GRAY"),
        "huge": bytes((1 << 22) + 1),
    }[damage]
    found, is_understood = to_srgb(random_picture(), icc)
    np.testing.assert_array_equal(found, random_picture())
    assert not is_understood
