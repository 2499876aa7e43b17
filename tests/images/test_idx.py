"""MNIST's files, packed and unpacked, with labels and splits."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from support import line, little_memory
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.decoding import Cut
from zpoints.images.prepare import prepare
from zpoints.images.source import Source
from zpoints.images.sources import open_source
from zpoints.images.sources.idx import IdxSource


def idx(path: Path, array: np.ndarray, packed: bool = False) -> Path:
    codes = {"uint8": 8, "int32": 12}
    head = bytes([0, 0, codes[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 5), np.uint8)


def mnist(root: Path, packed: bool = False, number: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Train and test as MNIST has them; the pictures and the labels that are in them."""
    gz, x, y = ".gz" * packed, pictures(9, 0), np.arange(9, dtype=np.uint8)
    idx(root / f"train-images-idx3-ubyte{gz}", x[:6], packed)
    idx(root / f"train-labels-idx1-ubyte{gz}", y[:6], packed)
    if number > 1:
        idx(root / f"t10k-images-idx3-ubyte{gz}", x[6:], packed)
        idx(root / f"t10k-labels-idx1-ubyte{gz}", y[6:], packed)
    return x, y


def opened(path: Path, **settings: object) -> Source:
    return open_source(ImageSettings(source=str(path), **settings))


def read(source: Source, start: int, stop: int) -> np.ndarray:
    return np.stack([Cut((6, 5)).picture(opener) for opener in source.openers(start, stop)])[..., 0]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "raw", "MNIST/raw"])
def test_a_folder_gives_train_and_test_with_labels(tmp_path: Path, packed: bool, below: str) -> None:
    x, y = mnist(tmp_path / "d" / below, packed)
    with opened(tmp_path / "d") as source:
        assert isinstance(source, IdxSource)
        assert source.picture_size == (6, 5)
        for start, stop in ((0, 9), (5, 8), (2, 4), (0, 1)):
            np.testing.assert_array_equal(read(source, start, stop), x[start:stop])
        assert source.splits is not None
        assert source.splits.tolist() == [0] * 6 + [2] * 3
        assert source.attributes is not None
        assert source.attributes["label"].tolist() == y.tolist()
    store = prepare(ImageSettings(source=str(tmp_path / "d")), tmp_path / "out")
    np.testing.assert_array_equal(store.pixels[..., 0], x)
    assert (store.index["split"] == "test").tolist() == [False] * 6 + [True] * 3


def test_both_forms_of_a_file_are_one_and_a_single_file_is_alone(tmp_path: Path) -> None:
    mnist(tmp_path, True)
    x, _ = mnist(tmp_path)
    assert len(opened(tmp_path)) == 9
    for name in ("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"):
        with opened(tmp_path / name) as source:
            np.testing.assert_array_equal(read(source, 0, 3), x[6:])
            assert source.splits is None
            assert source.attributes["label"].tolist() == [6, 7, 8]


def test_count_cuts_splits_and_labels_too(tmp_path: Path) -> None:
    mnist(tmp_path)
    with opened(tmp_path, count=7) as source:
        assert source.splits.tolist() == [0] * 6 + [2]
        assert len(source.attributes) == 7


def test_several_sets_in_a_folder_are_not_mixed(tmp_path: Path) -> None:
    for name in ("emnist-letters", "emnist-digits"):
        idx(tmp_path / f"{name}-train-images-idx3-ubyte", pictures(2, 0))
    with pytest.raises(SourceError, match=r"several data sets .emnist-digits, emnist-letters.") as caught:
        opened(tmp_path)
    assert line(caught.value)


def test_labels_of_another_number_are_refused(tmp_path: Path) -> None:
    mnist(tmp_path)
    idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(2, np.uint8))
    with pytest.raises(SourceError, match="2 labels for 3 pictures"):
        opened(tmp_path)


def test_damage_is_one_line(tmp_path: Path) -> None:
    good = idx(tmp_path / "a-images-idx3-ubyte", pictures(9, 0)).read_bytes()
    path = tmp_path / "x-images-idx3-ubyte"
    for content in (b"", good[:3], good[:10], good[:-1], b"PK" + good, good[:4] + b"\xff" * 12):
        for name, data in ((path, content), (path.with_suffix(".gz"), gzip.compress(content))):
            name.write_bytes(data)
            with little_memory(64), pytest.raises(SourceError) as caught, opened(name) as source:
                source.openers(0, len(source))
            assert str(name) in line(caught.value)
