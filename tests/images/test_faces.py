"""The faces that a DCGAN draws."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zpoints.config import ImageSettings
from zpoints.files.wheels import GAN_FACES, Wheel
from zpoints.images.sources import open_source
from zpoints.images.sources.faces import BLOCK, FaceSource
from zpoints.system.progress import Silent


@pytest.fixture
def faces(downloaded: Callable[[Wheel], Path]) -> Callable[..., np.ndarray]:
    downloaded(GAN_FACES)

    def draw(start: int, stop: int, seed: int = 0, count: int = 10_000) -> np.ndarray:
        source = FaceSource(count, seed, Silent())
        return np.stack([np.asarray(opener()) for opener in source.openers(start, stop)])

    return draw


def test_faces_are_colour_pictures_that_differ(faces: Callable[..., np.ndarray]) -> None:
    block = faces(0, 64)
    assert block.shape == (64, 64, 64, 3)
    assert block.dtype == np.uint8
    assert block.std(axis=0).mean() > 30
    # A face, not noise: neighbouring pixels are alike.
    assert np.abs(np.diff(block.astype(int), axis=2)).mean() < 15


def test_a_range_is_the_same_whatever_came_before(faces: Callable[..., np.ndarray]) -> None:
    whole = faces(0, BLOCK + 20)
    assert np.array_equal(whole[BLOCK - 5 : BLOCK + 9], faces(BLOCK - 5, BLOCK + 9))
    assert np.array_equal(whole[:7], faces(0, 7, count=7))


def test_the_seed_decides(faces: Callable[..., np.ndarray]) -> None:
    assert not np.array_equal(faces(0, 2), faces(0, 2, seed=1))
    assert FaceSource(9, 0, Silent()).fingerprint() != FaceSource(9, 1, Silent()).fingerprint()


def test_ten_thousand_by_default_and_credit_is_given() -> None:
    source = open_source(ImageSettings(source="faces"), seed=3)
    assert len(source) == 10_000
    assert source.natural_size == (64, 64)
    assert all(text in source.describe() for text in ("gan-face-generate 1.1.1", "MIT", "DigiFace-1M"))
