"""Numbers as text: every way that people's tools write them, against pandas and NumPy."""

import gzip

import numpy as np
import pandas as pd
import pytest

from support import line
from zpoints.errors import ArrayError
from zpoints.files.arrays import csv as module
from zpoints.files.arrays import open_rows

Z = np.random.default_rng(0).normal(size=(60, 5))
FRAME = pd.DataFrame(Z, columns=[f"z{c}" for c in range(5)])
WAYS = {
    "names": lambda path: FRAME.to_csv(path, index=False),
    "index": lambda path: FRAME.to_csv(path),
    "numbered columns": lambda path: pd.DataFrame(Z).to_csv(path, index=False),
    "numbered columns and index": lambda path: pd.DataFrame(Z).to_csv(path),
    "no names": lambda path: np.savetxt(path, Z, delimiter=",", fmt="%.17g"),
    "savetxt as it is": lambda path: np.savetxt(path, Z, fmt="%.17g"),
    "comment": lambda path: np.savetxt(path, Z, delimiter=",", header="a,b,c,d,e", fmt="%.17g"),
    "European": lambda path: FRAME.to_csv(path, index=False, sep=";", decimal=","),
    "tabs": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "mark of byte order": lambda path: FRAME.to_csv(path, index=False, encoding="utf-8-sig"),
    "Windows lines": lambda path: FRAME.to_csv(path, index=False, lineterminator="\r\n"),
    "keys": lambda path: FRAME.assign(id=range(60), label="cat, black").to_csv(path, index=False),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing(tmp_path, way):
    WAYS[way](tmp_path / "z.csv")
    rows = open_rows(tmp_path / "z.csv")
    np.testing.assert_allclose(np.concatenate(list(rows.blocks(7))), Z, rtol=1e-15)
    guessed = {
        "no names": "columns are called 0 to 4",
        "savetxt as it is": "parted by ' '",
        "comment": "1 line(s)",
    }
    guessed |= {"European": "parted by ';', decimals by ','", "tabs": r"parted by '\t'"}
    guessed |= {
        "index": "left out: unnamed: 0",
        "keys": "left out: id (whole number, a key by its name), label (text)",
    }
    if way in guessed:
        assert guessed[way] in " ".join(rows.notes)
    elif "index" not in way:
        assert not rows.notes


def test_packed_and_longer_than_what_is_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ_BYTES", 512)
    with gzip.open(tmp_path / "z.csv.gz", "wt") as file:
        FRAME.to_csv(file, index=False)
    rows = open_rows(tmp_path / "z.csv.gz")
    np.testing.assert_allclose(rows[20:60], Z[20:60], rtol=1e-15)
    np.testing.assert_allclose(rows[3:5], Z[3:5], rtol=1e-15)


def test_whole_numbers_are_known_by_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ_BYTES", 512)
    late = np.zeros(60)
    late[55] = 0.5
    texts = [*map(str, range(59)), "A17"]
    FRAME.assign(z5=[f"{x:g}" for x in late], counted=range(60), key=texts, none="").to_csv(
        tmp_path / "z.csv", index=False
    )
    rows = open_rows(tmp_path / "z.csv")
    assert rows.names == ("z0", "z1", "z2", "z3", "z4", "z5")
    assert rows.left_out == ("counted", "key", "none")
    np.testing.assert_array_equal(rows[0:60][:, 5], late)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1.5,2\n2.5,3\n" + "1.0,1\n" * 50 + "oops,4\n", "line 54 the text 'oops'"),
        ("a,b\n1.5,2\n2.5\n", "z.csv: cannot be read as CSV"),
        ("", "no line of values"),
        ("a,b\nx,y\n", "a (text), b (text)"),
        ("a,a\n1.5,2.5\n", "several columns are called a"),
        ("emb\n[1.0 2.0]\n", "'emb' holds lists of numbers as text"),
        ("[1.0, 2.0]\n[3.0, 4.0]\n", "its lines are Python's lists"),
        ("tensor([1.0, 2.0])\n", "its lines are Python's lists"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    (tmp_path / "z.csv").write_text(text)
    with pytest.raises(ArrayError) as refused:
        open_rows(tmp_path / "z.csv")
    assert said in line(refused.value)


def test_a_column_that_is_not_asked_for_may_hold_anything(tmp_path):
    (tmp_path / "z.csv").write_text("a,b\n1.5,2\n2.5,3\noops,4\n")
    assert open_rows(tmp_path / "z.csv", "b")[0:3].tolist() == [[2], [3], [4]]


def test_missing_numbers_are_nan(tmp_path):
    (tmp_path / "z.csv").write_text("a,b\n1.5,\nnan,inf\n-inf,NA\n")
    expected = [[1.5, np.nan], [np.nan, np.inf], [-np.inf, np.nan]]
    np.testing.assert_array_equal(open_rows(tmp_path / "z.csv")[0:3], expected)


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        (
            "0,5;-1,25\n1,5;2,5\n",
            ["0", "1"],
            [[0.5, -1.25], [1.5, 2.5]],
        ),  # could be parted by its commas as well
        ("a;b\n0;1\n2,5;0,5\n", ["a", "b"], [[0, 1], [2.5, 0.5]]),  # only the third line has a decimal comma
        ("x/1.png,0.5,0.25\nx/2.png,1.5,2.5\n", ["1", "2"], [[0.5, 0.25], [1.5, 2.5]]),
        ("cat,0.5,0.75\ndog,1.5,2.5\ncat,3.5,4.5\n", ["1", "2"], [[0.5, 0.75], [1.5, 2.5], [3.5, 4.5]]),
        (
            "cat,0.5,0.25\ndog,1.5,2.5\n",
            ["1", "2"],
            [[0.5, 0.25], [1.5, 2.5]],
        ),  # what ascends may be wavelengths
        (
            "1,0.5,0.25\n0,1.5,2.5\n",
            ["1", "2"],
            [[0.5, 0.25], [1.5, 2.5]],
        ),  # a label, and no component that is always 0
        (
            "0,1,2,3,loss\n0.5,0,1.5,2.5,9.5\n1.5,0,1.5,3.5,9.5\n",
            ["0", "2", "3"],
            [[0.5, 1.5, 2.5], [1.5, 1.5, 3.5]],
        ),
        ("path,0,1\nx.png,0.5,1.5\n", ["0", "1"], [[0.5, 1.5]]),
        ("sample,400.5,401.5\nA,0.5,1.5\n", ["400.5", "401.5"], [[0.5, 1.5]]),
    ],
)
def test_no_line_of_values_is_taken_for_names_and_no_decimal_for_a_parting(tmp_path, text, names, rows):
    (tmp_path / "z.csv").write_text(text)
    found = open_rows(tmp_path / "z.csv")
    assert list(found.names) == names
    np.testing.assert_array_equal(found[0 : len(rows) + 1], rows)
