"""Colour profiles: what a number in a file means as a colour. Pictures are brought to sRGB, as viewers show them."""

import io
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

__all__ = ["to_srgb"]

LARGEST = 1 << 22
"""Bytes of a profile; those of printing presses have two million."""
SAME = 3
"""A profile that changes no byte by more is sRGB under another name."""
STEPS = 9
"""So many values of each primary tell whether a profile is sRGB."""


class _Road(NamedTuple):
    """How the colours of one profile come to sRGB; `transform` is None where they are there already."""

    transform: Any = None
    mode: str = ""
    is_broken: bool = False


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool]:
    """Bring a picture to sRGB.

    Parameters
    ----------
    image : of mode L, RGB or CMYK.
    profile : what its file says of its colours, if it says something.

    Returns
    -------
    tuple : the picture, of mode L or RGB; and whether the profile was understood. One that is damaged, or made for
        another kind of picture, is left aside.
    """
    road = (
        _road(profile, image.mode) if profile and len(profile) <= LARGEST else _Road(is_broken=bool(profile))
    )
    if road.transform is None:
        return image.convert("RGB") if image.mode == "CMYK" else image, not road.is_broken
    from PIL import ImageCms

    grey = image.mode == "L" or (image.mode == "RGB" and _is_neutral(image))
    found = ImageCms.applyTransform(image.convert(road.mode), road.transform)
    if found is None:  # only where a picture is changed in place
        return image, False
    # Grey stays grey: rounding would give it a trace of colour.
    return (found.convert("L").convert(image.mode) if grey else found), True


@lru_cache(maxsize=16)
def _road(profile: bytes, mode: str) -> _Road:
    """Work out once what all pictures with this profile need."""
    try:
        from PIL import ImageCms

        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = given.profile.xcolor_space.strip()
        fitting = {"RGB": ("L", "RGB"), "GRAY": ("L",), "CMYK": ("CMYK",)}.get(space, ())
        if mode not in fitting:
            return _Road(is_broken=True)
        mode = {"RGB": "RGB", "GRAY": "L"}.get(space, mode)
        transform = ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
        chart = _chart(mode)
        if mode != "CMYK":
            shown = np.asarray(ImageCms.applyTransform(chart, transform), np.int16)
            if np.abs(shown - np.asarray(chart.convert("RGB"), np.int16)).max() <= SAME:
                return _Road()
        return _Road(transform, mode)
    except (
        Exception
    ):  # LittleCMS has its own words for each kind of damage, and a Pillow may be built without it
        return _Road(is_broken=True)


def _chart(mode: str) -> Image.Image:
    """A picture of all colours, in steps."""
    values = np.linspace(0, 255, STEPS).round().astype(np.uint8)
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[:, None])
    return Image.fromarray(np.stack(np.meshgrid(values, values, values), axis=-1).reshape(STEPS, -1, 3))


def _is_neutral(image: Image.Image) -> bool:
    pixels = np.asarray(image)
    if (pixels[0] != pixels[0, :, :1]).any():  # one row tells most colours
        return False
    return bool((pixels == pixels[:, :, :1]).all())
