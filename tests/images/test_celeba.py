"""CelebA as downloaded: where its parts may lie, and what a damaged list says."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.decoding import Cut
from zpoints.images.sources import open_source
from zpoints.images.sources.celeba import CelebASource

PARTITION = "".join(f"{number:03d}.jpg {min(2, number // 3)}\n" for number in range(9))
ATTRIBUTES = "9\nBald Young \n" + "".join(
    f"{number:03d}.jpg {1 if number % 2 else -1:2d} -1\n" for number in range(9)
)


@pytest.fixture
def download(picture_folder: Callable[..., Path], tmp_path: Path) -> Path:
    """Lay out nine pictures in img_align_celeba/, and the two lists beside it."""
    root = tmp_path / "celeba"
    root.mkdir()
    picture_folder(9).rename(root / "img_align_celeba")
    (root / "list_eval_partition.txt").write_text(PARTITION)
    (root / "list_attr_celeba.txt").write_text(ATTRIBUTES)
    return root


def opened(path: Path, **settings: object) -> CelebASource:
    source = open_source(ImageSettings(source=str(path), **settings))
    assert isinstance(source, CelebASource)
    return source


def check(source: CelebASource) -> None:
    with source:
        assert source.splits.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
        assert list(source.attributes.columns) == ["Bald", "Young"]
        assert (source.attributes.dtypes == np.int8).all()
        assert source.attributes["Bald"].tolist() == [-1, 1] * 4 + [-1]
        assert source.attributes["Young"].tolist() == [-1] * 9
        assert source.natural_size == (96, 96)
        assert all(isinstance(Cut((4, 4)).picture(opener), np.ndarray) for opener in source.openers(0, 9))


def test_folder_of_the_download(download: Path) -> None:
    check(opened(download))
    check(opened(download / "img_align_celeba"))


def test_zip_of_the_download(download: Path, zipped: Callable[..., Path]) -> None:
    path = zipped(download / "img_align_celeba", download / "img_align_celeba.zip")
    shutil.rmtree(download / "img_align_celeba")
    check(opened(download))
    check(opened(path))


def test_the_official_subfolders(download: Path) -> None:
    for folder, file in (("Eval", "list_eval_partition.txt"), ("Anno", "list_attr_celeba.txt")):
        (download / folder).mkdir()
        (download / file).rename(download / folder / file)
    check(opened(download))
    (download / "Img").mkdir()
    (download / "img_align_celeba").rename(download / "Img" / "img_align_celeba")
    check(opened(download / "Img"))


def test_lists_are_optional(download: Path) -> None:
    (download / "list_eval_partition.txt").unlink()
    source = opened(download)
    assert source.splits is None
    assert source.attributes is not None
    (download / "list_attr_celeba.txt").unlink()
    assert opened(download).attributes is None


def test_order_of_the_list_does_not_matter(download: Path) -> None:
    path = download / "list_eval_partition.txt"
    path.write_text("\n".join(reversed(PARTITION.splitlines())) + "\n\n")
    check(opened(download))


def test_unlisted_pictures_are_rejected(download: Path) -> None:
    (download / "list_eval_partition.txt").write_text("".join(PARTITION.splitlines(True)[1:]))
    source = opened(download)
    results = [Cut((4, 4)).picture(opener) for opener in source.openers(0, 2)]
    assert results[0] == "not in list_eval_partition.txt"
    assert isinstance(results[1], np.ndarray)


def test_fingerprint_follows_the_lists(download: Path) -> None:
    before = opened(download).fingerprint()
    (download / "list_eval_partition.txt").write_text(PARTITION + "009.jpg 0\n")
    assert opened(download).fingerprint() != before


def test_a_copy_of_the_download_is_the_same_source(download: Path, zipped: Callable[..., Path]) -> None:
    zipped(download / "img_align_celeba", download / "img_align_celeba.zip")
    shutil.rmtree(download / "img_align_celeba")
    # copyfile gives new dates
    copy = shutil.copytree(download, download.parent / "copy", copy_function=shutil.copyfile)
    assert opened(copy).fingerprint() == opened(download).fingerprint()


@pytest.mark.parametrize(
    ("file", "content", "where"),
    [
        ("list_eval_partition.txt", "000.jpg 0\n001.jpg 3\n", "line 2: '3' is not 0, 1 or 2"),
        ("list_eval_partition.txt", "000.jpg 0\n001.jpg\n", "line 2: expected a file name and 1 numbers"),
        ("list_eval_partition.txt", "000.jpg 0\n000.jpg 0\n", "names a picture twice"),
        ("list_eval_partition.txt", "", "lists no picture"),
        ("list_eval_partition.txt", "\xff\xfe", "cannot be read as text"),
        ("list_attr_celeba.txt", "Bald\n", "line 1: expected the number of pictures"),
        ("list_attr_celeba.txt", "1\nBald Bald\n", "line 2: expected the names of the attributes, each once"),
        (
            "list_attr_celeba.txt",
            "1\nBald split\n",
            "line 2: expected the names of the attributes, each once",
        ),
        ("list_attr_celeba.txt", "1\nBald\n000.jpg 7\n", "line 3: '7' is not -1, 0 or 1"),
        ("list_attr_celeba.txt", "1\nBald\n000.jpg 1 1\n", "line 3: expected a file name and 1 numbers"),
        ("list_attr_celeba.txt", "2\nBald\n000.jpg 1\n", "line 1: announces 2 pictures, but 1 follow"),
        ("list_attr_celeba.txt", "", "line 1: expected the number of pictures"),
    ],
)
def test_malformed_list_is_one_line_with_its_place(
    download: Path, file: str, content: str, where: str
) -> None:
    (download / file).write_bytes(content.encode("latin-1"))
    with pytest.raises(SourceError) as caught:
        opened(download)
    assert file in str(caught.value)
    assert where in str(caught.value)
    assert "\n" not in str(caught.value)
