"""What a Dask worker does: opens the vectors by their description, adds up its ranges of rows, and joins totals.

All functions here are pure: a task that was lost with its worker is simply done again.
"""

import pickle
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock, local

import numpy as np

from zpoints.system.meter import kept_memory
from zpoints.system.threads import one_blas_thread
from zpoints.vectors.dask_arrays import hand_over
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.leaves import Bundle, Piece, Total, bytes_in, leaves_of, pieces_of, totals_in
from zpoints.vectors.questions import Into, Sum
from zpoints.vectors.reduce import Rows

__all__ = ["Facts", "bundle", "facts", "over_blocks", "over_range", "rows_piece"]

_kernels = Lock()  # Numba's parallel kernels take one caller at a time; they use all threads of this worker
_opened = local()  # by thread, since a reader is for one thread at a time


@dataclass(frozen=True)
class Facts:
    """What the client has to know of a total: nothing but numbers.

    Attributes
    ----------
    bundles : leaf and place of the pieces of each bundle; no bundle is larger than a message may be, but where a
        single piece is.
    rows : bytes of the pieces of the leaves that hold a row for each vector, which are not added up.
    nbytes : of the whole total.
    host : where it lies.
    """

    bundles: tuple[tuple[tuple[int, int], ...], ...]
    rows: list[int]
    nbytes: int
    host: str


def over_range(start: int, stop: int, payload: bytes, token: str, size: int) -> Total:
    """The total of a range of the rows of the file."""
    latents, work = _loaded(payload, token)
    return _over(work, latents.numbered_between(start, stop, size))


def over_blocks(payload: bytes, token: str, start: int, size: int, blocks: Sequence[np.ndarray]) -> Total:
    """The same of rows of a Dask array, which are here."""
    latents, work = _loaded(payload, token)
    rows = np.concatenate(blocks) if len(blocks) > 1 else np.asarray(blocks[0])
    hand_over(latents.reader, rows, start)
    try:
        return _over(work, latents.numbered_between(start, start + len(rows), size))
    finally:
        hand_over(latents.reader, None, 0)


def _loaded(payload: bytes, token: str) -> tuple[LatentSet, Sum]:
    """The vectors and the question; opened once a reading by each thread."""
    if getattr(_opened, "token", None) != token:
        _opened.token, _opened.found = None, None
        _opened.found = pickle.loads(payload)
        _opened.token = token
    return _opened.found


def _over(work: Sum, blocks: Iterator[tuple[int, np.ndarray]]) -> Total:
    import numba

    most = int(vars(numba.config)["NUMBA_NUM_THREADS"])
    numba.set_num_threads(max(1, min(_threads(), most)))
    filling = any(isinstance(leaf, Into) for leaf in leaves_of(work.of))
    total = work.empty()
    # Dask starts its workers with a C library that gives each freed block of a reading back to the kernel, which then
    # fills new pages: a third of the time of a reading. Values that are too large are noticed in the sums.
    with kept_memory(), one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for numbered in blocks:
            part = work.part(numbered)
            if filling:
                with _kernels:
                    total = work.take(total, part)
            else:
                total = work.take(total, part)
        found = list(totals_in(work.of, total))
        for summary in found:
            if hasattr(summary, "finished"):  # nothing changes a total from now on
                with _kernels:
                    summary.finished()
    return Total(found)


def _threads() -> int:
    """Threads that this worker may use."""
    from distributed import get_worker

    try:
        return int(get_worker().state.nthreads)
    except (ValueError, AttributeError):
        return 1


def facts(total: Total, most: int) -> Facts:
    """How a total is to be cut into messages."""
    bundles: list[list[tuple[int, int]]] = []
    filled = most
    for piece, size in ((piece, bytes_in(piece.summary)) for piece in _pieces(total, most)):
        if filled + size > most:
            bundles.append([])
            filled = 0
        bundles[-1].append((piece.leaf, piece.place))
        filled += size
    return Facts(
        tuple(map(tuple, bundles)),
        [bytes_in(piece.summary) for piece in _rows_pieces(total, most)],
        bytes_in(total.summaries),
        socket.gethostname(),
    )


def bundle(total: Total, wanted: Sequence[tuple[int, int]], every: int, most: int) -> Bundle:
    """Some of all `every` pieces of a total; what is cut otherwise than elsewhere cannot be added up."""
    there = {(piece.leaf, piece.place): piece for piece in _pieces(total, most)}
    if len(there) != every:
        raise RuntimeError(f"a total has {len(there)} pieces, and elsewhere {every}")
    return Bundle([there[key] for key in wanted])


def rows_piece(total: Total, place: int, most: int) -> Bundle:
    """One piece of the leaves that hold a row for each vector."""
    return Bundle([_rows_pieces(total, most)[place]])


def _pieces(total: Total, most: int) -> Iterator[Piece]:
    for leaf, summary in enumerate(total.summaries):
        if not isinstance(summary, Rows):
            yield from pieces_of(leaf, summary, most, bytes_in(summary) > most)


def _rows_pieces(total: Total, most: int) -> list[Piece]:
    return [
        piece
        for leaf, summary in enumerate(total.summaries)
        if isinstance(summary, Rows)
        for piece in pieces_of(leaf, summary, most, True)
    ]
