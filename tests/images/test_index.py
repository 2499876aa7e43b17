"""Rows of an index by split and by attribute."""

import numpy as np
import pandas as pd
import pytest

from support import line
from zpoints.errors import ArrayError
from zpoints.images.index import rows_where, write_index


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
