"""The command line as a person meets it: each command works on its own, and an error is one line."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import processes
from support import blobs
from zpoints.files.array_writer import ArrayWriter
from zpoints.report.stage import STAGES

SMALL = [
    *("--set", "autoencoder.channels=[6, 8]", "--set", "autoencoder.latent=5"),
    *("--set", "training.epochs=1", "--set", "training.batch=32"),
]


def zpoints(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return processes.run(processes.MAIN, arguments, folder=cwd)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage was run by its own command."""
    folder = tmp_path_factory.mktemp("cli")
    np.save(folder / "blobs.npy", blobs(150, 20, 24, 1))
    steps = (
        ("prepare", "blobs.npy", "images"),
        ("train", "images", "model", *SMALL),
        ("encode", "model", "images", "latents"),
        ("analyse", "latents/z.npy", "analysis", "--index", "images/index.parquet", "--split", "train"),
        ("sample", "analysis", "samples", "--method", "ellipse", "--sigma", 2.5, "--count", 30, "--seed", 4),
        ("decode", "model", "samples/z.npy", "samples"),
    )
    for step in steps:
        done = zpoints(*step, cwd=folder)
        assert done.returncode == 0, f"{step}: {done.stderr}"
        assert done.stdout.strip()
    return folder


def test_each_stage_is_a_command_of_its_own(work: Path) -> None:
    assert np.load(work / "images/pixels.npy").shape == (150, 20, 24, 1)
    z = np.load(work / "latents/z.npy")
    assert z.shape == (150, 5)
    train = pd.read_parquet(work / "images/index.parquet")["split"] == "train"
    assert json.loads((work / "analysis/analysis.json").read_text())["n"] == train.sum()
    assert np.load(work / "samples/z.npy").shape == (30, 5)
    assert np.load(work / "samples/pictures.npy").shape == (30, 20, 24, 1)
    assert (work / "samples/grid.png").stat().st_size > 0


def test_run_goes_the_whole_road_and_then_has_nothing_to_do(work: Path) -> None:
    first = zpoints("run", "--source", "blobs.npy", *SMALL, "--set", "samples.count=20", cwd=work)
    assert first.returncode == 0, first.stderr
    assert "runs/blobs/report/index.html" in first.stdout
    assert "explained variance" in first.stdout
    page = (work / "runs/blobs/report/index.html").read_text()
    assert not re.search(r"""(src|href)=["']https?:""", page)
    again = zpoints("run", "runs/blobs/config.toml", cwd=work)
    assert again.returncode == 0
    assert again.stderr.count("done before") == len(STAGES)
    anew = zpoints("report", "runs/blobs", cwd=work)
    assert anew.returncode == 0, anew.stderr


def test_decode_does_not_go_on_with_the_pictures_of_other_vectors(work: Path) -> None:
    decode = ("decode", "model", "samples/z.npy", "again")
    assert zpoints(*decode, cwd=work).returncode == 0
    whole = (work / "again/pictures.npy").read_bytes()
    # What a killed decode of other vectors leaves behind, if nothing says whose pictures these are:
    with ArrayWriter(work / "again/pictures.npy", (20, 24, 1), np.uint8, key="") as writer:
        writer.append(np.zeros((10, 20, 24, 1), np.uint8))
        writer.sync()
    assert zpoints(*decode, cwd=work).returncode == 0
    assert (work / "again/pictures.npy").read_bytes() == whole
    np.save(work / "others.npy", np.load(work / "samples/z.npy")[::-1])
    assert zpoints("decode", "model", "others.npy", "again", cwd=work).returncode == 0
    assert (work / "again/pictures.npy").read_bytes() != whole


def test_quiet_is_silent(work: Path) -> None:
    done = zpoints("analyse", "latents/z.npy", "quiet", "-q", cwd=work)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def clouds(work: Path) -> Path:
    """Two clouds that differ in component 2, and both in one file with an index."""
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(n, 4)).astype(np.float32) for n in (300, 200))
    b[:, 2] += 3
    np.save(work / "a.npy", a)
    np.save(work / "b.npy", b)
    split = random.permutation(np.repeat(["train", "test"], (300, 200)))
    both = np.empty((500, 4), np.float32)
    both[split == "train"], both[split == "test"] = a, b
    np.save(work / "both.npy", both)
    pd.DataFrame({"split": split}).to_parquet(work / "both.parquet")
    return work


