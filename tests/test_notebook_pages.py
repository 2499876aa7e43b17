"""The pages that are notebooks: `make docs` executes them in full, and these tests with fewer steps.

Cells are executed as IPython has them: ``%%bash`` in a shell, ``%%writefile`` writes, the last expression of a cell
is what it shows.
"""

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import pages
from pages import DOCS, PAGES, code_of, page_name

FEWER = {
    "start/pictures.md": {
        "training.epochs=16": "training.epochs=2",
        "zip(digits.images, digits.target)": "zip(digits.images[:900], digits.target)",
    },
    "start/model.md": {"range(60)": "range(5)"},
    "gallery/samplers.md": {"steps=150": "steps=5", "steps=300": "steps=5"},
}
"""What is made smaller in the text of a page."""
NOTEBOOKS = [page for page in PAGES if pages.is_notebook(page)]
TUTORIALS = [page for page in NOTEBOOKS if page.parent.name == "start"]


def execute(page: Path, place: Path) -> tuple[dict[str, Any], list[Any]]:
    """Execute a page from top to bottom; returns its names, and what its cells show."""
    known: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    fewer = dict(FEWER.get(page_name(page), {}))
    for cell in code_of(page):
        for text in [text for text in fewer if text in cell]:
            cell = cell.replace(text, fewer.pop(text))
        if cell.startswith("%%bash"):
            done = pages.shell(place, cell.partition("\n")[2], code=pages.WITHOUT_FIGURES)
            known["said"] = done.stdout  # --out said
        elif cell.startswith("%%writefile "):
            head, _, body = cell.partition("\n")
            (place / head.split()[1]).write_text(body)
        else:
            shown.append(value_of(cell, page, known))
    assert not fewer, "no longer on the page"
    return known, shown


def value_of(cell: str, page: Path, known: dict[str, Any]) -> Any:
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(page), "exec"), known)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), str(page), "eval"), known)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "net", raising=False)
    return tmp_path


def test_there_are_three_tutorials() -> None:
    assert [page.stem for page in TUTORIALS] == ["model", "pictures", "vectors"]
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert all(page_name(page).removesuffix(".md") in index for page in NOTEBOOKS)


@pytest.mark.slow
def test_pictures(place: Path) -> None:
    known, _ = execute(DOCS / "start" / "pictures.md", place)
    assert {"mixture", "normal", "independent"} <= set(known["run"].scores.samplers)
    assert (place / "runs/digits/report/index.html").is_file()
    assert known["run"].analysis.groups.shape[0] == 10
    assert known["pictures"].shape == (20, 16, 16, 1)


def test_vectors(place: Path) -> None:
    known, shown = execute(DOCS / "start" / "vectors.md", place)
    assert known["a"].summary.kind == "normal but for components"
    assert [dead.component for dead in known["a"].summary.dead] == [4]
    assert known["a"].components["rank"].idxmin() == 7
    assert shown[-1] is True


@pytest.mark.slow
def test_model(place: Path) -> None:
    known, _ = execute(DOCS / "start" / "model.md", place)
    assert (place / "codec.toml").is_file()
    assert known["region"].mean_length > 0
    assert known["run"].codec.dimension == 10


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in NOTEBOOKS if page not in TUTORIALS], ids=page_name)
def test_the_others(page: Path, place: Path) -> None:
    execute(page, place)


@pytest.mark.slow
def test_the_galleries_have_everything() -> None:
    import zpoints as zp
    from zpoints.samplers import SAMPLERS

    figures = "".join(code_of(DOCS / "gallery" / "figures.md"))
    lacking = [name for name in zp.plots.__all__ if not re.search(rf"plots?\.{name}\(", figures)]
    assert lacking == ["FIGURES"]
    samplers = "".join(code_of(DOCS / "gallery" / "samplers.md"))
    assert not [name for name in SAMPLERS.built_in if f"samplers.{SAMPLERS[name].__name__}(" not in samplers]
