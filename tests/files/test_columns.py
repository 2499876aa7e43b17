"""Which columns of a table are components, and what is said about the others."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support import line
from zpoints.errors import ArrayError
from zpoints.files.arrays import open_rows

Z = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
FLOATS = {f"z{c}": Z[:, c] for c in range(4)}
COUNT = np.arange(50)
TEXTS = ["x.jpg"] * 50

TABLES = {
    "keys and texts": ({"id": COUNT, **FLOATS, "label": COUNT % 3, "path": TEXTS}, ["id", "label", "path"]),
    "a label with fractions": ({**FLOATS, "class": COUNT / 2}, ["class"]),
    "counts beside fractions": ({**FLOATS, "width": COUNT}, ["width"]),
    "other spellings": ({"ImageId": COUNT * 1.5, "image_idx": COUNT, "Unnamed: 0": COUNT, **FLOATS}, None),
    "dates and truth": (
        {"day": pd.date_range("2020", periods=50), **FLOATS, "seen": COUNT > 3},
        ["day", "seen"],
    ),
    "lists": ({"emb": list(Z), "x": Z[:, 0], "label": COUNT}, ["x", "label"]),
    "large lists": ({"emb": pa.array(list(Z), pa.large_list(pa.float32())), "n": COUNT}, ["n"]),
    "fixed lists": ({"emb": pa.array(list(Z), pa.list_(pa.float32(), 4)), "n": COUNT}, ["n"]),
    "halves": ({"emb": pa.array(list(Z.astype(np.float16)), pa.list_(pa.float16()))}, []),
    "decimals": (
        {name: pa.array(values.round(3)).cast(pa.decimal128(9, 3)) for name, values in FLOATS.items()},
        [],
    ),
}


def written(path: Path, columns: dict) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("name", TABLES)
def test_components_are_found_and_the_rest_is_named(tmp_path, name):
    columns, left = TABLES[name]
    rows = open_rows(written(tmp_path / "z.parquet", columns))
    expected = {"halves": Z.astype(np.float16), "decimals": Z.round(3).astype(float)}.get(name, Z)
    np.testing.assert_allclose(rows[0:50], expected, rtol=1e-6 if name == "decimals" else 0)
    left = [column for column in columns if not column.startswith("z")] if left is None else left
    assert list(rows.left_out) == left
    assert len(rows.notes) == bool(left)
    for column in left:
        assert column in rows.notes[0].partition("left out: ")[2]


def test_whole_numbers_alone_are_components_unless_they_are_keys(tmp_path):
    rows = open_rows(written(tmp_path / "z.parquet", {"id": COUNT, "a": COUNT, "b": COUNT**2}))
    np.testing.assert_array_equal(rows[7:8], [[7, 49]])
    with pytest.raises(ArrayError) as refused:
        open_rows(written(tmp_path / "z.parquet", {"label": COUNT, "text": TEXTS}))
    assert "label (whole number, a key by its name), text (text)" in line(refused.value)


def test_points_of_the_plane_keep_their_y(tmp_path):
    assert open_rows(written(tmp_path / "z.parquet", {"x": Z[:, 0], "y": Z[:, 1]})).shape == (50, 2)
    assert open_rows(written(tmp_path / "z.parquet", {**FLOATS, "y": Z[:, 1]})).left_out == ("y",)


def test_the_index_that_pandas_notes_is_none(tmp_path):
    frame = pd.DataFrame(FLOATS, index=pd.Index(Z[:, 0], name="when"))
    frame.to_parquet(tmp_path / "z.parquet")
    rows = open_rows(tmp_path / "z.parquet")
    assert rows.left_out == ("when",)
    assert "an index" in rows.notes[0]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("z*", ["z0", "z1", "z2", "z3"]),
        ("z2, z0", ["z0", "z2"]),
        (["label", "z1"], ["z1", "label"]),
        ("z[01]", ["z0", "z1"]),
        ("odd[0]", ["odd[0]"]),
    ],
)
def test_columns_are_chosen_by_names_and_patterns(tmp_path, wanted, names):
    columns = {**FLOATS, "label": COUNT, "odd[0]": Z[:, 0], "odd0": Z[:, 1], "path": TEXTS}
    rows = open_rows(written(tmp_path / "z.parquet", columns), wanted)
    assert list(rows.names) == names
    assert not rows.notes  # who chooses need not be told
    np.testing.assert_array_equal(rows[0:50], np.stack([columns[name] for name in names], axis=1))
    text = wanted if isinstance(wanted, str) else ",".join(wanted)
    assert open_rows(f"{tmp_path / 'z.parquet'}::{text}").names == rows.names


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("w*", "no column 'w*'; there are a, b, n, t"), ("t", "'t' holds text"), ("a,n", "a holds whole vectors"),
     (None, "which column? a, b hold lists")],
)  # fmt: skip
def test_what_cannot_be_chosen(tmp_path, wanted, said):
    path = written(tmp_path / "z.parquet", {"a": list(Z), "b": list(Z), "n": COUNT, "t": TEXTS})
    with pytest.raises(ArrayError) as refused:
        open_rows(path, wanted)
    assert said in line(refused.value)
    assert open_rows(path, "b").shape == (50, 4)


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(Z[:, 0]), pa.array(Z[:, 1])], names=["z", "z"])
    pq.write_table(table, tmp_path / "z.parquet")
    with pytest.raises(ArrayError) as refused:
        open_rows(tmp_path / "z.parquet")
    assert "2 columns are called 'z'" in line(refused.value)


def test_lists_of_lists_and_tensors_have_their_shape(tmp_path):
    deep = np.arange(2 * 50 * 3, dtype=np.float32).reshape(50, 2, 3)
    nested = pa.array(deep.tolist(), pa.list_(pa.list_(pa.float32())))
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(deep)
    for column in (nested, tensor):
        rows = open_rows(written(tmp_path / "z.parquet", {"z": column}))
        assert rows.shape == (50, 2, 3)
        np.testing.assert_array_equal(rows[11:40], deep[11:40])
        np.testing.assert_array_equal(np.concatenate(list(rows.blocks(7))), deep)


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ([[1.0, 2], [3, 4], [5, 6, 7]], "row 2 has 3 items where row 0 has 2"),
        ([[1.0, 2], None, [3, 4]], "row 1 has no vector"),
        ([None, [1.0, 2]], "row 0 has no vector"),
        ([[[1.0, 2], [3, 4]], [[5, 6], [7]]], "row 1 has 1 items"),
        ([[[1.0, 2], [3, 4]], [[5, 6], None]], "row 1 has no vector"),
    ],
)
def test_ragged_lists_are_refused_with_their_row(tmp_path, lists, said):
    path = written(tmp_path / "z.parquet", {"z": lists})
    with pytest.raises(ArrayError) as refused:
        list(open_rows(path).blocks(2))
    assert said in line(refused.value)


def test_a_number_that_is_missing_in_a_list_is_nan(tmp_path):
    for kind in (pa.float32(), pa.int64()):
        rows = open_rows(
            written(tmp_path / "z.parquet", {"z": pa.array([[1, None], [3, 4]], pa.list_(kind))})
        )
        np.testing.assert_array_equal(np.concatenate(list(rows.blocks(1))), [[1, np.nan], [3, 4]])
        assert rows[0:1].dtype == rows[1:2].dtype == rows.dtype


def test_numbered_columns_are_the_vector_and_a_loss_beside_them_is_named(tmp_path):
    columns = {"loss": Z[:, 0], **FLOATS, "age": Z[:, 1], "z4": COUNT * 0}  # a component that is always 0
    rows = open_rows(written(tmp_path / "z.parquet", columns))
    assert list(rows.names) == [*FLOATS, "z4"]
    assert rows.left_out == ("loss", "age")
    assert "loss (a number beside those that are numbered)" in rows.notes[0]


def test_all_numbers_are_components_where_few_are_numbered(tmp_path):
    columns = {"acid": Z[:, 0], "sugar": Z[:, 1], "s1": Z[:, 2], "s2": Z[:, 3]}
    rows = open_rows(written(tmp_path / "z.parquet", columns))
    assert list(rows.names) == list(columns)
    assert "acid, sugar too, though s1 to s2 are numbered" in rows.notes[0]


@pytest.mark.parametrize(
    ("columns", "said", "chosen"),
    [
        ({f"{part}_{c}": Z[:, c] for part in ("mu", "var") for c in range(4)}, "mu_0 to mu_3, var_0 to var_3", "mu*"),
        ({**{f"z{c}": COUNT for c in range(4)}, "score": Z[:, 0]}, "z0 to z3, score", "z*"),  # quantised, or counts?
        ({"box": COUNT[:, None].repeat(4, 1).tolist(), **FLOATS}, "box holds lists of whole numbers, and z0", "box"),
    ],
)  # fmt: skip
def test_the_user_chooses_where_numbers_do_not_tell(tmp_path, columns, said, chosen):
    path = written(tmp_path / "z.parquet", columns)
    with pytest.raises(ArrayError) as refused:
        open_rows(path)
    assert "which columns?" in line(refused.value)
    assert said in str(refused.value)
    assert open_rows(path, chosen).shape == (50, 4)


def test_lists_of_tokens_do_not_stand_against_a_vector(tmp_path):
    rows = open_rows(written(tmp_path / "z.parquet", {"input_ids": [[1, 2]] * 50, "emb": list(Z)}))
    assert rows.names == ("emb",)
    assert rows.left_out == ("input_ids",)


@pytest.mark.parametrize(
    "vectors", [[str(row.tolist()) for row in Z], [str(row) for row in Z], [{"a": 0.5, "b": 1.5}] * 50]
)
def test_what_lies_beside_vectors_that_are_not_read_is_not_measured(tmp_path, vectors):
    path = written(tmp_path / "z.parquet", {"score": Z[:, 0], "emb": vectors})
    with pytest.raises(ArrayError) as refused:
        open_rows(path)
    assert "column 'emb' holds" in line(refused.value)
    assert open_rows(path, "score").shape == (50, 1)
    code = str(refused.value).partition('-c "')[2].partition('"')[0]
    exec(code.replace("'z.parquet'", repr(str(tmp_path / "new.parquet"))))
    assert open_rows(tmp_path / "new.parquet", "*b").shape[0] == 50
    assert open_rows(path, "score").notes == ()
