"""What several tests use: shape checks while the tests run, clouds of points, and errors of one line."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import beartype
import numba
import numpy as np
import pytest
from jaxtyping import install_import_hook

from zpoints.errors import ZPointsError

WITHOUT_TORCH = """
import sys

class WithoutTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "lightning_fabric"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, WithoutTorch())
"""
"""Code for the start of a process in which PyTorch cannot be imported, as where it is not installed."""


def checked(function: Any) -> Any:
    """Beartype, without a look at `Self`, which it knows only in classes that it decorates whole.

    An int is taken for a float, as PEP 484 has it.
    """
    hints = getattr(function, "__annotations__", {})
    function.__annotations__ = {name: Any if hint is typing.Self else hint for name, hint in hints.items()}
    return beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))(function)


def check_shapes() -> None:
    """From now on, the shape annotations of the mathematics are checked in every call."""
    compiled = numba.njit

    def njit(*args: Any, **options: Any) -> Callable[[Any], Any]:
        """Numba compiles the function itself, not the check around it."""
        return lambda function: compiled(*args, **options)(inspect.unwrap(function))

    numba.njit = njit
    install_import_hook(
        ["zpoints.statistics", "zpoints.samplers", "zpoints.analysis.distribution"], "support.checked"
    )


def correlated(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Normal vectors, off centre, with correlated components of unequal spread."""
    random = np.random.default_rng(seed)
    mix = random.normal(size=(d, d)) / np.sqrt(d) + np.diag(np.linspace(0.3, 2.0, d))
    return random.normal(size=(n, d)) @ mix + np.linspace(-3.0, 3.0, d)


def line(error: BaseException) -> str:
    """The message of an error that a user meets, which must be one line and not a long one."""
    assert isinstance(error, ZPointsError)
    text = str(error)
    assert text
    assert "\n" not in text
    return text


@contextmanager
def little_memory(mebibytes: int) -> Iterator[None]:
    """Inside, this process may have only so many mebibytes more than it has now; claims count, touched or not."""
    resource = pytest.importorskip("resource", reason="needs limits of POSIX")
    told = Path("/proc/self/status")
    if not told.exists():
        pytest.skip("needs what Linux tells of a process's memory")
    status = told.read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmData:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(found.group(1)) * 1024 + mebibytes * 2**20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def blobs(count: int, height: int, width: int, colours: int, seed: int = 0) -> np.ndarray:
    """Pictures of one soft blob each, of random place, size and colour: (count, height, width, colours) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    place = random.uniform(0.25, 0.6, (count, 2, 1, 1))
    size = random.uniform(0.1, 0.3, (count, 1, 1))
    shape = np.exp(-((y - place[:, 0]) ** 2 + (x - place[:, 1]) ** 2) / (2 * size**2))
    colour = random.uniform(60, 255, (count, 1, 1, colours))
    return (shape[..., None] * colour).astype(np.uint8)


class _NoFigures:
    """Stands for `zpoints.plots`: draws nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def no_figures(put: Callable[[object, str, object], None] = setattr) -> None:
    """From now on reports have no figures, which take most of a small run's time; all else is written as ever."""
    import zpoints.report.page as page

    put(page, "plots", _NoFigures())
    put(page, "_embed", lambda _: "data:,")
