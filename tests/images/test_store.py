"""What later stages read, and what they say when it does not fit together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zpoints.errors import StageError
from zpoints.images.store import ImageStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "pixels.npy", np.arange(5 * 4 * 3 * 3, dtype=np.uint8).reshape(5, 4, 3, 3))
    split = ["train", "test", "train", "val", "train"]
    index = pd.DataFrame({"id": np.arange(5), "source": list("abcde"), "split": split})
    index.to_parquet(tmp_path / "index.parquet")
    return tmp_path


def test_it_knows_its_pictures(folder: Path) -> None:
    store = ImageStore.open(folder)
    assert len(store) == 5
    assert store.shape == (4, 3, 3)
    assert store.rows("train").tolist() == [0, 2, 4]
    assert store.rows("train").dtype == np.int64
    assert store.rows("val").tolist() == [3]
    assert store.rows("test").tolist() == [1]
    assert isinstance(store.pixels, np.memmap)
    assert str(folder) in store.description


def test_the_file_cannot_be_changed_through_it(folder: Path) -> None:
    before = (folder / "pixels.npy").read_bytes()
    with pytest.raises(ValueError, match="read-only"):
        ImageStore.open(folder).pixels[:] = 0
    assert (folder / "pixels.npy").read_bytes() == before


@pytest.mark.parametrize("name", ["pixels.npy", "index.parquet"])
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_damage_is_one_line(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 150 if damage == "cut" else 0])
    with pytest.raises(StageError, match=r"run zpoints prepare first|delete it and start") as caught:
        ImageStore.open(folder)
    assert "\n" not in str(caught.value)


def test_files_must_fit_together(folder: Path) -> None:
    pd.DataFrame({"id": [0], "source": ["a"], "split": ["train"]}).to_parquet(folder / "index.parquet")
    with pytest.raises(StageError, match=r"pixels\.npy has 5 rows, index\.parquet 1"):
        ImageStore.open(folder)
    pd.DataFrame({"id": range(5)}).to_parquet(folder / "index.parquet")
    with pytest.raises(StageError, match="no column source, split"):
        ImageStore.open(folder)


@pytest.mark.parametrize("array", [np.zeros((5, 4, 3), np.uint8), np.zeros((5, 4, 3, 3), np.float32)])
def test_pixels_must_be_pixels(folder: Path, array: np.ndarray) -> None:
    np.save(folder / "pixels.npy", array)
    with pytest.raises(StageError, match="not uint8"):
        ImageStore.open(folder)
