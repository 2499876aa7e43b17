"""CelebA as downloaded: where its parts may lie, and what a damaged list says."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support import line
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


def as_csv(download: Path) -> None:
    """Turn the lists into those that Kaggle has, beside others of the same form."""
    rows = [line_.split() for line_ in PARTITION.splitlines()]
    text = "image_id,partition\n" + "".join(f"{name},{code}\n" for name, code in rows)
    (download / "list_eval_partition.csv").write_text(text)
    rows = [line_.split() for line_ in ATTRIBUTES.splitlines()[2:]]
    text = "image_id,Bald,Young\n" + "".join(",".join(row) + "\n" for row in rows)
    (download / "list_attr_celeba.csv").write_text(text)
    (download / "list_bbox_celeba.csv").write_text("image_id,x_1\n")
    for name in ("list_eval_partition.txt", "list_attr_celeba.txt"):
        (download / name).unlink()


def deepen(download: Path) -> Path:
    """Put the pictures into a folder of the same name, as Kaggle has them."""
    outer = download / "img_align_celeba"
    outer.rename(download / "inner")
    outer.mkdir()
    (download / "inner").rename(outer / "img_align_celeba")
    return outer


def test_kaggles_lists_beside_a_folder_in_a_folder(download: Path) -> None:
    as_csv(download)
    outer = deepen(download)
    for path in (download, outer, outer / "img_align_celeba"):
        check(opened(path))


def test_kaggles_zip_holds_lists_and_pictures(download: Path, tmp_path: Path) -> None:
    as_csv(download)
    deepen(download)
    (tmp_path / "elsewhere").mkdir()
    path = Path(shutil.make_archive(str(tmp_path / "elsewhere" / "archive"), "zip", download))
    shutil.rmtree(download)
    check(opened(path))
    with opened(path) as source:
        assert len(source) == 9
        assert source.remarks[0] == "CelebA, 9 pictures; the official split; 2 attributes"
        before = source.fingerprint()
    assert opened(Path(shutil.copyfile(path, tmp_path / "copy.zip"))).fingerprint() == before


def drive(download: Path, zipped: Callable[..., Path]) -> Path:
    """Lay the download out as the authors' Drive has it."""
    for folder, file in (("Eval", "list_eval_partition.txt"), ("Anno", "list_attr_celeba.txt")):
        (download / folder).mkdir()
        (download / file).rename(download / folder / file)
    (download / "Img").mkdir()
    zipped(download / "img_align_celeba", download / "Img" / "img_align_celeba.zip")
    shutil.rmtree(download / "img_align_celeba")
    return download


def test_the_authors_drive(download: Path, zipped: Callable[..., Path], tmp_path: Path) -> None:
    root = drive(download, zipped)
    for path in (root, root / "Img", root / "Img" / "img_align_celeba.zip"):
        check(opened(path))
    whole = Path(
        shutil.make_archive(str(tmp_path / "all"), "zip", root)
    )  # the zip of pictures inside is packed
    shutil.rmtree(root)
    check(opened(whole))


def test_torchvisions_root(download: Path, tmp_path: Path) -> None:
    (download / "identity_CelebA.txt").write_text("000.jpg 1\n")
    (tmp_path / "root").mkdir()
    download.rename(tmp_path / "root" / "celeba")
    check(opened(tmp_path / "root"))


def test_a_linked_folder_of_pictures_has_its_lists_beside_the_link(download: Path, tmp_path: Path) -> None:
    (download / "img_align_celeba").rename(tmp_path / "big disk")
    (download / "img_align_celeba").symlink_to(tmp_path / "big disk")
    check(opened(download))
    check(opened(download / "img_align_celeba"))


def test_pictures_under_another_name_and_as_png_are_matched(download: Path) -> None:
    (download / "img_align_celeba").rename(download / "faces")
    for path in sorted((download / "faces").iterdir()):
        path.rename(path.with_suffix(".png"))
    check(opened(download))


def test_only_packed_pictures_say_what_to_do(download: Path) -> None:
    shutil.rmtree(download / "img_align_celeba")
    (download / "Img").mkdir()
    (download / "Img" / "img_celeba.7z.001").write_bytes(b"7z")
    with pytest.raises(SourceError, match="7z x ") as caught:
        open_source(ImageSettings(source=str(download)))
    assert "img_align_celeba.zip, which is read as it is" in line(caught.value)


def test_lists_without_pictures_say_what_is_missing(download: Path) -> None:
    shutil.rmtree(download / "img_align_celeba")
    with pytest.raises(SourceError, match="holds lists and no pictures"):
        open_source(ImageSettings(source=str(download)))


@pytest.mark.parametrize(
    ("file", "content", "where"),
    [
        ("list_eval_partition.csv", "000.jpg,0\n", "line 1: expected the names of the columns"),
        (
            "list_eval_partition.csv",
            "image_id,a,b\n000.jpg,0,0\n",
            "expected the columns image_id and partition",
        ),
        ("list_eval_partition.csv", "image_id,partition\n000.jpg,7\n", "line 2: '7' is not 0, 1 or 2"),
        (
            "list_attr_celeba.csv",
            "image_id,Bald,Bald\n",
            "line 1: expected the names of the attributes, each once",
        ),
        ("list_attr_celeba.csv", "image_id,Bald\n000.jpg\n", "line 2: expected a file name and 1 numbers"),
        ("list_attr_celeba.csv", "", "line 1: expected the names of the columns"),
    ],
)
def test_a_malformed_csv_is_one_line_with_its_place(
    download: Path, file: str, content: str, where: str
) -> None:
    as_csv(download)
    (download / file).write_text(content)
    with pytest.raises(SourceError) as caught:
        opened(download)
    assert file in line(caught.value)
    assert where in str(caught.value)


def test_a_download_below_folders_of_nothing_else_is_found_with_its_lists(
    download: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "archive" / "unpacked" / "data"
    outer.mkdir(parents=True)
    (tmp_path / "archive" / ".DS_Store").write_text("")
    download.rename(outer / "celeba-2015")
    check(opened(tmp_path / "archive"))


def test_pictures_of_the_lists_that_are_not_there_are_counted(download: Path) -> None:
    (download / "img_align_celeba" / "004.jpg").unlink()
    with opened(download) as source:
        assert "1 picture of the lists not there" in source.remarks
    with opened(download, count=3) as source:  # who asks for three misses none
        assert not any("not there" in remark for remark in source.remarks)
