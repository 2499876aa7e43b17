"""The pages for users: every block of code on them runs, and says what stands there."""

import re
import shlex
from pathlib import Path

import pytest

import processes

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "your-vectors.md", DOCS / "gaussianity.md"]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it says; some of them, in their order."""
    found: list[tuple[str, list[str]]] = []
    for text in block.splitlines():
        if text.startswith("$ "):
            found.append((text[2:], []))
        else:
            found[-1][1].append(text)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert {kind for kind, _ in blocks} == {"python", "console"}
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, str(page), "exec"), known)
            continue
        for command, expected in commands(block):
            program, *arguments = shlex.split(command)
            assert program == "zpoints"
            done = processes.run(processes.MAIN, arguments, folder=tmp_path)
            refused = any(text.startswith("error: ") for text in expected)
            assert bool(done.returncode) == refused, done.stderr
            said = [text for text in done.stderr.splitlines() if text.startswith(("note: ", "error: "))]
            assert said == expected
