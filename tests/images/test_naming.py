"""What names of files and folders say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpoints.files.names import natural
from zpoints.images.naming import (
    by_folder,
    by_word,
    free_names,
    is_hidden,
    is_picture,
    sorted_by_split,
    split_in,
    tidy,
)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("train-00000-of-00002.parquet", 0),
        ("data/validation-00000-of-00001.parquet", 1),
        ("valid.parquet", 1),
        ("default/test/0000.parquet", 2),
        ("imagenet-train-000001.tar", 0),
        ("cifar10_test.tar", 2),
        ("train10.tar", 0),
        ("latest.tar", None),
        ("pretrained-contest.tar", None),
        ("train-test.tar", None),
        ("0000.parquet", None),
    ],
)
def test_the_split_in_a_path(path: str, code: int | None) -> None:
    assert split_in(path) == code


def test_parts_of_one_split_or_without_train_are_no_official_split() -> None:
    assert sorted_by_split([0, 0], [2, 3]) == (None, "")
    assert sorted_by_split([1, 2], [2, 3]) == (None, "")
    assert sorted_by_split([None], [2]) == (None, "")
    codes, remark = sorted_by_split([0, None, 2], [1, 2, 1])
    assert codes is not None
    assert codes.tolist() == [0, 0, 0, 2]
    assert remark == "1 of 3 files name no split, and count as train"


@pytest.mark.parametrize(
    ("labels", "splits", "classes"),
    [
        (["a.png", "b.png"], None, None),
        (["x/a.png", "x/b.png"], None, None),
        (["cat/1.png", "dog/1.png"], None, ["cat", "dog"]),
        (["top/cat/1.png", "top/dog/deep/1.png"], None, ["cat", "dog"]),
        (["cat/1.png", "2.png", "dog/1.png"], None, ["cat", None, "dog"]),
        (["train/cat/1.png", "train/dog/1.png", "Test/cat/1.png"], [0, 0, 2], ["cat", "dog", "cat"]),
        (["train/1.png", "val/1.png", "test/1.png"], [0, 1, 2], None),
        (["images/train/1.png", "images/val/1.png", "labels/train/1.txt"], [0, 1, 0], None),
        (["train/1.png", "train/2.png"], None, None),
        (["test/1.png", "val/2.png"], None, ["test", "val"]),
        (["train/1.png", "test/1.png", "extra/1.png"], None, ["train", "test", "extra"]),
        (["readme.txt", "train/a/1.png", "test/b/1.png"], [0, 0, 2], [None, "a", "b"]),
    ],
)
def test_splits_and_classes_by_folder(
    labels: list[str], splits: list[int] | None, classes: list[str | None] | None
) -> None:
    found = by_folder(labels)
    assert (None if found.splits is None else found.splits.tolist()) == splits
    there = None if found.attributes is None else found.attributes["class"]
    assert (None if there is None else [None if x != x else x for x in there]) == classes
    assert ("class" in found.mark) == (classes is not None)
    assert any("class" in remark for remark in found.remarks) == (classes is not None)


def test_folders_of_splits_beside_others_are_said_to_be_classes() -> None:
    remarks = by_folder(["train/1.png", "test/1.png", "extra/1.png"]).remarks
    assert remarks[0].startswith("folders of splits lie beside others, and count as classes")


def test_a_column_of_words_for_splits() -> None:
    codes = by_word(["train", "Valid", "test", "train"])
    assert codes is not None
    assert codes.tolist() == [0, 1, 2, 0]
    assert by_word(["train", "train"]) is None
    assert by_word(["train", "other"]) is None
    assert by_word(["train", None]) is None


@given(st.lists(st.sampled_from(["", "id", "id_there", "source", "split", "column", "a"]), unique=True))
def test_free_names_are_free_and_differ(names: list[str]) -> None:
    free = free_names(names)
    assert list(free) == names
    assert len(set(free.values())) == len(names)
    assert not {"id", "source", "split", ""} & set(free.values())


@given(st.lists(st.integers(0, 10**6), max_size=20, unique=True))
def test_natural_order_is_that_of_the_numbers(numbers: list[int]) -> None:
    names = [f"shard-{number}.tar" for number in numbers]
    assert sorted(names, key=natural) == [f"shard-{number}.tar" for number in sorted(numbers)]


@given(st.text("a1²09٣/-"), st.text("a1²09٣/-"))
def test_any_two_names_can_be_sorted(a: str, b: str) -> None:
    assert (natural(a) < natural(b)) or (natural(a) >= natural(b))


def test_names_are_tidied_and_system_files_known() -> None:
    assert tidy("a\\b\\c.png") == "a/b/c.png"
    assert tidy("./a/./b.png") == "a/b.png"
    assert tidy("a\\") == "a/"
    for name in ("__MACOSX/a/._1.jpg", "a/Thumbs.db", "desktop.ini", ".git/x", "a/../b.png"):
        assert is_hidden(name)
    assert not is_hidden("a/b.png")
    assert is_picture("A/B.JPG")
    assert not is_picture("jpg")
    assert np.array_equal(by_folder([]).remarks, ())


@pytest.mark.parametrize(
    ("labels", "splits", "classes"),
    [
        (["cat/train/1.png", "dog/train/1.png", "cat/test/1.png"], [0, 0, 2], ["cat", "dog", "cat"]),
        (["d/train_images/1.png", "d/test_images/2.png"], [0, 2], None),
        (["cat/train/1.png", "dog/other/1.png"], None, ["cat", "dog"]),
        (["cat/train/1.png", "dog/1.png"], None, ["cat", "dog"]),
    ],
)
def test_splits_below_classes_and_within_names(
    labels: list[str], splits: list[int] | None, classes: list[str] | None
) -> None:
    found = by_folder(labels)
    assert (None if found.splits is None else found.splits.tolist()) == splits
    assert (None if found.attributes is None else found.attributes["class"].tolist()) == classes