def test_compare_says_in_what_two_clouds_differ(clouds: Path) -> None:
    before = set(clouds.rglob("*"))
    done = zpoints("compare", "a.npy", "b.npy", cwd=clouds)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("They differ in: mean, ")
    assert lines[1].startswith("A classifier tells them apart: ")
    assert any(line.startswith("Mean: different in 1 of 4 components, component 2 ") for line in lines)
    assert set(clouds.rglob("*")) == before


def test_compare_writes_what_it_finds(clouds: Path) -> None:
    done = zpoints("compare", "a.npy", "b.npy", "--out", "compared", cwd=clouds)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (clouds / "compared").iterdir()} == {"compare.json", "components.parquet"}
    saved = json.loads((clouds / "compared/compare.json").read_text())
    assert done.stdout.splitlines() == [*saved["verdict"], "comparison in compared"]
    assert (saved["a"]["n"], saved["b"]["n"]) == (300, 200)
    assert pd.read_parquet(clouds / "compared/components.parquet")["component"][0] == 2
    quiet = zpoints("compare", "a.npy", "b.npy", "--out", "compared-quietly", "-q", cwd=clouds)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    again = json.loads((clouds / "compared-quietly/compare.json").read_text())
    assert again["verdict"] == saved["verdict"]


def test_compare_chooses_splits_of_one_file(clouds: Path) -> None:
    splits = [
        *("--index-a", "both.parquet", "--split-a", "train"),
        *("--index-b", "both.parquet", "--split-b", "test"),
    ]
    done = zpoints("compare", "both.npy", "both.npy", *splits, "--out", "splits", cwd=clouds)
    assert done.returncode == 0, done.stderr
    saved = json.loads((clouds / "splits/compare.json").read_text())
    assert (saved["a"]["n"], saved["b"]["n"]) == (300, 200)
    apart = zpoints("compare", "a.npy", "b.npy", cwd=clouds)
    assert saved["verdict"] == apart.stdout.splitlines()


