"""What an import costs, and what it must not bring along."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zpoints

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
    code = f"""
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "lightning_fabric"):
            raise ImportError("torch is not installed here")

sys.meta_path.insert(0, NoTorch())
try:
    import torch
except ImportError:
    print("blocked")
import numpy as np
import zpoints as zp

z = np.random.default_rng(0).normal(size=(200, 4))
a = zp.analyse(z)
a.save(__import__("pathlib").Path({str(tmp_path)!r}))
for name, make in zp.samplers.SAMPLERS.items():
    if "flow" not in name:
        # What needs no vectors gets none, only the file.
        vectors = z if make.needs_vectors else None
        print(name, make().fit({str(tmp_path / "distribution.npz")!r}, vectors).sample(64, seed=0).shape)
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
        "functools",
        "math",
        "operator",
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
    "errors sizes storage lock limits metering stopping config device budget forecast progress packages parallel",
    "statistics latents",
    "distribution measuring",
    "comparing",
    "analysis comparison",
    "samplers walks",
]
# The samplers that train a network, and where they and the autoencoder run.
WITH_TORCH = {"device.py", "flow.py", "flow_matching.py", "learning.py", "neural.py", "velocity.py"}


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_no_import_runs_upwards(floor):
    above = {name for names in FLOORS[floor + 1 :] for name in names.split()}
    above |= {"images", "autoencoder", "report", "judging", "pipeline", "cli"}
    for name in FLOORS[floor].split():
        module = PACKAGE / f"{name}.py"
        for path in [module] if module.exists() else below(name):
            used = {module.split(".")[1] for module in imported(path) if module.startswith("zpoints.")}
            assert not used & above, path
            assert path.name in WITH_TORCH or "torch" not in {
                module.partition(".")[0] for module in imported(path)
            }, path
