"""Several blocks at a time: one thread per block, and one thread of BLAS in each.

The threads of a BLAS keep looking for more work for some milliseconds after every product, and meanwhile take the
processor from whatever comes next: alternating with Numba's kernels, block after block, a whole analysis takes a
fifth longer. And two small products side by side are faster than two threads on each.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

from zpoints.system.budget import share
from zpoints.system.thread_count import blas, processors

__all__ = ["AHEAD_BYTES", "map_ordered", "one_blas_thread", "side_by_side"]

MOST_WORKERS = 16
AHEAD_BYTES = 256 << 20  # memory that work under way may take, where the budget has it

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ordered(
    work: Callable[[Item], Result], items: Iterable[Item], bytes_each: int = 0
) -> Iterator[Result]:
    """`work` of every item, in the items' order, worked out by several threads ahead of who asks for it.

    Parameters
    ----------
    work : releases the interpreter's lock most of the time, as NumPy does; does not call Numba's parallel kernels,
        whose threads belong to the main one.
    items : asked for by the calling thread only, a few ahead.
    bytes_each : memory that one item's work takes; large ones are worked on by fewer threads.
    """
    workers = _workers(bytes_each)
    with one_blas_thread(), ThreadPoolExecutor(workers, "zpoints") as threads:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(threads.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def side_by_side(*works: Callable[[], Any]) -> list[Any]:
    """What each of some independent works gives, in their order; none of them with a thread of BLAS for itself."""
    return list(map_ordered(lambda work: work(), works))


def _workers(bytes_each: int) -> int:
    return max(1, min(processors(), MOST_WORKERS, share(AHEAD_BYTES) // max(bytes_each, 1)))


class _Limit:
    """The limit in force, and how many parts of the program rely on it."""

    def __init__(self) -> None:
        self.lock, self.users = Lock(), 0
        self.limiter: Any = None


_limit = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS works on the calling thread alone, until the last of those who asked for it has left."""
    with _limit.lock:
        if _limit.users == 0:
            _limit.limiter = blas().limit(limits=1, user_api="blas")
        _limit.users += 1
    try:
        yield
    finally:
        with _limit.lock:
            _limit.users -= 1
            if _limit.users == 0:
                _limit.limiter.restore_original_limits()
                _limit.limiter = None
