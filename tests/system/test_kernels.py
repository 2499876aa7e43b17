"""Compiled kernels where nothing can be kept, after a fork, and the first time."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import zpoints
from zpoints.system import kernels

PACKAGE = Path(zpoints.__file__).parent
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="other systems do not fork")


def python(code: str, package: Path = PACKAGE, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "ZPOINTS_"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=400, env=known | {"PYTHONPATH": str(package.parent)} | environment,
    )  # fmt: skip


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A copy of the package beside whose sources nothing can be written, not even by root."""
    package = tmp_path / "installed" / "zpoints"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for room in ("statistics", "samplers"):
        (package / room / "__pycache__").write_text("a file where the folder should be")
    return package


# One kernel, so that the test is short; analyses define many more in the same way.
KERNEL = """
import os, sys, tempfile
{before}
import zpoints
import numpy as np
from zpoints.statistics.moments import Moments
print(os.environ.get("NUMBA_CACHE_DIR"))
print(Moments.of(np.arange(12.0).reshape(6, 2)).mean)
"""


def test_without_a_home_kernels_are_kept_in_a_private_folder(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "TMPDIR": str(tmp_path / "temporary")}
    done = python(KERNEL.format(before=""), sealed, **nowhere)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "temporary").iterdir()
    assert done.stdout.splitlines() == [str(folder), "[5. 6.]"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.rglob("*.nbi"))


def test_without_any_place_kernels_work_all_the_same(sealed: Path) -> None:
    before = """
def nowhere():
    raise FileNotFoundError("No usable temporary directory found")
tempfile.gettempdir = nowhere
"""
    done = python(KERNEL.format(before=before), sealed, HOME=os.devnull, XDG_CACHE_HOME=os.devnull)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["None", "[5. 6.]"]


def test_the_users_own_choice_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernels, "_writable", lambda folder: False)
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: None)
    kernels.prepare()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs owners of files")
def test_a_folder_that_others_may_write_to_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("ZPOINTS_CACHE", raising=False)
    folder = tmp_path / f"zpoints-kernels-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert kernels._own_folder() is None
    folder.chmod(0o700)
    assert kernels._own_folder() == folder
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert kernels._own_folder() is None


def test_compiling_is_told_once_and_only_when_it_happens(tmp_path: Path) -> None:
    code = """
import numpy as np
from zpoints.statistics.moments import Moments
from zpoints.system.kernels import compiling_told
class Progress:
    def say(self, text):
        print(text)
for kind in ("f4", "f8"):
    with compiling_told(Progress()):
        Moments.of(np.ones((5, 2), kind))
"""
    first, second = (python(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.stdout.startswith("compiling the kernels, once in this environment: about "), first.stderr
    assert first.stdout.count("\n") == 1
    assert (second.stdout, second.stderr) == ("", "")


@pytest.mark.slow
@FORK
def test_a_pool_that_is_forked_after_an_analysis_works() -> None:
    code = """
import multiprocessing as mp, numpy as np, zpoints as zp
def measured(seed):
    z = np.random.default_rng(seed).normal(size=(300, 3))
    found = zp.analyse(z)
    return found.planes["henze_zirkler"].sum(), found.components["ks_distance"].sum()
if __name__ == "__main__":
    here = [measured(seed) for seed in (1, 2)]
    with mp.get_context("fork").Pool(2) as pool:
        there = pool.map_async(measured, [1, 2]).get(200)
    np.testing.assert_allclose(here, there, rtol=1e-12)
    print("same")
"""
    done = python(code)
    assert done.stdout == "same\n", done.stderr


@FORK
def test_a_forked_child_runs_what_scikit_learn_does_in_parallel() -> None:
    code = """
import multiprocessing as mp, numpy as np, zpoints as zp
z = np.random.default_rng(0).normal(size=(4000, 4))
def drawn(seed):
    zp.analyse(z[:200])
    return zp.samplers.Mixture().fit(z).sample(3, seed=seed).shape
if __name__ == "__main__":
    drawn(0)
    with mp.get_context("fork").Pool(1) as pool:
        print(pool.map_async(drawn, [1]).get(200))
"""
    done = python(code)
    assert done.stdout == "[(3, 4)]\n", done.stderr


def test_a_serial_kernel_has_the_same_code_and_a_name_of_its_own() -> None:
    from zpoints.statistics import planes

    parallel = [k for k in vars(planes).values() if getattr(k, "targetoptions", {}).get("parallel")]
    assert parallel
    twin = kernels._serial(parallel[0])
    assert "parallel" not in twin.targetoptions
    assert twin.py_func.__code__ is parallel[0].py_func.__code__
    assert (
        twin.py_func.__qualname__ != parallel[0].py_func.__qualname__
    )  # Numba keeps machine code by that name
