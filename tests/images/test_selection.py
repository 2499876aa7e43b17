"""Files that are left out by their names, before all else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.prepare import key_of, prepare
from zpoints.images.sources import open_source


@pytest.fixture
def mixed(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    """Ten pictures, each with a mask, and thumbnails."""
    for number in range(10):
        for name in (f"{number}.jpg", f"{number}_mask.jpg", f"thumbs/{number}.jpg"):
            (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "p" / name).write_bytes(jpeg(seed=number))
    return tmp_path / "p"


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["*mask*"], 20),
        (["*MASK*"], 30),
        (["thumbs/*"], 20),
        (["*mask*", "thumbs/*"], 10),
        (["[0-4].jpg"], 20),  # by its last part, in every folder
        (["*/[0-4].jpg"], 25),
        (["mask"], 30),
    ],
)
def test_patterns(mixed: Path, patterns: list[str], kept: int) -> None:
    with open_source(ImageSettings(source=str(mixed), leave_out=patterns)) as source:
        assert len(source) == kept
        labels = [source.label(item) for item in range(kept)]
        assert labels == sorted(labels)
        assert len(source.openers(1, kept)) == kept - 1


def test_what_is_left_out_is_said_and_not_counted(mixed: Path, tmp_path: Path) -> None:
    settings = ImageSettings(source=str(mixed), leave_out=["*mask*", "thumbs/*"], count=7)
    store = prepare(settings, tmp_path / "out")
    assert store.index["source"].tolist() == [f"{number}.jpg" for number in range(7)]
    assert store.remarks == ["20 of 30 files are left out by images.leave_out"]
    assert store.details["rejected"] == 0
    alone = prepare(ImageSettings(source=str(mixed), count=1), tmp_path / "alone")
    np.testing.assert_array_equal(store.pixels[0], alone.pixels[0])


def test_other_patterns_are_other_work(mixed: Path) -> None:
    keys = set()
    for patterns in ([], ["*mask*"], ["*/*"]):
        settings = ImageSettings(source=str(mixed), leave_out=patterns)
        with open_source(settings) as source:
            keys.add(key_of(settings, 0, source))
    assert len(keys) == 3


def test_splits_and_attributes_follow(mixed: Path, tmp_path: Path) -> None:
    (root := tmp_path / "celeba").mkdir()
    mixed.rename(root / "img_align_celeba")
    names = [f"{number}{mask}.jpg" for number in range(10) for mask in ("", "_mask")]
    (root / "list_eval_partition.txt").write_text(
        "".join(f"{name} {number % 3}\n" for number, name in enumerate(names))
    )
    settings = ImageSettings(source=str(root), leave_out=["*mask*", "thumbs/*"])
    with open_source(settings) as source:
        assert [source.label(item) for item in range(len(source))] == [
            f"{number}.jpg" for number in range(10)
        ]
        assert source.splits.tolist() == [2 * number % 3 for number in range(10)]


def test_nothing_left_or_no_names_is_one_line(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="leaves nothing of 30 files"):
        open_source(ImageSettings(source=str(mixed), leave_out=["*"]))
    np.save(tmp_path / "a.npy", np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(SourceError, match="numbers, no names"):
        open_source(ImageSettings(source=str(tmp_path / "a.npy"), leave_out=["*"]))
