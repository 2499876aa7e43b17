"""The functions of the stages, called one after the other with paths that are texts."""

import os
from pathlib import Path

import numpy as np
import pytest

import zpoints as zp
from support import blobs, line
from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.images.source import Source
from zpoints.images.sources import open_source

SETTINGS = Settings.of(
    {
        "autoencoder": {"channels": [4, 4], "latent": 3},
        "training": {"epochs": 1},
        "report": {"sheet": 6},
    },
    "test",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder in which every function was called."""
    place = tmp_path_factory.mktemp("work")
    np.save(place / "p.npy", blobs(60, 12, 10, 3))
    at = str(place) + os.sep
    zp.prepare(f"{at}p.npy", f"{at}images", SETTINGS)
    codec = zp.train(f"{at}images", f"{at}model", SETTINGS)
    z = zp.encode(codec, f"{at}images", f"{at}latents")
    zp.analyse(z).save(f"{at}analysis")
    return at


def test_each_goes_on_from_the_files_of_the_one_before(place: str) -> None:
    store = zp.prepare(f"{place}p.npy", f"{place}images", SETTINGS)
    np.testing.assert_array_equal(store.pixels, np.load(f"{place}p.npy"))
    z = zp.encode(f"{place}model", f"{place}images", f"{place}again")
    np.testing.assert_array_equal(z.array(), np.load(f"{place}latents/z.npy"))
    assert z.array().shape == (60, 3)
    assert Path(f"{place}model/reconstructions.png").is_file()


def test_a_source_may_be_an_object(place: str, tmp_path: Path) -> None:
    settings = Settings.of({"images": {"source": f"{place}p.npy"}}, "test")
    with open_source(settings.images) as source:
        assert isinstance(source, Source)
        store = zp.prepare(source, tmp_path / "images")
        np.testing.assert_array_equal(store.pixels, np.load(f"{place}p.npy"))
        assert len(source.openers(0, 2)) == 2  # it is still open
    again = zp.prepare(f"{place}p.npy", tmp_path / "images")
    assert again.key == store.key


def test_vectors_are_decoded_from_a_file_or_an_array(place: str) -> None:
    z = np.load(f"{place}latents/z.npy")[:9]
    np.save(f"{place}some.npy", z)
    from_file = zp.decode(f"{place}model", f"{place}some.npy", f"{place}decoded", SETTINGS)
    assert from_file.shape == (9, 12, 10, 3)
    assert from_file.dtype == np.uint8
    from_array = zp.decode(f"{place}model", z, f"{place}decoded-too", SETTINGS)
    np.testing.assert_array_equal(from_file, from_array)
    assert Path(f"{place}decoded/grid.png").is_file()
    others = zp.decode(f"{place}model", z[::-1], f"{place}decoded-too", SETTINGS)
    np.testing.assert_array_equal(others, from_file[::-1])


def test_a_walk_is_decoded(place: str) -> None:
    path = zp.walk(f"{place}model", f"{place}analysis", f"{place}walk", axis=0, sigma=4.0, steps=5)
    np.testing.assert_allclose(path.distance, [4, 2, 0, 2, 4], atol=1e-9)
    np.testing.assert_allclose(np.load(f"{place}walk/z.npy"), path.vectors, rtol=1e-6)
    a = zp.Analysis.load(f"{place}analysis")
    between = zp.walk(
        f"{place}model", a, f"{place}between", between=(3, 8), latents=f"{place}latents/z.npy", steps=4
    )
    z = np.load(f"{place}latents/z.npy").astype(float)
    np.testing.assert_allclose(between.vectors[[0, -1]], z[[3, 8]], rtol=1e-6)
    for ending in ("png", "webp", "gif"):
        assert Path(f"{place}between/walk.{ending}").is_file()


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, "choose one"),
        ({"axis": 0, "plane": (0, 1)}, "choose one"),
        ({"between": (0, 1)}, "needs"),
        ({"axis": 9}, "axis 9"),
    ],
)
def test_a_walk_that_leads_nowhere_is_one_line(place: str, given: dict[str, object], part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        zp.walk(f"{place}model", f"{place}analysis", f"{place}nowhere", **given)  # type: ignore[arg-type]
    assert line(caught.value)
    assert not Path(f"{place}nowhere").exists()


def test_not_a_run_is_one_line(place: str) -> None:
    with pytest.raises(UsageError, match="not the folder of a run"):
        zp.judge(place)
