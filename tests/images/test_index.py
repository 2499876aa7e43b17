"""Rows of an index by split and by attribute."""

import numpy as np
import pandas as pd
import pytest

from support import line
from zpoints.errors import ArrayError
from zpoints.images.index import rows_of_split, rows_where, write_index
from zpoints.vectors.latent_set import LatentSet


@pytest.fixture
def path(tmp_path):
    index = pd.DataFrame(
        {
            "id": np.arange(6),
            "split": ["train", "train", "val", "train", "test", "train"],
            "Smiling": np.array([1, 0, 1, 1, 1, 0], np.int8),
            "hair": ["dark", "dark", "red", "red", "red", "dark"],
        }
    )
    write_index(tmp_path / "index.parquet", index)
    return tmp_path / "index.parquet"


def test_conditions_hold_together(path):
    np.testing.assert_array_equal(rows_where(path, "train", []), [0, 1, 3, 5])
    np.testing.assert_array_equal(rows_where(path, "train", ["Smiling=1"]), [0, 3])
    np.testing.assert_array_equal(rows_where(path, "train", ["Smiling=1", "hair=red"]), [3])
    np.testing.assert_array_equal(rows_where(path, "train", ["Smiling=1", "hair=blue"]), [])


@pytest.mark.parametrize("condition", ["Smiling", "Laughing=1", "=1"])
def test_other_conditions_are_refused(path, condition):
    with pytest.raises(ArrayError) as refused:
        rows_where(path, "train", [condition])
    assert "there are id, split, Smiling, hair" in line(refused.value)


@pytest.mark.parametrize("n", [5, 7])
def test_an_index_of_another_length_is_refused_with_both_numbers(path, n):
    vectors = LatentSet.open(np.zeros((n, 2)))
    for rows in (lambda v: rows_of_split(path, "val", v), lambda v: rows_where(path, "val", [], v)):
        with pytest.raises(ArrayError) as refused:
            rows(vectors)
        assert f"6 rows, but the array holds {n} vectors" in line(refused.value)
        six = LatentSet.open(np.zeros((6, 2)), np.array([0, 2, 4]))  # some of six are six
        np.testing.assert_array_equal(rows(six), [2])


def test_an_index_in_another_order_is_refused_by_its_ids(tmp_path):
    path = tmp_path / "index.parquet"
    table = pd.DataFrame({"id": np.arange(6), "split": ["train", "val"] * 3})
    write_index(path, table.sort_values("split"))
    with pytest.raises(ArrayError) as refused:
        rows_of_split(path, "train")
    assert "another order than its column 'id'" in line(refused.value)
    for ids in (
        np.arange(6),
        np.array([40, 7, 9, 1, 3, 2]),
        list("fedcba"),
    ):  # keys of one's own tell nothing
        write_index(path, table.assign(id=ids))
        assert rows_of_split(path, "val").tolist() == [1, 3, 5]


def test_a_table_without_splits_says_what_it_has(tmp_path):
    path = tmp_path / "index.parquet"
    write_index(path, pd.DataFrame({"Split": ["train"], "name": ["a"]}))
    with pytest.raises(ArrayError) as refused:
        rows_of_split(path, "train")
    assert "no column 'split'" in line(refused.value)
    assert "it has Split, name" in str(refused.value)


def test_one_is_one_where_other_numbers_are_missing(tmp_path):
    path = tmp_path / "index.parquet"
    write_index(path, pd.DataFrame({"split": ["train"] * 4, "label": [1.0, np.nan, 2.0, 1.0]}))
    assert rows_where(path, "train", ["label=1"]).tolist() == [0, 3]
    assert rows_where(path, "train", ["label=one"]).tolist() == []
