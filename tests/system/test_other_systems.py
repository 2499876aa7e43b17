"""What macOS and Windows lack is masked here: analysing, sampling, saving and loading go on without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zpoints

MASK = """
import builtins, io, os, signal, sys

GONE = {"fcntl", "resource", "pwd", "grp", "termios"}
for name in GONE:
    sys.modules.pop(name, None)

class Masked:
    def find_spec(self, name, path=None, target=None):
        if name in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Masked())
looked = []

def without_proc(opener):
    def opened(path, *given, **named):
        path = os.fspath(path) if isinstance(path, os.PathLike) else path
        # threadpoolctl, on Linux, reads the one that is left; elsewhere it asks the system in other ways.
        if isinstance(path, str) and path.startswith("/proc") and path != "/proc/self/maps":
            looked.append(path)
            raise FileNotFoundError(2, "No such file or directory", path)
        return opener(path, *given, **named)
    return opened

builtins.open, io.open, os.open = without_proc(builtins.open), without_proc(io.open), without_proc(os.open)
for name in ("sched_getaffinity", "sysconf", "posix_fadvise", "register_at_fork", "getuid", "fork"):
    if hasattr(os, name):
        delattr(os, name)
"""
WORK = """
import numpy as np
z = np.random.default_rng(0).normal(size=(400, 4)) @ np.diag([1.0, 2.0, 3.0, 4.0])
import zpoints as zp
from pathlib import Path
from zpoints.system.limits import ram_limit
from zpoints.system.lock import locked
from zpoints.system.meter import anonymous_bytes, processor_name
from zpoints.system.thread_count import processors

a = zp.analyse(z)
a.save(Path("analysis"))
again = zp.Analysis.load(Path("analysis"))
assert again.planes.equals(a.planes)
sampler = zp.samplers.Ellipse(sigma=3.0).fit(again)
sampler.save(Path("ellipse.npz"))
loaded = zp.samplers.Sampler.load(Path("ellipse.npz"))
assert np.array_equal(loaded.sample(5, seed=0), sampler.sample(5, seed=0))
assert zp.samplers.Mixture().fit(z).sample(3, seed=0).shape == (3, 4)
assert zp.compare(z, z[::-1].copy()).verdict
with locked(Path("run")):
    assert Path("run").is_dir()
assert not list(Path("run").iterdir())
assert anonymous_bytes() is None
assert a.summary["peak_ram_mib"] is None
assert processors() >= 1
processor_name()
print("limit", ram_limit())
print("looked for", sorted({path for path in looked if path.startswith("/proc/self/status")}))
"""


def run(mask: str, place: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(zpoints.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", mask + WORK],
        capture_output=True, text=True, cwd=place, env=environment, timeout=400,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="masks what Linux has")
def test_without_fcntl_resource_and_proc(tmp_path: Path) -> None:
    done = run(MASK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["limit None", "looked for ['/proc/self/status']"]


@pytest.mark.skipif(sys.platform != "linux", reason="masks what Linux has")
def test_where_the_system_has_another_name(tmp_path: Path) -> None:
    """Only zpoints sees the other name: libraries that are built for Linux would look for what is not there."""
    mask = (
        MASK
        + """
import numpy, pandas, pyarrow, scipy.stats, sklearn.mixture, sklearn.ensemble, numba, filelock, platformdirs
import threadpoolctl, jaxtyping, safetensors, pydantic, rich
sys.platform = "win32"
del signal.SIGKILL
"""
    )
    done = run(mask, tmp_path)
    assert done.returncode == 0, done.stderr
