"""Streams that are closed, or lose their reader: the work goes on, and nothing lands where it does not belong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    np.save(tmp_path / "z.npy", np.random.default_rng(0).normal(size=(300, 3)))
    return tmp_path


def shell(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    line = command.replace("zpoints", f'"{sys.executable}" -m zpoints')
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, cwd=place, timeout=300
    )


@posix
@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&- >&-"])
def test_closed_streams_are_no_error(closed: str, vectors: Path) -> None:
    done = shell(f"zpoints analyse z.npy out {closed}", vectors)
    assert (done.returncode, done.stderr) == (0, "")
    assert (vectors / "out" / "analysis.json").is_file()


@posix
def test_an_error_without_an_error_stream_is_a_status_and_nothing_else(vectors: Path) -> None:
    done = shell("zpoints analyse nothing.npy out 2>&-", vectors)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@posix
def test_a_lost_reader_does_not_end_the_work(vectors: Path) -> None:
    done = shell("zpoints analyse z.npy out 2>&1 | true", vectors)
    assert (done.returncode, done.stderr) == (0, "")
    assert (vectors / "out" / "analysis.json").is_file()


@posix
def test_a_closed_stream_leaves_its_number_to_no_file(tmp_path: Path) -> None:
    code = """
import os
from zpoints.system.streams import secure_streams
secure_streams()
with open("file.txt", "w") as file:
    os.write(2, b"a complaint")
    print(file.fileno() > 2)
"""
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -c '{code}' 2>&-"],
        capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.stdout == "True\n"
    assert (tmp_path / "file.txt").read_text() == ""
