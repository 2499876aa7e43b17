"""Every block of docs/your-model.md, in order, in one folder: code runs, commands end well, files are as shown."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from zpoints.cli.commands import app
from zpoints.files.settings import load_settings

TEXT = (Path(__file__).parents[1] / "docs" / "your-model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
QUICK = ["--set", 'samples.methods=["normal"]', "--set", "samples.count=24", "--set", "judge.count=20"]
"""What makes the runs of the page small; the page's own settings are kept."""


@pytest.mark.usefixtures("no_figures")
def test_every_block_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "page"}
    said: list[str] = []
    for kind, block in BLOCKS:
        name = re.match(r"# (\S+\.(?:py|toml))\n", block)
        if kind == "bash":
            said.append(command(block))
        elif kind == "toml":
            assert name
            shown(Path(name.group(1)), block)
        elif name:
            Path(name.group(1)).parent.mkdir(parents=True, exist_ok=True)
            Path(name.group(1)).write_text(block)
        else:
            exec(compile(block, "your-model.md", "exec"), space)
    assert {kind for kind, _ in BLOCKS} == {"python", "bash", "toml"}
    assert sum("RMSE in grey levels" in text for text in said) == 8
    assert "values -1..1" in said[1]
    for path in (
        "net/check.png",
        "runs/net/report/index.html",
        "runs/net/model/codec.toml",
        "ours/README.md",
    ):
        assert Path(path).is_file()


def command(block: str) -> str:
    """What a command says."""
    program, *arguments = shlex.split(block)
    assert program == "zpoints"
    more = QUICK if arguments[0] == "run" else []
    done = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def shown(path: Path, block: str) -> None:
    """A file that a command wrote says what the page says; settings are understood."""
    if path.is_file():
        assert tomllib.loads(path.read_text()) == tomllib.loads(block)
    else:
        path.write_text(block)
        assert load_settings(path).autoencoder.model == "net/net.py:Autoencoder"
