"""How many processors there are, and how many threads the work may have where somebody has said so."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

from zpoints.system.limits import processor_quota

__all__ = ["THREAD_VARIABLES", "blas", "fixed_threads", "processors", "with_threads"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Of the environment: libraries read them when they are loaded."""

_fixed: list[int] = []


def processors() -> int:
    """How many processors this process may use: those that system and container let it have, or `with_threads`."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, _fixed[-1] if _fixed else _allowed())


@cache
def _allowed() -> int:
    quota = processor_quota()
    return sys.maxsize if quota is None else max(1, round(quota))


def fixed_threads() -> int | None:
    """The number of threads that was asked for; None where the work finds out itself how many pay."""
    return _fixed[-1] if _fixed else None


@cache
def blas() -> ThreadpoolController:
    """The thread pools of the libraries for linear algebra."""
    return ThreadpoolController()


@contextmanager
def with_threads(count: int | None) -> Iterator[None]:
    """Inside, all work has so many threads, no more and, in PyTorch, no fewer; None changes nothing."""
    if count is None:
        yield
        return
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    import numba

    compiled = numba.get_num_threads()  # this alone may change PyTorch's, which shares OpenMP with it
    _fixed.append(count)
    numba.set_num_threads(min(count, compiled))
    if torch:
        torch.set_num_threads(count)
    try:
        with blas().limit(limits=count, user_api="blas"):
            yield
    finally:
        _fixed.pop()
        numba.set_num_threads(compiled)
        if torch:
            torch.set_num_threads(before)
