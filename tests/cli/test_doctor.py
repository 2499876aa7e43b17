"""`zpoints doctor`, as a person and as a script read it."""

import json
from pathlib import Path

import pytest

import processes
import zpoints
from zpoints.cli.doctor import lines_of
from zpoints.run.checkup import check_up

TEXT = "import sys; sys.argv[1:] = ['doctor', '--no-speed', *sys.argv[1:]]\n"


def test_a_script_reads_json(tmp_path: Path) -> None:
    done = processes.run(TEXT + processes.MAIN, ["--json", tmp_path])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["version"] == zpoints.__version__
    assert told["folder"]["path"] == str(tmp_path)
    assert told["problems"] == []
    assert told["speed"] is None
    assert told["machine"]["processors"] >= 1
    assert told["graphics"]["precision"] in ("float32", "bfloat16", "float16")
    assert not list(tmp_path.iterdir())


def test_a_person_reads_lines_and_a_problem_is_the_exit_status(tmp_path: Path) -> None:
    code = TEXT + "import os; os.access = lambda path, mode: not mode & os.W_OK\n" + processes.MAIN
    done = processes.run(code, [tmp_path])
    assert done.returncode == 1, done.stderr
    *_, last = done.stdout.splitlines()
    assert last == "see the problems above"
    labels = [line.split()[0] for line in done.stdout.splitlines() if line]
    for label in ("zpoints", "processor", "memory", "budget", "training", "runs", "downloads", "problem"):
        assert label in labels
    assert f"problem       {tmp_path}: no files can be made there" in done.stdout


def test_what_is_missing_is_told_with_its_use_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from zpoints.run import checkup
    from zpoints.system.installed import installed_parts

    asked = ["numpy>=1.26", "torch>=2.6; extra == 'train'"]
    there = {"numpy": "2.4.6"}.__getitem__
    monkeypatch.setattr(checkup, "installed_parts", lambda: installed_parts(lambda _: asked, there))
    monkeypatch.setattr(checkup, "have", lambda _: False)
    found = check_up(Path(), "0.2.0", with_speed=False)
    assert found.problems == []
    lines = lines_of(found)
    assert "training      only of kind 'pca', without PyTorch" in lines
    (train,) = (line for line in lines if line.startswith("[train]"))
    assert train.startswith("[train]       torch is missing; trains the network")
    assert train.endswith(": pip install 'zpoints[train]'")


@pytest.mark.slow  # measures for some seconds, which its parts' own tests do not
def test_how_fast_the_machine_is(tmp_path: Path) -> None:
    found = check_up(tmp_path, "0.2.0")
    assert found.speed is not None
    assert found.speed.faults == []
    assert found.speed.pictures is not None
    lines = [line for line in lines_of(found) if " in a second" in line]
    assert [line.split()[0] for line in lines] == ["planes", "training", "disk"]
    assert not list(tmp_path.iterdir())
