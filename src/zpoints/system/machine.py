"""What this machine has, and what it allows: facts to be told to a person, none of them needed by the work itself."""

import os
import platform
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from zpoints.config import BudgetSettings
from zpoints.errors import DiskError
from zpoints.system.budget import Budget
from zpoints.system.limits import processor_quota, ram_left, ram_limit
from zpoints.system.load import OtherPrograms
from zpoints.system.lock import knows_locks
from zpoints.system.meter import processor_name
from zpoints.system.thread_count import THREAD_VARIABLES, blas, processors

__all__ = ["Folder", "Machine", "folder_at", "look_at_machine", "nvidia_gpus"]

LOOK = 0.3  # seconds in which the other programs are watched


@dataclass(frozen=True)
class Machine:
    """Processors and memory.

    Attributes
    ----------
    cores : of the machine; `processors`, those that this process may use.
    quota : how many processors' time the container allows; None without such a limit.
    busy : how many processors other programs keep busy at the moment; None where nobody knows.
    ram : bytes of memory that are allowed, and by whom; `ram_left`, what is left of it now.
    budget : bytes that a run would take at most, by default.
    blas : the libraries for linear algebra, and how many threads each takes.
    variables : those of the environment that limit threads.
    """

    system: str
    python: str
    processor: str
    cores: int
    processors: int
    quota: float | None
    busy: float | None
    ram: int | None
    ram_of: str
    ram_left: int | None
    budget: int | None
    blas: dict[str, int]
    variables: dict[str, str]


@dataclass(frozen=True)
class Folder:
    """A place for files.

    Attributes
    ----------
    free : bytes; None where the system does not tell.
    writable : whether files can be made there.
    locks : whether its drive knows locks, which keep two runs out of one folder; None where that was not tried.
    """

    path: Path
    free: int | None
    writable: bool
    locks: bool | None = None


def look_at_machine() -> Machine:
    """Look at processors, memory and threads; takes a third of a second."""
    others = OtherPrograms()
    time.sleep(LOOK)
    limit = ram_limit()
    return Machine(
        system=platform.platform(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        processor=processor_name(),
        cores=os.cpu_count() or 1,
        processors=processors(),
        quota=processor_quota(),
        busy=others.processors,
        ram=limit.size if limit else None,
        ram_of=limit.where if limit else "",
        ram_left=ram_left(),
        budget=Budget.of(BudgetSettings()).ram,
        blas=_blas(),
        variables={name: os.environ[name] for name in THREAD_VARIABLES if os.environ.get(name)},
    )


def _blas() -> dict[str, int]:
    import numpy.linalg  # noqa: F401
    import scipy.linalg  # noqa: F401  # each brings a library of its own

    pools = (pool for pool in blas().info() if pool["user_api"] == "blas")
    return {f"{pool['internal_api']} {pool['version']}": pool["num_threads"] for pool in pools}


def folder_at(path: Path, locks: bool = False) -> Folder:
    """What there is to say of a folder, which need not be there yet; nothing is left behind.

    Parameters
    ----------
    locks : also try whether its drive knows locks.
    """
    there = next((folder for folder in (path, *path.absolute().parents) if folder.is_dir()), None)
    if there is None or path.is_file():
        return Folder(path, None, False)
    try:
        free: int | None = shutil.disk_usage(there).free
    except OSError:
        free = None
    writable = os.access(there, os.W_OK | os.X_OK)
    known: bool | None = None
    if locks and writable:
        try:
            known = knows_locks(there)
        except (DiskError, OSError):
            writable = False
    return Folder(path, free, writable, known)


def nvidia_gpus() -> list[str]:
    """Names of the GPUs that NVIDIA's driver knows, whether PyTorch can use them or not."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        names = [pynvml.nvmlDeviceGetName(handle) for handle in handles]
    except Exception:  # no such package, no driver, no GPU, or one of another make
        return []
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
