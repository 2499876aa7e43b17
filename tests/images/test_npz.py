"""One array, or one for each split, of a .npz file; and the labels beside them."""

from pathlib import Path

import numpy as np
import pytest

from support import line
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.decoding import Cut
from zpoints.images.prepare import prepare
from zpoints.images.source import Source
from zpoints.images.sources import open_source


def pictures(count: int, seed: int = 0, channels: tuple[int, ...] = ()) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 5, *channels), np.uint8)


def opened(path: Path, **arrays: np.ndarray) -> Source:
    np.savez_compressed(path, **arrays)
    return open_source(ImageSettings(source=str(path)))


def read(source: Source, start: int, stop: int) -> np.ndarray:
    return np.stack([Cut((6, 5)).picture(opener) for opener in source.openers(start, stop)])


@pytest.mark.parametrize(
    "names",
    [("x_train", "x_test"), ("train_images", "test_images"), ("X_train", "X_test"), ("trainX", "testX"),
     ("train", "test"), ("images_train", "images_test"), ("train_x", "test_x")],
)  # fmt: skip
def test_train_and_test_are_the_official_split(tmp_path: Path, names: tuple[str, str]) -> None:
    x = pictures(12)
    with opened(tmp_path / "x.npz", **{names[1]: x[8:], names[0]: x[:8]}) as source:
        assert source.splits is not None
        assert source.splits.tolist() == [0] * 8 + [2] * 4
        np.testing.assert_array_equal(read(source, 0, 12)[..., 0], x)
        np.testing.assert_array_equal(read(source, 6, 10)[..., 0], x[6:10])
        np.testing.assert_array_equal(read(source, 2, 4)[..., 0], x[2:4])
        assert source.attributes is None


def test_keras_mnist(tmp_path: Path) -> None:
    x, y = pictures(40), np.arange(40, dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    store = prepare(ImageSettings(source=str(tmp_path / "mnist.npz"), validation=0.1), tmp_path / "out")
    assert store.index["label"].tolist() == y.tolist()
    split = store.index["split"].tolist()
    assert split[30:] == ["test"] * 10
    assert sorted(split[:30]) == ["train"] * 27 + ["val"] * 3
    np.testing.assert_array_equal(store.pixels[..., 0], x)


@pytest.mark.parametrize("width", [1, 3])
def test_medmnist_with_one_or_several_labels(tmp_path: Path, width: int) -> None:
    arrays = {}
    for code, name in enumerate(("train", "val", "test")):
        arrays[f"{name}_images"] = pictures(5, code, (3,))
        arrays[f"{name}_labels"] = np.arange(5 * width).reshape(5, width) + code
    with opened(tmp_path / "x.npz", **arrays) as source:
        assert source.splits.tolist() == [0] * 5 + [1] * 5 + [2] * 5
        expected = np.concatenate([arrays[f"{name}_labels"] for name in ("train", "val", "test")])
        names = ["label"] if width == 1 else ["label_0", "label_1", "label_2"]
        assert list(source.attributes.columns) == names
        np.testing.assert_array_equal(source.attributes.to_numpy(), expected)


def test_labels_beside_one_array(tmp_path: Path) -> None:
    with opened(tmp_path / "x.npz", images=pictures(4), labels=np.arange(4)) as source:
        assert source.attributes["label"].tolist() == [0, 1, 2, 3]
        assert source.splits is None
    for labels in (np.arange(5), np.zeros((4, 100)), np.array(list("abcd"), "S1")):
        assert opened(tmp_path / "x.npz", images=pictures(4), labels=labels).attributes is None


def test_the_only_stack_of_pictures_is_meant(tmp_path: Path) -> None:
    with opened(tmp_path / "x.npz", faces=pictures(4), names=np.array(list("abcd"))) as source:
        assert len(source) == 4


def test_several_stacks_ask_which(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="which array holds the pictures") as caught:
        opened(tmp_path / "x.npz", a=pictures(4), b=pictures(4))
    assert "a (4, 6, 5) uint8" in line(caught.value)
    with pytest.raises(SourceError, match="which array holds the pictures"):
        opened(tmp_path / "x.npz", x_train=pictures(4), train_images=pictures(4), x_test=pictures(2))


def test_pictures_of_different_shapes_are_not_one_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="hold pictures that differ") as caught:
        opened(tmp_path / "x.npz", x_train=pictures(4), x_test=pictures(4)[:, :4])
    assert "4x6x5" in line(caught.value)


def test_count_cuts_splits_and_labels(tmp_path: Path) -> None:
    x, y = pictures(12), np.arange(12)
    np.savez(tmp_path / "x.npz", x_train=x[:8], x_test=x[8:], y_train=y[:8], y_test=y[8:])
    source = open_source(ImageSettings(source=str(tmp_path / "x.npz"), count=10))
    assert source.splits.tolist() == [0] * 8 + [2] * 2
    assert source.attributes["label"].tolist() == list(range(10))


def test_labels_of_some_splits_and_arrays_that_are_not_used_are_said(tmp_path: Path) -> None:
    arrays = {"x_train": pictures(6), "y_train": np.array(["cat", "dog"] * 3), "x_test": pictures(4)}
    with opened(tmp_path / "x.npz", **arrays, y_test=np.arange(3), masks=np.zeros((10, 2))) as source:
        assert source.attributes is not None
        assert source.attributes["label"].fillna("").tolist() == ["cat", "dog"] * 3 + [""] * 4
        said = "; ".join(source.remarks)
        assert "none for x_test" in said
        assert "not used: y_test (3,), masks (10, 2)" in said
