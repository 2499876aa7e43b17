"""Shards: which rows are whose, what their files are called, and which folders are refused."""

import json
import re
import threading
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from support import line
from zpoints.errors import ArrayError, StageError, UsageError
from zpoints.files.arrays import open_rows
from zpoints.files.shard import Shard, claimed, finished, ranges
from zpoints.system.lock import locked

WORK = {"work": "encode", "model": "m", "pictures": "p", "batch": 128}


@given(st.integers(0, 10**9), st.integers(1, 2000), st.integers(1, 512))
def test_every_row_is_in_one_shard_and_shards_are_nearly_equal(n: int, of: int, unit: int) -> None:
    bounds = [Shard(number, of).rows(n, unit) for number in range(1, of + 1)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == n
    assert all(last == first for (_, last), (first, _) in pairwise(bounds))
    assert all(first <= last for first, last in bounds)
    assert all(first % unit == 0 for first, last in bounds if last > first)
    batches = [-(-(last - first) // unit) for first, last in bounds]
    assert max(batches) - min(batches) <= 1


def test_names_sort_as_the_shards_do() -> None:
    names = [Shard(number, 1200).name for number in range(1, 1201)]
    assert names == sorted(names)
    assert names[2] == "part-00003-of-01200"


@pytest.mark.parametrize(
    "text",
    ["0/16", "17/16", "3", "3/", "/16", "-1/16", "3/0", "1/100000", "a/b", "3/16/2", "", "1.5/3", "1e9/1"],
)
def test_what_is_no_shard_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Shard.parse(text)
    assert line(refused.value).startswith("--shard")
    assert refused.value.exit_status == 2


def test_a_shard_is_read_as_it_is_typed() -> None:
    assert Shard.parse("3/16") == Shard.parse(" 03 / 16") == Shard(3, 16)
    assert str(Shard(3, 16)) == "3/16"


@given(st.sets(st.integers(0, 300), min_size=1, max_size=30))
def test_ranges_name_the_numbers(numbers: set[int]) -> None:
    found: set[int] = set()
    for text in ranges(numbers).split(","):
        first, _, last = text.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == numbers


def test_many_ranges_are_cut() -> None:
    assert ranges(range(0, 200, 2)).endswith(",78 and 60 more")


def written(folder: Path, numbers: list[int], of: int, name: str = "part-{:05}-of-{:05}.npy") -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        np.save(folder / name.format(number, of), np.full((4, 2), number, np.float32))
    return folder


def refusal(path: Path | str) -> str:
    with pytest.raises(ArrayError) as refused:
        open_rows(path)
    return line(refused.value)


def test_an_incomplete_folder_names_what_is_missing(tmp_path: Path) -> None:
    there = [number for number in range(1, 17) if number not in (4, 9, 10, 16)]
    z = written(tmp_path / "z", there, 16)
    for path in (z, f"{z}/*.npy", f"{z}/part-*"):
        assert "12 of 16 shards are there; missing: 4,9-10,16;" in refusal(path)
    chosen = open_rows(f"{z}/part-0000[5-8]*.npy")  # nothing of what this names is missing
    assert chosen[0:16][:, 0].tolist() == np.repeat([5, 6, 7, 8], 4).tolist()
    written(z, [4, 9, 10, 16], 16)
    assert open_rows(z).shape == (64, 2)


def test_data_sets_count_from_0(tmp_path: Path) -> None:
    z = written(tmp_path / "z", [0, 1, 2, 3], 4, "train-{:05}-of-{:05}.npy")
    assert open_rows(z).shape == (16, 2)
    (z / "train-00002-of-00004.npy").unlink()
    assert "3 of 4 shards are there; missing: 2;" in refusal(z)
    (z / "train-00000-of-00004.npy").unlink()
    assert "missing: 2,4 (or 0 in place of 4, if they count from it)" in refusal(z)


def test_shards_of_two_kinds_are_not_one_array(tmp_path: Path) -> None:
    z = written(written(tmp_path / "z", [1, 2, 3], 3), [1, 2], 2)
    assert "holds shards of 2 and of 3" in refusal(z)
    assert open_rows(f"{z}/*-of-00002.npy").shape == (8, 2)


def claim(folder: Path, number: int, of: int = 4, **other: object) -> Path | None:
    return claimed(folder, Shard(number, of), (4 * number - 4, 4 * number), 4 * of, WORK | other)


def test_a_finished_shard_is_not_made_again(tmp_path: Path) -> None:
    file = claim(tmp_path / "z", 2)
    assert file == tmp_path / "z" / "part-00002-of-00004.npy"
    assert claim(tmp_path / "z", 2) == file  # not finished: it goes on
    np.save(file, np.zeros((4, 2)))
    assert claim(tmp_path / "z", 2) is None
    assert finished(tmp_path / "z", 4) == 1
    np.save(file, np.zeros((3, 2)))
    with pytest.raises(StageError, match="holds 3 rows, not 4; remove it"):
        claim(tmp_path / "z", 2)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model": "n"}, "this shard is of another model"),
        ({"pictures": "q"}, "this shard is of other pictures"),
        ({"of": 5}, "this shard is of 4 shards, not 5"),
        ({"work": "decode"}, "other work (encode, not decode)"),
        ({"model": "n", "pictures": "q"}, "another model, other pictures"),
    ],
)
@pytest.mark.parametrize("number", [2, 3])
def test_shards_of_other_work_are_refused(tmp_path: Path, other: dict, said: str, number: int) -> None:
    claim(tmp_path, 2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StageError) as refused:
        claim(tmp_path, number, **other)
    assert said in line(refused.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "z.npy").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"z.npy: is no shard"):
        claim(tmp_path, 2)
    (tmp_path / "z.npy").rename(tmp_path / "part-00002-of-00004.npy")
    with pytest.raises(UsageError, match="no command of zpoints wrote it"):
        claim(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["part-00002-of-00004.npy"]


def test_one_shard_is_locked_and_the_others_are_not(tmp_path: Path) -> None:
    with locked(tmp_path, Shard(2, 4).name):
        claim(tmp_path, 1)
        with pytest.raises(StageError, match=r"part-00002-of-00004: another zpoints \(process \d+\)"):
            claim(tmp_path, 2)
    claim(tmp_path, 2)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".lock")]


@pytest.mark.parametrize("seed", range(5))
def test_of_two_works_that_begin_at_once_at_most_one_goes_on(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    models = random.permutation(["m"] * 4 + ["n"] * 4)
    went: list[str] = []
    barrier = threading.Barrier(8)

    def begin(number: int, model: str) -> None:
        barrier.wait()
        try:
            claim(tmp_path / "z", number, 8, model=model)
        except StageError:
            return
        went.append(model)

    threads = [threading.Thread(target=begin, args=(k + 1, str(model))) for k, model in enumerate(models)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(went)) <= 1
    notes = [json.loads(path.read_text()) for path in (tmp_path / "z").glob("_part-*.json")]
    assert len(notes) == len(went)


def test_shards_that_were_brought_together_must_be_of_one_work(tmp_path: Path) -> None:
    for number, model in ((1, "m"), (2, "n")):
        file = claimed(
            tmp_path / model, Shard(number, 2), (4 * number - 4, 4 * number), 8, WORK | {"model": model}
        )
        assert file
        np.save(file, np.zeros((4, 2), np.float32))
        for path in (tmp_path / model).iterdir():
            (tmp_path / "z").mkdir(exist_ok=True)
            (tmp_path / "z" / path.name).write_bytes(path.read_bytes())
    assert re.search(
        r"part-00002-of-00002.npy: was made of another model than part-00001", refusal(tmp_path / "z")
    )
