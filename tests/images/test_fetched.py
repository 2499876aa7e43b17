"""Data sets of scikit-learn, without its network."""

import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.decoding import Cut
from zpoints.images.sources import open_source


def test_olivetti(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).random((400, 64, 64)).astype(np.float32)
    fetched = {"images": images, "target": np.arange(400) // 10}
    monkeypatch.setattr(datasets, "fetch_olivetti_faces", lambda: fetched)
    with open_source(ImageSettings(source="olivetti", count=30)) as source:
        assert len(source) == 30
        assert source.attributes["person"].tolist() == [0] * 10 + [1] * 10 + [2] * 10
        picture = Cut(source.natural_size).picture(source.openers(3, 4)[0])
        assert np.array_equal(picture[..., 0], np.round(images[3] * 255).astype(np.uint8))
        assert "AT&T" in source.describe()


def test_lfw_is_read_as_a_folder(
    tmp_path: Path, jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "get_data_home", lambda: str(tmp_path))

    def fetch(min_faces_per_person: int) -> None:
        for name in ("A_B/A_B_0001.jpg", "C_D/C_D_0001.jpg", "pairs.txt"):
            path = tmp_path / "lfw_home" / "lfw_funneled" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(250, 250))

    monkeypatch.setattr(datasets, "fetch_lfw_people", fetch)
    with open_source(ImageSettings(source="lfw")) as source:
        assert [source.label(item) for item in range(len(source))] == ["A_B/A_B_0001.jpg", "C_D/C_D_0001.jpg"]
        picture = Cut(source.natural_size, source.default_crop).picture(source.openers(0, 1)[0])
        assert picture.shape == (96, 96, 3)


@pytest.mark.parametrize("name", ["olivetti", "lfw"])
def test_no_network_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise urllib.error.URLError("no route\nto host")

    monkeypatch.setattr(datasets, "get_data_home", lambda: str(tmp_path))
    monkeypatch.setattr(datasets, "fetch_olivetti_faces", fail)
    monkeypatch.setattr(datasets, "fetch_lfw_people", fail)
    with pytest.raises(SourceError, match=f"{name}: scikit-learn cannot download it") as caught:
        open_source(ImageSettings(source=name))
    assert "\n" not in str(caught.value)
