"""The site's own parts: what is read off the code, docstrings, diagrams; and the site as a whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import zpoints.config as config
from pages import DOCS

sys.path.insert(0, str(DOCS / "_extensions"))


def test_every_setting_is_on_the_page() -> None:
    from settings_text import field_texts, settings_page

    text = settings_page()
    for name, field in config.Settings.model_fields.items():
        if isinstance(field.default, config.Section):
            kind = type(field.default)
            assert set(field_texts()[kind.__name__]) == set(kind.model_fields), (
                "a setting without an explanation"
            )
            assert all(f"`{name}.{inner}` = `" in text for inner in kind.model_fields)
        else:
            assert f"`{name}` = `" in text
    assert (
        '`images.size` = `"auto"`\n: *"auto" or [whole number at least 1, whole number at least 1].*' in text
    )


def test_every_command_is_on_the_page() -> None:
    from commands_text import commands_page
    from zpoints.cli.commands import EXAMPLES, models

    text = commands_page()
    names = [function.__name__ for function in EXAMPLES]
    names += [f"model {command.callback.__name__}" for command in models.registered_commands]
    assert set(names) <= set(re.findall(r"^## zpoints (.*)$", text, re.MULTILINE))
    assert "{samplers}" not in text
    assert all(example in text for example in EXAMPLES.values())


def test_every_key_of_a_file_is_on_the_page() -> None:
    from records import records_page
    from zpoints.analysis.summary import AnalysisSummary, RegionSummary

    text = records_page(AnalysisSummary)
    assert "**`region`** " in text
    assert all(f"`{name}`" in text for name in RegionSummary.__annotations__)
    assert "**`normality.mardia.skewness`** " in text


def test_sections_of_a_docstring() -> None:
    from sections import converted, entries

    lines = [
        "What it does.",
        "",
        "Parameters",
        "----------",
        "a, b : vectors,",
        "    (d,). steps : how many.",
        "",
    ]
    assert entries(lines[4:]) == [(["a", "b"], "vectors, (d,)."), (["steps"], "how many.")]
    found = converted([*lines, "References", "----------", "A. Author, A title", "(1999), https://x.org/1"])
    assert found[:4] == ["What it does.", "", "", ".. rubric:: Parameters"]
    assert found[-3:] == ["- A. Author, A title", "  (1999), https://x.org/1", ""]


def test_diagrams() -> None:
    from diagrams import floors, road

    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert floors(first).count("<li>") == 10
    drawn = road(second)
    assert all(f">{name}<" in drawn for name in re.findall(r"\[([^\]]+)\]", second))
    assert drawn.count('class="arrow"') == second.count("-->")
    with pytest.raises(ValueError, match="without arrows"):
        road("flowchart LR")


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_fetches_nothing(tmp_path: Path) -> None:
    """Without its notebooks' output, which `make docs` makes."""
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    done = subprocess.run(
        [*command, DOCS, tmp_path], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    fetched = re.compile(
        r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(?:https?:)?//|@import|url\((?:https?:)?//'
    )
    for page in [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]:
        assert not fetched.search(page.read_text(encoding="utf-8")), page
    assert len(list(tmp_path.rglob("*.html"))) > 35
