"""What is exported has real types: a type checker reads a user's script as strictly as the user likes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zpoints

PACKAGE = Path(zpoints.__file__).parent

SCRIPT = """
import numpy as np
import zpoints as zp

a = zp.analyse(np.zeros((10, 2)))
reveal_type(a)
reveal_type(a.summary.region.mean_length)
reveal_type(a.verdict)
reveal_type(a.distribution)
reveal_type(zp.plots.plane(a, 0, 1))
reveal_type(zp.Analysis.load("analysis"))
reveal_type(zp.compare("a.npy", "b.npy").summary.frechet.value)
reveal_type(zp.samplers.Ellipse(sigma=3.0))
reveal_type(zp.LatentSet.open("z.npy").n)
reveal_type(zp.walks.along_axis(a.distribution, 0).distance)
reveal_type(zp.Settings().seed)


def codec_of(codec: zp.Codec) -> int:
    return codec.dimension


def handled(error: zp.ZPointsError) -> int:
    return error.exit_status


a.summary.region.mean_lenght
a.save(3)
zp.analyze
"""

TYPES = [
    "zpoints.analysis.result.Analysis",
    "float",
    "tuple[str, ...]",
    "zpoints.analysis.distribution.Distribution",
    "matplotlib.figure.Figure",
    "zpoints.analysis.result.Analysis",
    "float",
    "zpoints.samplers.ellipse.Ellipse",
    "int",
    "ndarray",
    "int",
]
ERRORS = ['no attribute "mean_lenght"', 'Argument 1 to "save"', 'no attribute "analyze"']


@pytest.mark.slow
def test_a_strict_type_checker_sees_every_export(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text(SCRIPT)
    names = "".join(f"reveal_type(zp.{name})\n" for name in zpoints.__all__)
    (tmp_path / "names.py").write_text(f"import zpoints as zp\n{names}")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"]
    # Errors in what is imported are not the user's; a cache that stays makes the second time a quick one.
    command += ["--follow-imports=silent", "--ignore-missing-imports", "--no-warn-unused-ignores"]
    command += ["--config-file=", f"--cache-dir={PACKAGE.parents[1] / '.mypy_cache' / 'exports'}"]
    done = subprocess.run(
        [*command, "user.py", "names.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    lines = done.stdout.splitlines()
    revealed = [line for line in lines if line.startswith("user.py") and "Revealed type" in line]
    assert len(revealed) == len(TYPES), done.stdout + done.stderr
    for line, kind in zip(revealed, TYPES, strict=True):
        assert kind in line
    errors = [line for line in lines if line.startswith("user.py") and " error: " in line]
    for line, text in zip(errors, ERRORS, strict=True):
        assert text in line
    named = [line for line in lines if line.startswith("names.py") and "Revealed type" in line]
    assert len(named) == len(zpoints.__all__), done.stdout
    assert not [line for line in named if '"Any"' in line]
    assert not [line for line in lines if line.startswith("names.py") and " error: " in line]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("name", zpoints.__all__)
def test_checkers_and_the_interpreter_see_the_same_names(name: str) -> None:
    seen = (PACKAGE / "__init__.py").read_text(encoding="utf-8").partition("if TYPE_CHECKING:")[2]
    imports = seen.partition("__all__")[0].replace(",", " ").split()
    assert name in imports
