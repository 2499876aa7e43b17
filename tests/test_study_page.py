"""The page of the study: its files are plans, its commands are there, its table has the runs that it tells of."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import typer

from pages import DOCS, ROOT, blocks
from zpoints.cli.commands import app
from zpoints.study.plan import read_plan

PAGE = DOCS / "study.md"


def test_its_first_example_is_a_plan(tmp_path: Path) -> None:
    (example,) = (block for kind, block in blocks(PAGE) if kind == "toml")
    path = tmp_path / "study.toml"
    path.write_text(example)
    conditions = {cell.condition for cell in read_plan(path).cells}
    assert len(read_plan(path).cells) == 3 * len(conditions) == 3 * (6 + 3)


def test_the_articles_study_is_a_plan_and_its_table_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    done, planned = map(int, re.search(r"asks (\d+) runs \(of (\d+)", text).groups())  # type: ignore[union-attr]
    assert len(read_plan(DOCS / "study.toml").cells) == planned
    assert len(pd.read_csv(DOCS / "study.csv")) == done


def test_its_commands_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    group = typer.main.get_command(app)
    for line in (line for kind, block in blocks(PAGE) if kind == "sh" for line in block.splitlines()):
        program, *arguments = shlex.split(line, comments=True)
        if program == "zpoints":
            context = group.make_context("zpoints", list(arguments))
            name, command, rest = group.resolve_command(context, arguments)  # type: ignore[attr-defined]
            command.make_context(name, list(rest), parent=context)
        elif program == "python":
            assert arguments[0] == "-m"
            assert find_spec(arguments[1]) is not None
        else:
            assert program == "cp"
