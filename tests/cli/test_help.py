"""Help texts name what is there, and cost no heavy import."""

import importlib
import subprocess
import sys

import pytest

from support import WITHOUT_TORCH
from zpoints.cli.listing import LISTS, filled

HELP = f"""{WITHOUT_TORCH}
from zpoints.samplers import SAMPLERS
SAMPLERS.add("spiral", None)
from zpoints.cli.commands import main
sys.argv = ["zpoints", sys.argv[1], "--help"]
try:
    main()
finally:
    print(*(name for name in ("torch", "numba", "matplotlib", "scipy") if name in sys.modules))
"""


def shown(command: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", HELP, command], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("run", ["faces", "orl"]),
        ("prepare", ["faces", "celeba", "zip"]),
        ("train", ["autoencoder", "pca"]),
        ("analyse", ["parquet", "safetensors"]),
        ("sample", ["ellipse-pairs", "flow-matching", "spiral", "--option"]),
        ("judge", ["efficientnet-lite0", "pixels"]),
    ],
)
def test_help_lists_what_is_registered(command: str, parts: list[str]) -> None:
    *lines, heavy = shown(command)
    text = " ".join(" ".join(lines).split()).replace("- ", "-")
    for part in parts:
        assert part in text
    assert not [word for word in LISTS if f"{{{word}}}" in text]
    assert heavy == ""


@pytest.mark.parametrize("word", LISTS)
def test_every_list_is_a_registry(word: str) -> None:
    module, _, name = LISTS[word].partition(":")
    names = list(getattr(importlib.import_module(module), name))
    assert filled(f"one of {{{word}}}.") == f"one of {', '.join(names[:-1])} or {names[-1]}."


def test_other_braces_stay() -> None:
    assert filled("{nothing} and {samplers") == "{nothing} and {samplers"
