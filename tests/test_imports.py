"""What an import costs, and what it must not bring along."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zpoints
from support import WITHOUT_TORCH

PACKAGE = Path(zpoints.__file__).parent


def python(code: str, *options: str) -> str:
    """What a fresh interpreter prints."""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_is_quick_and_brings_nothing_heavy_along():
    code = """
import sys, time
started = time.perf_counter()
import zpoints
print(time.perf_counter() - started)
print(*(name for name in ("torch", "numba", "matplotlib", "pandas", "scipy", "numpy") if name in sys.modules))
"""
    runs = [python(code).splitlines() for _ in range(3)]
    assert min(float(seconds) for seconds, _ in runs) < 0.5
    assert [heavy for _, heavy in runs] == [""] * 3


def test_analysis_and_samplers_work_where_torch_is_not_installed(tmp_path):
    code = f"""{WITHOUT_TORCH}
try:
    import torch
except ImportError:
    print("blocked")
import numpy as np
import zpoints as zp

z = np.random.default_rng(0).normal(size=(200, 4))
a = zp.analyse(z)
a.save(__import__("pathlib").Path({str(tmp_path)!r}))
for name in zp.samplers.SAMPLERS:
    make = zp.samplers.SAMPLERS[name]
    if "flow" not in name:
        # What needs no vectors gets none, only the file.
        vectors = z if make.needs_vectors else None
        print(name, make().fit({str(tmp_path / "distribution.npz")!r}, vectors=vectors).sample(64, seed=0).shape)
print(*(name for name in ("torch", "matplotlib") if name in sys.modules))
"""
    first, *lines, last = python(code).splitlines()
    assert first == "blocked"
    assert dict(line.split(" ", 1) for line in lines) == {
        name: "(64, 4)" for name in zpoints.samplers.SAMPLERS if "flow" not in name
    }
    assert len(lines) == 12
    assert last == ""
    assert (tmp_path / "analysis.json").is_file()


@pytest.mark.parametrize("name", zpoints.__all__)
def test_every_public_name_is_there(name):
    assert getattr(zpoints, name) is not None
    assert name in dir(zpoints)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="'nonsense'"):
        zpoints.nonsense  # noqa: B018


def imported(path: Path) -> set[str]:
    """All modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def below(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


@pytest.mark.parametrize("path", below("statistics"), ids=lambda path: path.name)
def test_the_mathematics_is_pure(path):
    allowed = {
        "numpy",
        "scipy",
        "numba",
        "jaxtyping",
        "dataclasses",
        "typing",
        "collections",
        "concurrent",
        "functools",
        "math",
        "operator",
        "sklearn",
        "threadpoolctl",
        "warnings",
    }
    for module in imported(path):
        assert module.partition(".")[0] in allowed or module.startswith("zpoints.statistics"), module
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"print", "open"}


FLOORS = [
    "errors config statistics",
    "system",
    "files",
    "vectors images",
    "analysis models",
    "comparison samplers plots",
    "judging",
    "run",
    "report explorer study",
    "cli",
]
"""From the ground up. What stands on one floor may use its neighbours, but not in a circle."""
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}
LOOSE = {"__init__", "__main__"}  # the two doors, above everything
TORCH = (
    "files/arrays/pt.py",
    "files/arrays/tensors.py",
    "models/autoencoder/",
    "models/foreign/",
    "judging/features/",
    "system/device.py",
    "images/sources/faces.py",
)
NEURAL = ("flow.py", "flow_matching.py", "learning.py", "neural.py", "velocity.py")
EVERY = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The folder below the package, or the module's own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_used(path: Path) -> set[str]:
    """The rooms that a module imports from, its own left out; names of the package itself have none."""
    names = {module.split(".")[1] for module in imported(path) if module.startswith("zpoints.")}
    return names - {room(path)}


def test_nothing_lies_loose_at_the_root():
    files = {path.stem for path in PACKAGE.glob("*.py")}
    assert files == LOOSE | {"errors", "config"}
    assert {room(path) for path in EVERY} == LOOSE | set(FLOOR)


@pytest.mark.parametrize("path", EVERY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_runs_upwards(path):
    here = room(path)
    if here in LOOSE:
        return
    upwards = {name for name in rooms_used(path) if FLOOR[name] > FLOOR[here]}
    assert not upwards
    assert "zpoints" not in imported(path) or path.name in (
        "commands.py",
        "doctor.py",
    )  # which say the version


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """One circle of a graph, or nothing."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for there in sorted(arrows.get(name, ())):
            if found := walk(there, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


def test_the_search_for_circles_finds_one():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_no_circles_between_rooms():
    arrows: dict[str, set[str]] = {}
    for path in EVERY:
        arrows.setdefault(room(path), set()).update(rooms_used(path))
    assert circle(arrows) == []


def test_no_circles_between_modules():
    names = {".".join(("zpoints", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in EVERY}
    arrows = {name: {used for used in imported_names(path) if used in names} for name, path in names.items()}
    assert circle(arrows) == []


def imported_names(path: Path) -> set[str]:
    """Like `imported`, with modules that are imported by name out of their package."""
    found = imported(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", EVERY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_torch_keeps_to_its_rooms(path):
    place = path.relative_to(PACKAGE).as_posix()
    if place.startswith(TORCH) or (room(path) == "samplers" and path.name in NEURAL):
        return
    assert not {module.partition(".")[0] for module in imported(path)} & {"torch", "lightning_fabric"}


@pytest.mark.parametrize("path", EVERY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_longer_than_one_concept(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_two_files_of_tests_have_one_name():
    # They are no packages: pytest would refuse the second one, after all others have run.
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
