"""What macOS and Windows lack is masked here: analysing, sampling, saving and loading go on without it."""

import ast
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import processes
import zpoints
from support import blobs

PACKAGE = Path(zpoints.__file__).parent
OF_POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog"}
SYSTEMS_OWN = {
    "os": "sched_getaffinity sysconf posix_fadvise register_at_fork getuid geteuid fork statvfs uname getpgid killpg "
    "setsid getloadavg mkfifo chown nice",
    "signal": "SIGKILL SIGHUP SIGUSR1 SIGUSR2 SIGALRM alarm pthread_kill",
}
"""What there is on some systems only."""
OF_EXTRAS = """
torch torch.distributed lightning_fabric h5py zarr dask.array distributed starlette.applications uvicorn onnx
onnxruntime zuko openvino skdim
"""

MASK = """
import builtins, fcntl, io, os, signal, sys
from fcntl import F_GETFL, fcntl as control

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

def flushing(flush):
    def flushed(number):
        if control(number, F_GETFL) & os.O_ACCMODE == os.O_RDONLY:  # as Windows does
            raise OSError(9, "Bad file descriptor")
        flush(number)
    return flushed

os.fsync = flushing(os.fsync)
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


ALL = """
import importlib, pkgutil
import zpoints
names = [found.name for found in pkgutil.walk_packages(zpoints.__path__, "zpoints.")]
for name in names:
    if name != "zpoints.__main__":
        importlib.import_module(name)
print(len(names))
"""
LIBRARIES = """
import numpy, pandas, pyarrow.parquet, scipy.stats, sklearn.mixture, sklearn.ensemble, numba, matplotlib.pyplot
import filelock, platformdirs, threadpoolctl, jaxtyping, safetensors.numpy, pydantic, rich.progress, typer, jinja2
import {more}
"""


@pytest.mark.slow  # imports all libraries; the next test reads the same without them
@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_every_module_can_be_imported(system: str, tmp_path: Path) -> None:
    there = [name for name in OF_EXTRAS.split() if find_spec(name.partition(".")[0])]
    mask = LIBRARIES.format(more=", ".join(["os", *there])) + MASK + f"\nsys.platform = {system!r}\n"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", mask + ALL],
        capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


def test_what_posix_alone_has_is_asked_for_first() -> None:
    """No module imports it when it is imported itself; no function of it is called without a look at `os`."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        for node in tree.body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.name}: import {name}" for name in names if name.partition(".")[0] in OF_POSIX]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            module, name = node.value.id, node.attr
            if (module, name) in SYSTEMS_OWN and f'hasattr({module}, "{name}")' not in text:
                found.append(f"{path.name}: {module}.{name}")
    assert found == []


def test_texts_have_an_encoding() -> None:
    """Else they have the system's: on Windows neither Greek letters nor the names of people's files."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            is_text = name in ("read_text", "write_text") or (
                name == "open" and any(mode in ("r", "w", "a", "x", "r+", "w+", "rt", "wt") for mode in modes)
            )
            positional = name == "read_text" and node.args
            if is_text and not positional and "encoding" not in {word.arg for word in node.keywords}:
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_letters_that_a_pipe_does_not_have_are_replaced(encoding: str, tmp_path: Path) -> None:
    code = """
from zpoints.system.streams import secure_streams, tell
secure_streams()
print("3σ of µ"); tell("note: Ω")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, timeout=60,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).strip() == ("3? of µ" if encoding == "cp1252" else "3? of ?")
    assert done.stderr.strip() == rb"note: \u03a9"  # as Python has it there


def test_helpers_of_the_tests_start_where_nothing_forks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FORKS", False)
    code = "import os, sys; print(os.getcwd(), sys.argv[1:]); print('wrong', file=sys.stderr); sys.exit(3)"
    done = processes.run(code, ["a", 1], folder=tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (
        3,
        f"{tmp_path} ['a', '1']",
        "wrong",
    )


OPEN = """
import os, sys, traceback

def busy(path):
    path = os.path.realpath(path)
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    with open("/proc/self/maps") as maps:
        mapped = any(line.rstrip().endswith(path) for line in maps)
    return mapped or path in [os.readlink(link) for link in links if os.path.islink(link)]

def watched(work):
    def done(*paths, **named):
        for path in paths:
            # What holds a lock is removed once more, after its release, where it could not be removed before.
            if isinstance(path, (str, os.PathLike)) and os.path.exists(path) and busy(path):
                if not os.path.basename(path).startswith(".lock"):
                    traceback.print_stack()
                    os._exit(99)
        return work(*paths, **named)
    return done

os.replace, os.unlink, os.remove = watched(os.replace), watched(os.unlink), watched(os.remove)
"""


@pytest.mark.slow  # whole runs, of which other tests look at all else
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is open")
def test_no_file_is_replaced_or_removed_while_it_is_open(tmp_path: Path) -> None:
    """Windows refuses that. A run, and the same one with other settings, by a linear model and by a network."""
    np.save(tmp_path / "blobs.npy", blobs(150, 16, 16, 3))
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    common = [
        "autoencoder.latent=4",
        "judge.features=pixels",
        "samples.count=20",
        'samples.methods=["normal", "mixture"]',
    ]
    network = ["autoencoder.channels=[6, 8]", "training.epochs=2", "name=network"]
    for changes in (
        ["autoencoder.kind=pca"], ["autoencoder.kind=pca", "seed=3", "report.sheet=6"], network, [*network, "seed=3"]
    ):  # fmt: skip
        options = [part for one in (*common, *changes) for part in ("--set", one)]
        done = subprocess.run(
            [sys.executable, "-c", OPEN + processes.MAIN, "run", "--source", "blobs.npy", *options],
            capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=400,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "report:" in done.stdout
    # The watch sees what it is there for.
    held = "file = open('blobs.npy'); os.replace('blobs.npy', 'others.npy')"
    done = subprocess.run([sys.executable, "-c", OPEN + held], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 99
