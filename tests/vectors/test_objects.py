"""Vectors out of whatever holds them in Python: the same numbers, or one line."""

import warnings

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from support import line
from zpoints.errors import ArrayError, LeftOutWarning
from zpoints.samplers import Normal
from zpoints.vectors.latent_set import LatentSet

Z = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
FRAME = pd.DataFrame(Z, columns=list("abcd"))


class Holds:
    def __array__(self, dtype=None, copy=None):  # type: ignore[no-untyped-def]
        return Z


SAME = {
    "tensor": torch.tensor(Z),
    "with gradients": torch.tensor(Z, requires_grad=True),
    "float64 with gradients": torch.tensor(Z).double().requires_grad_(),
    "list of tensors with gradients": list(torch.tensor(Z, requires_grad=True)),
    "list": Z.tolist(),
    "tuples": tuple(map(tuple, Z)),
    "list of arrays": list(Z),
    "array of arrays": np.array([*Z, None], dtype=object)[:-1],
    "objects": Z.astype(object),
    "long double": Z.astype(np.longdouble),
    "other byte order": Z.astype(">f4"),
    "not masked": np.ma.array(Z),
    "matrix": np.matrix(Z),
    "back to front": Z[::-1][::-1],
    "__array__": Holds(),
    "records": FRAME.to_records(index=False),
    "pandas": FRAME,
    "pandas, nullable": FRAME.astype("Float32"),
    "pandas, Arrow": FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "pandas, objects": FRAME.astype(object),
    "pandas, numbered columns": pd.DataFrame(Z),
    "pandas, lists": pd.DataFrame({"emb": list(Z)}),
    "series of lists": pd.Series(Z.tolist()),
    "polars": pl.DataFrame(Z, schema=list("abcd")),
    "polars, lists": pl.DataFrame({"e": Z.tolist()}),
    "polars, arrays": pl.DataFrame({"e": Z}, schema={"e": pl.Array(pl.Float32, 4)}),
    "polars series": pl.Series("e", Z.tolist()),
    "Arrow": pa.table({name: FRAME[name] for name in FRAME}),
    "Arrow batch": pa.record_batch({name: FRAME[name] for name in FRAME}),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_numbers(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is left out
        found = LatentSet.open(SAME[name])
    np.testing.assert_array_equal(found.array(), Z)
    np.testing.assert_array_equal(np.concatenate(list(found.blocks(7))), Z)
    assert found.reader.dtype.itemsize <= 8


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float8_e5m2])
def test_tensors_of_low_precision(kind):
    tensor = torch.tensor(Z).to(kind)
    np.testing.assert_array_equal(LatentSet.open(tensor).array(), tensor.double().numpy())


