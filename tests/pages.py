"""The pages for users: their blocks of code, and a shell in which the commands of these run.

Commands of zpoints start as `processes` starts them, and not anew. What would take long, or cannot be had here, has a
stand-in: a test says which options make a command small, and brings programs of its own.
"""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import processes

__all__ = ["DOCS", "PAGES", "ROOT", "blocks", "code_of", "is_notebook", "page_name", "shell"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^(```+|~~~+)(\{?[\w.-]*\}?)[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
WITHOUT_FIGURES = f"import support; support.no_figures()\n{processes.MAIN}"

ZPOINTS = """#!/bin/bash
ask=$(mktemp "$BOX/XXXXXX")
printf '%s\\0' "$PWD" "$@" > "$ask"
mv "$ask" "$ask.ask"
while [ ! -e "$ask.status" ]; do sleep 0.01; done
cat "$ask.out"
cat "$ask.err" >&2
exit "$(cat "$ask.status")"
"""
"""Leaves a question in a folder, and waits for the answer."""


def page_name(page: Path) -> str:
    """As a test is called by it."""
    return str(page.relative_to(DOCS)) if page.is_relative_to(DOCS) else page.name


def blocks(page: Path) -> list[tuple[str, str]]:
    """The blocks of a page: language, and text."""
    return [(found[2], found[3]) for found in FENCE.finditer(page.read_text(encoding="utf-8"))]


def is_notebook(page: Path) -> bool:
    """Whether the site's builder executes the page."""
    return "\nfile_format: mystnb\n" in page.read_text(encoding="utf-8")[:200]


def code_of(page: Path) -> list[str]:
    """The cells of a page that is a notebook."""
    return [text for kind, text in blocks(page) if kind == "{code-cell}"]


@contextmanager
def _answering(box: Path, smaller: Callable[[list[str]], list[str]], code: str) -> Iterator[None]:
    """Runs the commands that the stand-in for zpoints is asked for, one at a time."""
    over = threading.Event()

    def answer() -> None:
        while not over.wait(0.01):
            for ask in sorted(box.glob("*.ask")):
                cwd, *arguments = ask.read_text().split("\0")[:-1]
                done = processes.run(code, smaller(arguments), folder=Path(cwd))
                ask.with_suffix(".out").write_text(done.stdout)
                ask.with_suffix(".err").write_text(done.stderr)
                ask.unlink()
                (box / "status").write_text(str(done.returncode))
                (box / "status").rename(ask.with_suffix(".status"))

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def shell(
    folder: Path,
    text: str,
    *,
    smaller: Callable[[list[str]], list[str]] = list,
    programs: Mapping[str, str] | None = None,
    code: str = processes.MAIN,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run a block to its end; every command of it must end well.

    Parameters
    ----------
    folder : where it runs. text : lines of a shell.
    smaller : makes the arguments of a command of zpoints those of a small one.
    programs : stand-ins for others, by name. code : what runs such a command.
    variables : of the environment.
    """
    programs = {"zpoints": ZPOINTS, **(programs or {})}
    tools, box = folder / ".tools", folder / ".box"
    for place in (tools, box):
        place.mkdir(exist_ok=True)
    for name, program in programs.items():
        (tools / name).write_text(program)
        (tools / name).chmod(0o755)
    env = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "BOX": str(box), **variables}
    with _answering(box, smaller, code):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done