@pytest.fixture(scope="module")
def bad(work: Path, clouds: Path) -> Path:
    random = np.random.default_rng(0)
    z = random.normal(size=(50, 4)).astype(np.float32)
    holes, still = z.copy(), z.copy()
    holes[17, 2] = np.nan
    still[:] = 0.1
    arrays = {
        "flat": z[:, 0],
        "holes": holes,
        "still": still,
        "one": z[:1],
        "none": z[:0],
        "words": z.astype(str),
        "many-holes": np.concatenate([holes, z]),
        "many-still": np.concatenate([still, still]),
    }
    for name, array in arrays.items():
        np.save(work / f"{name}.npy", array)
    (work / "empty.npy").write_bytes(b"")
    (work / "text.npy").write_text("no array")
    np.save(work / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    (work / "unknown.toml").write_text("[training]\nepoch = 3\n")
    (work / "broken.toml").write_text("[training\n")
    return work


ERRORS = {
    "no such file": (("analyse", "nowhere.npy", "out"), 1, "nowhere.npy"),
    "one dimension": (("analyse", "flat.npy", "out"), 1, "expected 2"),
    "NaN": (("analyse", "holes.npy", "out"), 1, "vector 17, component 2"),
    "nothing but constants": (("analyse", "still.npy", "out"), 1, "are constant"),
    "one vector": (("analyse", "one.npy", "out"), 1, "at least 2"),
    "no vector": (("analyse", "none.npy", "out"), 1, "at least 2"),
    "words": (("analyse", "words.npy", "out"), 1, "numeric"),
    "empty file": (("analyse", "empty.npy", "out"), 1, "empty.npy"),
    "text": (("analyse", "text.npy", "out"), 1, "text.npy"),
    "pickled objects": (("analyse", "objects.npy", "out"), 1, "objects.npy"),
    "unknown format": (("analyse", "unknown.toml", "out"), 1, ".toml"),
    "unknown setting": (("run", "unknown.toml"), 2, "did you mean 'epochs'"),
    "broken TOML": (("run", "broken.toml"), 2, "broken.toml"),
    "no such TOML": (("run", "nowhere.toml"), 2, "nowhere.toml"),
    "no such source": (("run", "--source", "nowhere"), 1, "nowhere"),
    "bad change": (("run", "--set", "training.epochs=-1"), 2, "training.epochs"),
    "no such command": (("frobnicate",), 2, "frobnicate"),
    "no such option": (("run", "--frobnicate"), 2, "frobnicate"),
    "missing argument": (("analyse",), 2, "argument"),
    "unknown sampler": (("sample", "analysis", "out", "--method", "nrml"), 2, "nrml"),
    "negative sigma": (("sample", "analysis", "out", "--sigma", "-1"), 2, "sigma"),
    "no images": (("train", "nowhere", "out"), 1, "zpoints prepare"),
    "no model": (("encode", "nowhere", "images", "out"), 1, "zpoints train"),
    "wrong vectors": (("decode", "model", "holes.npy", "out"), 1, "5"),
    "no run": (("report", "nowhere"), 2, "zpoints run"),
    "no such split": (
        ("analyse", "latents/z.npy", "out", "--index", "images/index.parquet", "--split", "x"),
        1,
        "'x'",
    ),
    "an index of other vectors": (
        ("analyse", "a.npy", "out", "--index", "images/index.parquet"),
        1,
        "150 rows, but a.npy holds",
    ),
    "compare with an index of other vectors": (
        ("compare", "latents/z.npy", "a.npy", "--index-b", "images/index.parquet"),
        1,
        "150 rows, but a.npy holds",
    ),
    "sample with an index of other vectors": (
        ("sample", "analysis", "out", "--latents", "a.npy", "--index", "images/index.parquet"),
        1,
        "150 rows, but a.npy holds",
    ),
    "columns of an array": (("analyse", "a.npy", "out", "--columns", "z*"), 1, "no columns"),
    "compare nothing": (("compare", "a.npy", "nowhere.npy", "--out", "out"), 1, "nowhere.npy"),
    "compare one": (("compare", "a.npy"), 2, "argument"),
    "compare other components": (
        ("compare", "a.npy", "latents/z.npy", "--out", "out"),
        1,
        "4 components and B",
    ),
    "compare too few": (("compare", "a.npy", "still.npy", "--out", "out"), 1, "at least 80"),
    "compare NaN": (("compare", "a.npy", "many-holes.npy", "--out", "out"), 1, "vector 17, component 2"),
    "compare a constant": (
        ("compare", "many-still.npy", "b.npy", "--out", "out"),
        1,
        "are constant",
    ),
    "compare no such index": (
        ("compare", "a.npy", "b.npy", "--index-a", "nowhere.parquet"),
        1,
        "nowhere.parquet",
    ),
    "compare no such split": (
        ("compare", "both.npy", "both.npy", "--index-b", "both.parquet", "--split-b", "x"),
        1,
        "'x'",
    ),
    "compare another's index": (
        ("compare", "both.npy", "b.npy", "--index-b", "both.parquet", "--split-b", "test"),
        1,
        "both.parquet: 500 rows, but b.npy holds 200 vectors",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_input_gets_one_line_and_leaves_the_disk_alone(bad: Path, name: str) -> None:
    arguments, status, expected = ERRORS[name]
    before = {path: path.stat().st_mtime_ns for path in bad.rglob("*") if path.is_file()}
    done = zpoints(*arguments, cwd=bad)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == status, done.stderr
    assert lines[-1].startswith("error: ")
    # Readings that were finished before the fault was met have their line; the error has one.
    assert all(re.match(r"(moments|compare|compare: equal vectors) +100 % ", line) for line in lines[:-1]), (
        done.stderr
    )
    assert expected in lines[-1]
    assert "Traceback" not in done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in bad.rglob("*") if path.is_file()}


def test_an_analysis_that_fails_keeps_the_one_before(bad: Path) -> None:
    before = {path: path.read_bytes() for path in (bad / "analysis").iterdir()}
    assert zpoints("analyse", "holes.npy", "analysis", cwd=bad).returncode == 1
    assert before == {path: path.read_bytes() for path in (bad / "analysis").iterdir()}


def test_debug_shows_the_traceback(bad: Path) -> None:
    assert "Traceback" in zpoints("analyse", "holes.npy", "out", "--debug", cwd=bad).stderr


@pytest.mark.parametrize(
    "command", ["run", "prepare", "train", "encode", "analyse", "compare", "sample", "decode", "report"]
)
def test_help_shows_an_example(command: str, tmp_path: Path) -> None:
    done = zpoints(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"Example:  zpoints {command}" in " ".join(done.stdout.split("\n")).replace("  ", "  ")


@pytest.mark.parametrize(("number", "why"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "SIGTERM")])
def test_interrupted_it_says_how_to_go_on(tmp_path, number, why):
    code = """
import signal, sys
from zpoints.cli import commands as cli
import zpoints.images.prepare
number = int(sys.argv.pop())
zpoints.images.prepare.prepare = lambda *given: signal.raise_signal(number)
cli.main()
"""
    command = [sys.executable, "-c", code, "prepare", "faces", str(tmp_path), str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    (text,) = done.stderr.splitlines()
    assert text.startswith("error: ")
    assert why in text
    assert "start the same command again" in text