LEFT = {
    "texts": (FRAME.assign(id="x"), ["id"]),
    "a key": (FRAME.assign(image_id=range(80)), ["image_id"]),
    "categories and dates": (
        FRAME.assign(kind=pd.Categorical(["a"] * 80), day=pd.Timestamp("2020")), ["kind", "day"],
    ),
    "records": (FRAME.assign(id=range(80)).to_records(index=False), ["id"]),
    "lists": (pd.DataFrame({"emb": list(Z), "label": range(80)}), ["label"]),
    "polars": (pl.DataFrame(Z, schema=list("abcd")).with_columns(t=pl.lit("x"), n=1), ["t", "n"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_columns_that_are_left_out_are_warned_of(name):
    source, left = LEFT[name]
    with pytest.warns(LeftOutWarning) as warned:
        found = LatentSet.open(source)
    np.testing.assert_array_equal(found.array(), Z)
    assert [str(each.message) for each in warned] == list(found.notes)
    assert list(found.reader.left_out) == left
    assert f"{len(left)} column(s) left out" in repr(found)


def test_columns_are_chosen():
    np.testing.assert_array_equal(LatentSet.open(FRAME.assign(id=1), columns="[bd]").array(), Z[:, [1, 3]])
    found = LatentSet.open(pl.DataFrame({"a": Z.tolist(), "b": Z.tolist(), "c": [1] * 80}), columns="b")
    np.testing.assert_array_equal(found.array(), Z)
    for source in (Z, found, torch.tensor(Z)):
        with pytest.raises(ArrayError, match="columns"):
            LatentSet.open(source, columns="a")


def test_numbers_that_are_missing_in_a_table_are_nan():
    holes = FRAME.astype("Float64").mask(FRAME > 2)
    np.testing.assert_array_equal(LatentSet.open(holes).array(), FRAME.mask(FRAME > 2).to_numpy())


def masked(at: object) -> np.ma.MaskedArray:
    found = np.ma.array(Z.copy())
    found[at] = np.ma.masked
    return found


REFUSED = {
    "masked": (masked(np.s_[::4]), "80 of 320 values are masked"),
    "list of masked": (list(masked(np.s_[3, 1])), "values are masked"),
    "ragged": ([[1.0, 2], [3.0]], "row 1 has shape (1,), row 0 (2,)"),
    "ragged tensors": ([torch.zeros(2), torch.zeros(3)], "row 1 has shape (3,)"),
    "ragged series": (pd.Series([[1.0, 2], [3.0]]), "row 1 has 1 items"),
    "sparse": (scipy.sparse.csr_matrix(Z), "sparse"),
    "sparse tensor": (torch.tensor(Z).to_sparse(), ".to_dense()"),
    "a dict": ({"z": Z}, "is a dict of z"),
    "a generator": ((row for row in Z), "is a generator"),
    "a set": ({1, 2}, "is a set"),
    "complex": (Z.astype(complex), "Complex data"),
    "complex tensor": (torch.tensor(Z).to(torch.complex64), "Complex data"),
    "truths": (Z > 0, "not numeric"),
    "texts": (np.array([["a", "b"]] * 3), "not numeric"),
    "too long": (Z.astype(np.longdouble) * np.longdouble("1e4000"), "too large for float64"),
    "lazy": (pl.LazyFrame({"a": Z[:, 0]}), ".collect()"),
    "only texts": (pd.DataFrame({"a": ["x"] * 9}), "a (text)"),
    "None": (None, "0 dimension"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_one_line(name):
    source, said = REFUSED[name]
    with pytest.raises(ArrayError) as refused:
        LatentSet.open(source).array()
    assert said in line(refused.value)


def test_a_dataset_is_read_as_it_is_asked_for(tmp_path):
    with h5py.File(tmp_path / "z.h5", "w") as file:
        dataset = file.create_dataset("z", data=Z)
        found = LatentSet.open(dataset)
        assert found.reader.rows is dataset
        np.testing.assert_array_equal(found.array(), Z)


def test_samplers_take_the_components_of_a_table_only():
    table = FRAME.assign(path="x.jpg", label=range(80))
    with pytest.warns(LeftOutWarning):
        sampler = Normal().fit(table)
    assert sampler.feature_names_in_.tolist() == list("abcd")
    expected = Normal().fit(FRAME).score_samples(FRAME)
    np.testing.assert_allclose(sampler.score_samples(table), expected)
    np.testing.assert_allclose(sampler.score_samples(FRAME), expected)
    whole = table.assign(a=table["a"].round().astype(int))  # is a component still, as in the fit
    np.testing.assert_allclose(
        sampler.score_samples(whole), sampler.score_samples(FRAME.assign(a=whole["a"] * 1.0))
    )
    with pytest.raises(ArrayError, match="columns are not those of the fit"):
        sampler.score_samples(table.assign(e=0.5))
    for bad in ("masked", "ragged"):
        with pytest.raises(ArrayError) as refused:
            sampler.score_samples(REFUSED[bad][0])
        assert REFUSED[bad][1] in line(refused.value)
    np.testing.assert_allclose(sampler.score_samples(torch.tensor(Z, requires_grad=True)), expected)
