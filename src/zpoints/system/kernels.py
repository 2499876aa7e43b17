"""The compiled kernels' surroundings: where their machine code is kept, who hears that it is being made, and what a
forked child runs.

`prepare` is called when zpoints is imported, so before any kernel is. It loads nothing: Numba takes a second.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from zpoints.system.sizes import clock

if TYPE_CHECKING:
    from zpoints.system.progress import Progress

__all__ = ["compiling_told", "kernel_folder", "prepare"]

PACKAGE = Path(__file__).parents[1]
VARIABLE = "NUMBA_CACHE_DIR"
SECONDS = 15
"""What the kernels of an analysis take to compile, on one core of a server."""

_state = {"told": False, "forked": False}


def prepare() -> None:
    """Decide where machine code is kept, and have forked children run kernels that start no threads."""
    if not os.environ.get(VARIABLE) and _place_of_numba() is None:
        _keep_in(_own_folder())
    if sys.platform == "linux" and hasattr(os, "register_at_fork"):  # elsewhere OpenMP bears a fork
        os.register_at_fork(after_in_child=_after_fork)


# --- the machine code's place


def kernel_folder() -> Path | None:
    """Where machine code is kept; None where every process has to compile for itself."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen) if _writable(Path(chosen)) else None
    return _place_of_numba()


def _place_of_numba() -> Path | None:
    """The folder of Numba's choice that can be written to: beside the sources, or in the user's cache."""
    beside = PACKAGE / "statistics" / "__pycache__"
    if _writable(beside):
        return beside
    from platformdirs import user_cache_path

    users = user_cache_path("numba", appauthor=False)
    return users if _writable(users) else None


def _writable(folder: Path) -> bool:
    """Whether it can be written to, or made."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _own_folder() -> Path | None:
    """A folder of ours: in ``ZPOINTS_CACHE``, else in the system's folder for temporary files."""
    chosen = os.environ.get("ZPOINTS_CACHE")
    if chosen and _writable(Path(chosen).expanduser()):
        return Path(chosen).expanduser() / "kernels"
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else ""
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"zpoints-kernels-{user}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        return folder if _mine_alone(folder) else None
    return None


def _mine_alone(folder: Path) -> bool:
    """Nobody else may have put machine code there, nor may do so later."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)


def _keep_in(folder: Path | None) -> None:
    if folder is not None:
        os.environ[VARIABLE] = str(folder)
        if "numba" in sys.modules:  # it has read the variables already
            sys.modules["numba"].config.CACHE_DIR = str(folder)
        return
    # No place at all: every process compiles for itself. Numba would refuse even to define the kernels.
    from numba.core.dispatcher import Dispatcher

    Dispatcher.enable_caching = lambda self: None  # type: ignore[method-assign]


# --- a word about it


@contextmanager
def compiling_told(progress: "Progress") -> Iterator[None]:
    """Inside, a kernel of zpoints that has to be compiled is told to `progress`; once in a process."""
    from numba.core import event

    if _state["forked"]:
        _use_serial_kernels()  # of modules that were imported after the fork

    class Told(event.Listener):
        def on_start(self, event: Any) -> None:
            if not _state["told"] and event.data["dispatcher"].py_func.__module__.startswith("zpoints."):
                _state["told"] = True
                progress.say(f"compiling the kernels, once in this environment: about {clock(SECONDS)}")

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Told()):
        yield


# --- forked children


def _after_fork() -> None:
    """In the child of a process that has used GNU OpenMP, one thread has to do.

    The child has none of the threads that the library counts on. scikit-learn would wait for them for ever; Numba
    ends the child at its first parallel kernel, and a pool replaces such children for ever. See "Threading layers"
    in Numba's manual.
    """
    if "numba" not in sys.modules:
        return
    from numba import threading_layer

    with suppress(ValueError):  # no parallel kernel has run yet
        if threading_layer() == "omp":
            from threadpoolctl import ThreadpoolController

            ThreadpoolController().select(prefix="libgomp").limit(limits=1)
            _state["forked"] = True
            _use_serial_kernels()


def _use_serial_kernels() -> None:
    """Put kernels without threads in the place of the parallel ones, in all modules of zpoints."""
    from numba.core.registry import CPUDispatcher

    serial: dict[int, Any] = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("zpoints.") or module is None:
            continue
        for attribute, kernel in list(vars(module).items()):
            if isinstance(kernel, CPUDispatcher) and kernel.targetoptions.get("parallel"):
                twin = serial.setdefault(id(kernel), None) or _serial(kernel)
                serial[id(kernel)] = twin
                setattr(module, attribute, twin)


def _serial(kernel: Any) -> Any:
    """The same kernel on one thread, kept under a name of its own: Numba's cache does not tell the two apart."""
    import numba

    given = kernel.py_func
    function = FunctionType(
        given.__code__, given.__globals__, given.__name__, given.__defaults__, given.__closure__
    )
    function.__qualname__ = f"{given.__qualname__}_serial"
    function.__module__ = given.__module__
    options = {
        name: value for name, value in kernel.targetoptions.items() if name not in ("nopython", "parallel")
    }
    return numba.njit(cache=True, **options)(function)
