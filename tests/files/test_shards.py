"""Many files as one array."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support import line
from zpoints.errors import ArrayError
from zpoints.files.arrays import files_behind, open_rows
from zpoints.vectors.latent_set import LatentSet

Z = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)


def parts(folder: Path, name: str = "part-{}.npy", count: int = 12) -> Path:
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(np.split(Z, count)):
        np.save(folder / name.format(number), part)
    return folder


def frame(rows: slice) -> pd.DataFrame:
    return pd.DataFrame(Z[rows], columns=list("abc"))


def refusal(source: Path | str, **more: object) -> str:
    with pytest.raises(ArrayError) as refused:
        open_rows(source, **more)
    return line(refused.value)


def test_a_pattern_in_natural_order_and_in_whole_blocks(tmp_path):
    parts(tmp_path / "z")
    rows = open_rows(str(tmp_path / "z" / "part-*.npy"))
    blocks = list(rows.blocks(32))
    assert [len(block) for block in blocks] == [32, 32, 32, 24]  # the files' ends do not show
    np.testing.assert_array_equal(np.concatenate(blocks), Z)
    np.testing.assert_array_equal(rows[8:31], Z[8:31])
    np.testing.assert_array_equal(rows[3:5], Z[3:5])
    assert "12 file(s), part-0.npy to part-11.npy" in rows.notes[0]
    assert len(files_behind(str(tmp_path / "z" / "part-*.npy"))) == 12


def test_more_files_than_a_process_may_have_open(tmp_path):
    import resource

    parts(tmp_path / "z", count=120)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        np.testing.assert_array_equal(LatentSet.open(tmp_path / "z").array(), Z)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_folder_as_spark_writes_it(tmp_path):
    for key, rows in (("a", slice(0, 50)), ("b", slice(50, 120))):
        folder = tmp_path / "z.parquet" / f"kind={key}"
        folder.mkdir(parents=True)
        frame(rows).to_parquet(folder / "part-00000.snappy.parquet")
    for name in ("_SUCCESS", "_metadata", ".part-00000.snappy.parquet.crc"):
        (tmp_path / "z.parquet" / name).write_bytes(b"x")
    rows = open_rows(tmp_path / "z.parquet")
    np.testing.assert_array_equal(rows[0:120], Z)


def test_columns_are_those_of_the_first_file_in_their_order(tmp_path):
    (tmp_path / "z").mkdir()
    frame(slice(0, 60)).assign(id=range(60)).to_csv(tmp_path / "z" / "1.csv", index=False)
    frame(slice(60, 120))[["c", "a", "b"]].to_csv(tmp_path / "z" / "2.csv", index=False)
    rows = open_rows(tmp_path / "z")
    np.testing.assert_allclose(np.concatenate(list(rows.blocks(50))), Z, rtol=1e-6)
    assert rows.left_out == ("id",)
    frame(slice(60, 120)).assign(d=0.5).to_csv(tmp_path / "z" / "2.csv", index=False)
    assert "2.csv: its columns are not those of" in refusal(tmp_path / "z")
    assert open_rows(tmp_path / "z", columns="a,b,c").shape == (120, 3)


def test_an_array_of_each_file(tmp_path):
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", mu=Z[number * 40 : number * 40 + 40], logvar=Z[:40])
    np.testing.assert_array_equal(open_rows(f"{tmp_path}/*.npz::mu")[0:120], Z)
    assert "which array? It holds mu, logvar" in refusal(tmp_path)


def test_files_that_do_not_go_together_are_named(tmp_path):
    parts(tmp_path)
    np.save(tmp_path / "part-7.npy", np.zeros((10, 4), np.float32))
    assert "part-7.npy: holds float32 of shape (10, 4), but" in refusal(tmp_path)
    np.save(tmp_path / "part-7.npy", np.zeros((10, 3)))
    assert "part-7.npy: holds float64" in refusal(tmp_path)
    (tmp_path / "part-7.npy").write_bytes(b"x")
    assert "part-7.npy: cannot be read" in refusal(tmp_path)
    frame(slice(0, 9)).to_csv(tmp_path / "z.csv")
    assert "several formats, part-0.npy (npy), z.csv (csv)" in refusal(tmp_path)


def test_files_of_no_array_are_left_out_and_named(tmp_path):
    parts(tmp_path)
    (tmp_path / "state.json").write_text("{}")
    rows = open_rows(tmp_path)
    assert rows.shape == (120, 3)
    assert "left out: state.json" in rows.notes[-1]


def test_splits_of_a_data_set_are_not_thrown_together(tmp_path):
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        frame(slice(0, 20)).to_parquet(tmp_path / f"{name}.parquet")
    assert "holds the splits test, train; name one" in refusal(tmp_path)
    assert open_rows(f"{tmp_path}/train-*.parquet").shape == (40, 3)


def test_folders_and_patterns_without_an_array(tmp_path):
    (tmp_path / "z").mkdir()
    assert "holds no file" in refusal(tmp_path / "z")
    assert "no file has such a name" in refusal(f"{tmp_path}/*.npy")
    (tmp_path / "z" / "a.txt").write_text("x")
    assert "no file in it is of a known array format: a.txt" in refusal(tmp_path / "z")


def test_a_file_that_changes_between_two_readings_is_noticed(tmp_path):
    parts(tmp_path)
    rows = open_rows(tmp_path)
    np.save(tmp_path / "part-5.npy", np.zeros((3, 3), np.float32))
    with pytest.raises(ArrayError) as refused:
        list(rows.blocks(50))
    assert "part-5.npy: has changed" in line(refused.value)


def test_folders_and_links_in_a_folder_are_not_looked_into_and_said(tmp_path):
    parts(tmp_path / "z")
    parts(tmp_path / "z" / "more")
    (tmp_path / "z" / "gone.npy").symlink_to("nowhere")
    rows = open_rows(tmp_path / "z")
    assert rows.shape == (120, 3)
    assert "1 folder(s), whose files" in rows.notes[-1]
    assert "1 link(s) to nothing (gone.npy)" in rows.notes[-1]
    assert open_rows(f"{tmp_path}/z/**/*").shape == (240, 3)
    (tmp_path / "only" / "z").mkdir(parents=True)
    assert "holds no file, but 1 folder(s)" in refusal(tmp_path / "only")


def test_files_without_a_row_are_left_out_and_said(tmp_path):
    for number, rows in enumerate((slice(0, 0), slice(0, 70), slice(0, 0), slice(70, 120))):
        part = {"id": np.arange(120)[rows], "emb": pa.array(list(Z[rows]), pa.list_(pa.float32()))}
        (tmp_path / "z").mkdir(exist_ok=True)
        pq.write_table(pa.table(part), tmp_path / "z" / f"part-{number}.parquet")
    rows = open_rows(tmp_path / "z")
    np.testing.assert_array_equal(rows[0:120], Z)
    assert any("2 file(s) without a row: left out (part-0.parquet, part-2.parquet)" in n for n in rows.notes)
    (tmp_path / "c").mkdir()
    frame(slice(0, 9)).to_csv(tmp_path / "c" / "1.csv", index=False)
    (tmp_path / "c" / "0.csv").write_text("a,b,c\n")
    (tmp_path / "c" / "2.csv").write_text("")
    assert open_rows(tmp_path / "c").shape == (9, 3)
    (tmp_path / "c" / "1.csv").unlink()
    assert "none of its 2 file(s) holds a row" in refusal(tmp_path / "c")


def test_a_file_of_another_kind_of_name_is_said(tmp_path):
    parts(tmp_path / "z")
    assert len(open_rows(tmp_path / "z").notes) == 1
    np.save(tmp_path / "z" / "all.npy", Z)
    assert "names are of 2 kinds, all.npy, part-#.npy" in open_rows(tmp_path / "z").notes[1]
