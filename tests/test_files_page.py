"""docs/reference/files.md against what is written: every file, every column, every array, both ways."""

import re
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zpoints as zp
from pages import DOCS
from zpoints.run.folder import Run

PAGE = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)
UNDER_WAY = ("journal", ".lock", ".partial")


def rows(title: str) -> list[set[str]]:
    """The names in the first column of the table of a section, a row each."""
    (section,) = [text for text in SECTIONS if text.partition("\n")[0] == title]
    first = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", section, re.MULTILINE)
    return [set(re.findall(r"`([^`]+)`", row)) for row in first]


def names(title: str) -> set[str]:
    found = rows(title)
    assert sum(map(len, found)) == len(set().union(*found)), "a name stands there twice"
    return set().union(*found)


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysis with groups, channels and a dead component."""
    random = np.random.default_rng(0)
    z = random.normal(size=(300, 2, 2, 2))
    z[:, 0, 0, 0] = 1.0
    folder = tmp_path_factory.mktemp("analysis")
    zp.analyse(z, by=random.integers(0, 3, 300)).save(folder)
    return folder


@pytest.mark.parametrize(
    "name", ["components", "planes", "trimming", "groups", "group_pairs", "channels", "positions"]
)
def test_columns(name: str, analysis: Path) -> None:
    assert names(f"`{name}.parquet`") == set(pd.read_parquet(analysis / f"{name}.parquet").columns)


@pytest.mark.parametrize("name", ["distribution", "histograms"])
def test_arrays(name: str, analysis: Path) -> None:
    with np.load(analysis / f"{name}.npz") as found:
        written = set(found.files)
    assert names(f"`{name}.npz`") == written


def test_files_of_an_analysis(analysis: Path) -> None:
    assert names("An analysis") == {path.name for path in analysis.iterdir()}


def test_files_of_a_comparison(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    zp.compare(random.normal(size=(200, 3)), random.normal(size=(200, 3))).save(tmp_path)
    assert names("Two clouds") == {path.name for path in tmp_path.iterdir()}
    columns = set(pd.read_parquet(tmp_path / "components.parquet").columns)
    assert names("`components.parquet` of a comparison") == columns


def test_files_of_a_run(finished_run: Run) -> None:
    patterns = [name.replace("METHOD", "*") for name in names("A run")]
    patterns = [f"{name}*" if name.endswith("/") else name for name in patterns]
    files = [path for path in finished_run.folder.rglob("*") if path.is_file()]
    written = [path.relative_to(finished_run.folder).as_posix() for path in files]
    written = [path for path in written if not any(part in path for part in UNDER_WAY)]
    assert not [path for path in written if not any(fnmatch(path, one) for one in patterns)]
    assert not [one for one in patterns if not any(fnmatch(path, one) for path in written)]


def test_columns_of_a_run(finished_run: Run) -> None:
    paths = finished_run.paths
    assert names("`images/index.parquet`") == set(pd.read_parquet(paths.images / "index.parquet").columns)
    assert names("`model/history.csv`") == set(pd.read_csv(paths.model / "history.csv").columns)


def test_keys_of_the_record(finished_run: Run) -> None:
    (line,) = re.findall(r"^\| `run.json` \|(.*)\|$", PAGE, re.MULTILINE)
    assert set(finished_run.record) <= set(re.findall(r"`(\w+)`", line))
