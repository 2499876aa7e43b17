"""Files are whole or not there; arrays grow block by block and survive a kill."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import line
from zpoints.errors import ArrayError
from zpoints.files.array_writer import ArrayWriter
from zpoints.files.atomic import atomic_path
from zpoints.files.documents import fingerprint, read_json, write_json
from zpoints.files.numpy_files import load_npz, open_array, write_npy, write_npz


class BrokenError(Exception):
    pass


def test_atomic_path_makes_folders_and_leaves_one_file(tmp_path):
    path = tmp_path / "a" / "b" / "x.txt"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("had", [None, "old"])
def test_a_writer_that_fails_leaves_the_old_file(tmp_path, had):
    path = tmp_path / "x.txt"
    if had:
        path.write_text(had)

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of a new")
            raise BrokenError

    with pytest.raises(BrokenError):
        fail()
    assert (path.read_text() if path.exists() else None) == had
    assert [file.name for file in tmp_path.iterdir()] == (["x.txt"] if had else [])


def test_json_round_trip_and_refusals(tmp_path):
    path = tmp_path / "x.json"
    content = {"a": [1, 2.5, None, "é"], "b": {"c": True}}
    write_json(path, content)
    assert read_json(path) == content == json.loads(path.read_text())
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == content


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_damaged_json_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(ArrayError) as refused:
        read_json(path)
    assert str(path) in line(refused.value)


def test_npy_and_npz_round_trip(tmp_path):
    z = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    write_npy(tmp_path / "z.npy", z)
    write_npz(tmp_path / "z.npz", {"z": z, "n": np.int64(5)})
    np.testing.assert_array_equal(open_array(tmp_path / "z.npy"), z)
    loaded = load_npz(tmp_path / "z.npz")
    np.testing.assert_array_equal(loaded["z"], z)
    assert loaded["n"] == 5
    with pytest.raises(ValueError, match="pickle"):
        write_npy(tmp_path / "o.npy", np.array([object()]))
    assert not (tmp_path / "o.npy").exists()


def test_an_opened_array_cannot_change_its_file(tmp_path):
    write_npy(tmp_path / "z.npy", np.zeros(4))
    array = open_array(tmp_path / "z.npy")
    array[:] = 7
    del array
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), np.zeros(4))


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_damaged_arrays_are_refused_in_one_line(tmp_path, content):
    for name, read in (("x.npy", open_array), ("x.npz", load_npz)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ArrayError) as refused:
            read(tmp_path / name)
        assert name in line(refused.value)


@pytest.mark.parametrize(
    ("row_shape", "dtype"),
    [((3,), "float32"), ((64, 48, 3), "uint8"), ((), "int64"), ((1,), "float64"), ((20000, 20000, 4), "<u2")],
)
def test_the_header_is_the_one_of_numpy(tmp_path, row_shape, dtype):
    rows = 0 if np.prod(row_shape) > 1e6 else 5
    with ArrayWriter(tmp_path / "x.npy", row_shape, dtype, "key") as writer:
        block = np.arange(rows * np.prod(row_shape, dtype=int)).reshape(rows, *row_shape).astype(dtype)
        writer.append(block)
        writer.finish()
    np.save(tmp_path / "numpy.npy", block)
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["numpy.npy", "x.npy"]


def test_blocks_of_any_order_and_type_become_rows(tmp_path):
    x = np.arange(40.0).reshape(10, 4)
    with ArrayWriter(tmp_path / "x.npy", (4,), np.float32, "key") as writer:
        writer.append(np.asfortranarray(x[:7]))
        writer.append(x[7:])
        assert not (tmp_path / "x.npy").exists()
        writer.finish()
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, x)


def test_rows_of_another_shape_are_refused(tmp_path):
    with (
        ArrayWriter(tmp_path / "x.npy", (4,), np.float32, "key") as writer,
        pytest.raises(ValueError, match="shape"),
    ):
        writer.append(np.zeros((2, 5)))


def rows(*numbers: int) -> np.ndarray:
    return np.repeat(np.array(numbers, np.int64)[:, None], 3, axis=1)


def written(path, key="key"):  # type: ignore[no-untyped-def]
    return ArrayWriter(path, (3,), np.int64, key)


def test_work_goes_on_after_close_and_drops_unsynced_rows(tmp_path):
    path = tmp_path / "x.npy"
    with written(path) as writer:
        assert writer.rows == 0
        writer.append(rows(1, 2))
        writer.sync()
        writer.append(rows(99))
    assert not path.exists()
    with written(path) as writer:
        assert writer.rows == 2
        writer.append(rows(3))
        writer.finish()
    np.testing.assert_array_equal(np.load(path), rows(1, 2, 3))


def test_rows_of_other_work_are_dropped(tmp_path):
    path = tmp_path / "x.npy"
    with written(path, "old") as writer:
        writer.append(rows(1, 2))
        writer.sync()
    with written(path, "new") as writer:
        assert writer.rows == 0
        writer.append(rows(5))
        writer.finish()
    np.testing.assert_array_equal(np.load(path), rows(5))


def test_work_that_was_overwritten_is_not_taken_up_again(tmp_path):
    path = tmp_path / "x.npy"
    with written(path, "old") as writer:
        writer.append(rows(1, 2))
        writer.sync()
    with written(path, "new") as writer:
        writer.append(rows(5, 6, 7))  # killed before the first sync
    with written(path, "old") as writer:
        assert writer.rows == 0
        writer.append(rows(1))
        writer.finish()
    np.testing.assert_array_equal(np.load(path), rows(1))


def test_rows_that_were_rewound_do_not_come_back(tmp_path):
    path = tmp_path / "x.npy"
    with written(path) as writer:
        writer.append(rows(1, 2, 3))
        writer.sync()
        writer.rewind(1)
        writer.append(rows(8, 9))  # killed before the next sync
    with written(path) as writer:
        assert writer.rows == 1
        writer.append(rows(4))
        writer.finish()
    np.testing.assert_array_equal(np.load(path), rows(1, 4))


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"rows": 2}', '{"rows": "x", "key": "key"}', '{"rows": 9, "key": "key"}']
)
def test_a_damaged_journal_means_a_fresh_start(tmp_path, note):
    path = tmp_path / "x.npy"
    with written(path) as writer:
        writer.append(rows(1, 2))
        writer.sync()
    writer.journal.write_text(note)
    with written(path) as writer:
        assert writer.rows == 0


def test_an_old_finished_file_stays_until_the_new_one_is_finished(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, rows(7))
    with written(path) as writer:
        writer.append(rows(1))
        writer.sync()
        np.testing.assert_array_equal(np.load(path), rows(7))
        writer.finish()
    np.testing.assert_array_equal(np.load(path), rows(1))


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=3)
    | st.floats(-2, 2).map(lambda x: x + 0.0),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


@given(plain, plain)
def test_fingerprints_differ_exactly_where_the_values_do(a, b):
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (fingerprint(a) == fingerprint(b)) == same


def test_fingerprints_know_the_parts_but_not_the_order_of_names():
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(1) != fingerprint("1")
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(1, 2) != fingerprint(2, 1)


def test_paths_may_be_texts(tmp_path):
    place = str(tmp_path / "new")
    write_json(f"{place}/a.json", {"a": 1})
    assert read_json(f"{place}/a.json") == {"a": 1}
    write_npy(f"{place}/a.npy", np.arange(3))
    assert open_array(f"{place}/a.npy").tolist() == [0, 1, 2]
    write_npz(f"{place}/a.npz", {"x": np.arange(3)})
    assert load_npz(f"{place}/a.npz")["x"].tolist() == [0, 1, 2]
    with ArrayWriter(f"{place}/b.npy", (2,), np.uint8, "") as writer:
        writer.append(np.ones((3, 2)))
        writer.finish()
    assert open_array(f"{place}/b.npy").shape == (3, 2)
