"""Tab offers what there is, at once: scripts of the shells, settings and their values, samplers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import processes
from zpoints.cli import completion
from zpoints.config import Settings
from zpoints.files.settings import with_changes
from zpoints.samplers import SAMPLERS

WITH = "import os; os.environ.update({0!r})\n"


def answer(*arguments: str, **environment: str) -> str:
    done = processes.run(WITH.format(environment) + processes.MAIN, arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def offered(shell: str, line: str) -> str:
    """What a shell of that kind is told when Tab is pressed at the end of a line."""
    if shell != "bash":
        asked = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    else:
        words = line.split(" ")
        asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return answer(_ZPOINTS_COMPLETE=f"complete_{shell}", **asked)


@pytest.mark.parametrize(
    ("shell", "part"),
    [
        ("bash", "complete -o default -F _zpoints_completion zpoints"),
        ("zsh", "compdef _zpoints_completion zpoints"),
        ("fish", "complete --command zpoints"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName zpoints"),
    ],
)
def test_the_script_of_each_shell_is_printed(shell: str, part: str) -> None:
    assert part in answer(_ZPOINTS_COMPLETE=f"source_{shell}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_offered_the_same(shell: str) -> None:
    assert all(name in offered(shell, "zpoints de") for name in ("demo", "decode"))
    found = offered(shell, "zpoints sample analysis out --method ell")
    assert all(name in found for name in ("ellipse", "ellipse-pairs", "elliptical"))
    assert "normal" not in found
    assert "training.loss=" in offered(shell, "zpoints run --set training.")


def test_help_texts_beside_the_options_are_filled_in() -> None:
    found = " ".join(offered("fish", "zpoints run --so").split())
    assert found.startswith("--source Pictures: a name or a path.")
    assert "photo-faces" in found
    assert "{" not in found


def all_settings(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and f"{above}{name}" != "samples.options":
            yield from all_settings(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


NAMES = list(all_settings(Settings().model_dump()))


def test_every_setting_is_offered_section_by_section() -> None:
    heads = completion.settings("")
    assert {head.rstrip("=") for head in heads if head.endswith("=")} == {"name", "seed"}
    sections = {name.partition(".")[0] + "." for name in NAMES if "." in name}
    assert {head for head in heads if head.endswith(".")} == sections
    inside = {name.rstrip("=") for section in sections for name in completion.settings(section)}
    assert inside == {name for name in NAMES if "." in name}


@pytest.mark.parametrize("name", NAMES)
def test_every_value_that_is_offered_is_taken(name: str) -> None:
    for change in completion.settings(f"{name}="):
        assert change.startswith(f"{name}=")
        if change != f"{name}=":
            with_changes(Settings(), [change])


def test_values_are_those_of_type_and_registries() -> None:
    assert completion.settings("training.shuffle=") == [
        f"training.shuffle={value}" for value in ("auto", "full", "blocks")
    ]
    assert completion.settings("autoencoder.kind=p") == ["autoencoder.kind=pca"]
    assert completion.settings("images.source=o") == ["images.source=orl", "images.source=olivetti"]
    assert completion.settings("training.nothing") == []
    assert completion.samplers("flow") == [name for name in SAMPLERS if name.startswith("flow")]
    assert completion.splits("t") == ["train", "test"]


def test_it_brings_nothing_heavy_along() -> None:
    code = """
import atexit, os, sys
words = ["zpoints", "run", "--set", "images.source="]
os.environ.update(_ZPOINTS_COMPLETE="complete_bash", COMP_WORDS="\\n".join(words), COMP_CWORD="3")
heavy = ("torch", "numba", "scipy", "matplotlib", "sklearn")
atexit.register(lambda: print(*(name for name in heavy if name in sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code + processes.MAIN], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [
        *(f"images.source={name}" for name in ("faces", "photo-faces", "orl", "olivetti", "lfw")), "",
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_itself_fills_its_answer(tmp_path: Path) -> None:
    """The script is what `--show-completion` prints in bash, and calls a `zpoints` on the path."""
    program = tmp_path / "zpoints"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m zpoints "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = """
zpoints --show-completion > script.sh && source ./script.sh
COMP_WORDS=(zpoints walk m a o --kind s); COMP_CWORD=6
_zpoints_completion zpoints
printf '%s\\n' "${COMPREPLY[@]}"
"""
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=60,
        env=os.environ | {"PATH": path},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["straight", "spherical"], done.stderr
