"""Readings by the workers of a Dask cluster: they open the vectors themselves, and send nothing but sums.

**What moves.** A worker is told which rows of which files to read; vectors never travel, through the scheduler least
of all. Totals are added up in a tree on the workers, and the last ones are fetched. A message holds at most 64 MiB:
large totals (joint histograms, third moments, a row per vector) are cut into pieces, and each piece has a tree of
its own, so that no worker holds more than a few totals.

**By rows or by planes.** With W workers and S bytes of vectors, H bytes of joint histograms can be shared out in two
ways. *By rows*: each worker counts all planes of its rows; (W - 1) H bytes travel between workers, on top of the H
that the client gets. *By planes*: each worker counts its planes of all rows; no histograms travel but to the client,
and (W - 1) S bytes more are read. The smaller one is taken: by planes where S < H. A thousand vectors a plane are
about as many bytes as its histogram, so that many vectors are shared out by rows.

**When a worker dies** its ranges are done again by the others, with the same result. Blocks begin where they begin
in one process, so that totals differ by the rounding of their order alone.
"""

import pickle
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from zpoints.errors import ArrayError
from zpoints.files.arrays.shards import Shards
from zpoints.system.sizes import in_words
from zpoints.vectors import dask_worker
from zpoints.vectors.dask_arrays import DaskRows, dask_rows_in
from zpoints.vectors.dask_waiting import Waiting
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.leaves import Piece, leaves_of, nested, pruned, sum_of, united
from zpoints.vectors.questions import Into, Question, Sum
from zpoints.vectors.reduce import Source, Threads

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["MESSAGE", "DaskExecutor", "check_within_reach"]

MESSAGE = 64 << 20
"""Bytes of a message at most, but for single arrays that cannot be cut."""
EACH = 4  # ranges for each thread of a worker: so many times it is said how far the work is
EACH_LARGE = 2  # where a total is larger than a message: to make, to send and to add up each takes its time
MOST_ROWS = 4 << 20  # of a range: what is done again when a worker dies
FAN = 8  # small totals that are added up by one task; of large ones 2


@dataclass(frozen=True)
class DaskExecutor:
    """The workers of a cluster, by a client of `distributed`.

    Attributes
    ----------
    client : a ``distributed.Client``. direct : totals come straight from the workers; False where the client cannot
        reach them, then through the scheduler.
    message : bytes of a message at most.

    Examples
    --------
    ::

        with Client("tcp://scheduler:8786") as client, working_by(DaskExecutor(client)):
            found = zp.analyse("/shared/z/*.npy")
    """

    client: "Client"
    direct: bool = True
    message: int = MESSAGE

    def total(
        self, source: Source, work: Sum, size: int, bytes_each: int, advance: Callable[[int], None]
    ) -> Any:
        """The total of all blocks. What lies in this process's memory is worked on by its own threads.

        Raises
        ------
        ArrayError : a worker cannot read the vectors; says which host, and what.
        StageError : the scheduler is gone, or no workers are left.
        """
        if not isinstance(source, LatentSet) or not _within_reach(source):
            return Threads().total(source, work, size, bytes_each, advance)
        reading = _Reading(self, source, size, advance)
        try:
            return reading.answer(work.of)
        finally:
            reading.end()


def _within_reach(latents: LatentSet) -> bool:
    return latents.reader.portable or dask_rows_in(latents.reader) is not None


def check_within_reach(latents: LatentSet) -> None:
    """Refuse vectors that only this process has.

    Raises
    ------
    ArrayError : they lie in its memory; says how many bytes.
    """
    if not _within_reach(latents):
        size = in_words(latents.total * latents.dimension * latents.reader.dtype.itemsize)
        raise ArrayError(
            f"{latents.name}: {size} in this process's memory, which no worker sees; write them to a file that all "
            "hosts see, as numpy.save('/shared/z.npy', z), and give its path, or give a Dask array"
        )


@dataclass
class _Job:
    """One question over some ranges of rows.

    Attributes
    ----------
    of, leaves : what is asked, and the numbers of its leaves in the whole question.
    place : of the pieces of its one leaf, where planes are shared out.
    ranges : first row, and the row after the last.
    near : of each range, which worker is to do it; nothing for blocks of Dask arrays, which lie where they lie.
    """

    of: Question
    leaves: list[int]
    ranges: list[tuple[int, int]]
    place: int = 0
    told: bool = True
    planned: bool = False
    totals: "list[Future | None]" = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    rows: "list[Future]" = field(default_factory=list)
    rows_bytes: list[int] = field(default_factory=list)
    sums: "list[Future]" = field(default_factory=list)


class _Reading:
    """One reading of the vectors by a cluster."""

    def __init__(
        self, by: DaskExecutor, latents: LatentSet, size: int, advance: Callable[[int], None]
    ) -> None:
        self.client, self.direct, self.message = by.client, by.direct, by.message
        self.latents, self.size, self.advance = latents, size, advance
        self.token, self.number = uuid.uuid4().hex[:12], 0
        self.array: DaskRows | None = dask_rows_in(latents.reader)
        self.futures: WeakSet[Future] = (
            WeakSet()
        )  # a total stays on the cluster as long as somebody waits for it
        self.waiting = Waiting(by.client)
        self.threads = self.waiting.workers()

    # --- the plan -------------------------------------------------------------------------------------------------

    def answer(self, of: Question) -> Any:
        """What all jobs find, put together."""
        jobs = self._jobs(of, list(leaves_of(of)))
        for job in jobs:
            self._begin(job)
        facts = {future: (job, k) for job in jobs for k, future in enumerate(self._facts(job))}
        for done in self.waiting.completed(list(facts)):
            for future, found_ in zip(done, self.waiting.got(done), strict=True):
                job, k = facts[future]
                self._go_on(job, k, found_)
                if job.told:
                    self.advance(self._chosen(*job.ranges[k]))
        found: dict[int, list[Piece]] = {}
        for job in jobs:
            for piece in self._fetched(job):
                # Of planes that were shared out, each job has one piece of the leaf.
                place = piece.place if job.place == 0 else job.place * 10**6 + piece.place
                leaf = job.leaves[piece.leaf]
                found.setdefault(leaf, []).append(Piece(leaf, place, piece.summary))
        return nested(of, iter([united(found[leaf]) for leaf in sorted(found)]))

    def _jobs(self, of: Question, leaves: list[Any]) -> list[_Job]:
        n, itemsize = self.latents.total, self.latents.reader.dtype.itemsize
        source, workers = n * self.latents.dimension * itemsize, len(self.threads)
        by_planes: dict[int, Callable[[int], Sequence[Into]]] = {}
        for k, leaf in enumerate(leaves):
            shared = isinstance(leaf, Into) and leaf.shares is not None and leaf.nbytes > source
            if shared and workers > 1 and self.array is None:
                by_planes[k] = leaf.shares
        by_rows = [k for k in range(len(leaves)) if k not in by_planes]
        jobs = []
        if by_rows:
            large = sum(leaves[k].nbytes for k in by_rows if isinstance(leaves[k], Into))
            jobs.append(_Job(pruned(of, set(by_rows)), by_rows, self._ranges(large)))
        for k, shares in by_planes.items():
            for place, share in enumerate(shares(workers)):
                jobs.append(_Job(pruned(of, {k}, share), [k], [(0, n)], place, told=False))
        if not by_rows:
            jobs[0].told = True
        return jobs

    def _ranges(self, large: int) -> list[tuple[int, int]]:
        """Ranges of whole blocks, which end where files end, as far as blocks allow; of Dask's arrays its chunks."""
        n = self.latents.total
        if self.array is not None:
            ends = np.cumsum([0, *self.array.array.chunks[0]]).tolist()
            return [each for each in pairwise(ends) if each[0] < each[1]]
        number, blocks = max(self._number(large), -(-n // MOST_ROWS)), -(-n // self.size)
        number = min(number, blocks)
        ends = np.round(np.arange(number + 1) * blocks / number) * self.size
        shards = _ends_of_files(self.latents.reader)
        if len(shards) > 2:
            near = shards[np.abs(shards[None] - ends[:, None]).argmin(axis=1)]
            snapped = np.round(near / self.size) * self.size
            ends = np.where(np.abs(near - ends) <= n / number / 2, snapped, ends)
        ends[0], ends[-1] = 0, n
        return list(pairwise(np.unique(np.minimum(ends, n)).astype(np.int64).tolist()))

    def _number(self, large: int) -> int:
        """How many ranges: several for each thread, but so few that their totals fit into the workers' memory."""
        memory = self._memory()
        each = EACH if large <= self.message else EACH_LARGE
        if large and memory is not None:
            each = min(each, max(1, memory // (4 * large)))
        return sum(self.threads.values()) * each

    def _memory(self) -> int | None:
        """Of the smallest worker, for each of its threads."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        limits = [
            each["memory_limit"] // max(1, each["nthreads"]) for each in workers if each["memory_limit"]
        ]
        return min(limits, default=None)

    # --- the tasks ------------------------------------------------------------------------------------------------

    def _submit(self, function: Callable[..., Any], *args: Any, name: str, **options: Any) -> "Future":
        self.number += 1
        key = f"zpoints-{name}-{self.token}-{self.number}"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # a question, which holds matrices
            future = self.client.submit(function, *args, key=key, **options)
        self.futures.add(future)
        return future

    def _map(
        self,
        function: Callable[..., Any],
        *items: Sequence[Any],
        name: str,
        options: dict[str, Any],
        **given: Any,
    ) -> "list[Future]":
        """One task for each item, sent together: that costs a tenth of sending each alone."""
        keys = [f"zpoints-{name}-{self.token}-{self.number + k}" for k in range(1, len(items[0]) + 1)]
        self.number += len(keys)
        found = self.client.map(function, *items, key=keys, **options, **given)
        self.futures.update(found)
        return found

    def _map_near(
        self,
        near: Sequence[str],
        function: Callable[..., Any],
        *items: Sequence[Any],
        name: str,
        priority: int = 0,
        **given: Any,
    ) -> "list[Future]":
        """The same, each by the worker that is named beside it, or by another where that one is gone."""
        found: dict[int, Future] = {}
        for worker in dict.fromkeys(near):
            places = [k for k, each in enumerate(near) if each == worker]
            mine = [[each[k] for k in places] for each in items]
            options = {"workers": [worker], "allow_other_workers": True, "priority": priority}
            tasks = self._map(function, *mine, name=name, options=options, **given)
            found.update(zip(places, tasks, strict=True))
        return [found[k] for k in range(len(near))]

    def _begin(self, job: _Job) -> None:
        """Send the question, and all ranges."""
        token = f"{self.token}-{self.number}"
        payload = _pickled((self.latents, Sum(job.of)))
        # A task and no scattered data: it is made again when all workers that hold it die.
        question = self._submit(bytes, payload, name="question")
        if self.array is not None:
            job.totals += self._over_blocks(question, token)
            return
        workers, number = list(self.threads), len(job.ranges)
        job.near = [workers[(job.place + k * len(workers) // number) % len(workers)] for k in range(number)]
        job.totals += self._map_near(
            job.near,
            dask_worker.over_range,
            [start for start, _ in job.ranges],
            [stop for _, stop in job.ranges],
            name="range",
            payload=question,
            token=token,
            size=self.size,
        )

    def _over_blocks(self, question: "Future", token: str) -> "list[Future]":
        assert self.array is not None, "asked of Dask arrays only"
        blocks = [part.to_delayed().ravel().tolist() for part in self.array.parts()]
        # Blocks that are there already stay, and the others are made where they are counted.
        lengths = [length for length in self.array.array.chunks[0] if length]
        starts = np.cumsum([0, *lengths[:-1]]).tolist()
        filled = [each for each, n in zip(blocks, self.array.array.chunks[0], strict=True) if n]
        found = []
        for start, each in zip(starts, filled, strict=True):
            parts = self.client.compute(each)
            found.append(
                self._submit(dask_worker.over_blocks, question, token, start, self.size, parts, name="blocks")
            )
        return found

    def _facts(self, job: _Job) -> "list[Future]":
        return self._map(
            dask_worker.facts, job.totals, name="facts", options={"priority": 2}, most=self.message
        )

    def _go_on(self, job: _Job, k: int, facts: dask_worker.Facts) -> None:
        """After one range: its rows are sent for, and after the first one the trees of sums are known."""
        total = job.totals[k]
        job.rows += [
            self._submit(dask_worker.rows_piece, total, place, self.message, name="rows", priority=1)
            for place in range(len(facts.rows))
        ]
        job.rows_bytes += facts.rows
        if not job.planned:
            fan, every = FAN if facts.nbytes <= self.message else 2, sum(map(len, facts.bundles))
            job.sums = [self._tree(job, keys, every, fan) for keys in facts.bundles]
            job.planned = True
        job.totals[k] = None

    def _tree(self, job: _Job, keys: Sequence[tuple[int, int]], every: int, fan: int) -> "Future":
        given: dict[str, Any] = {"name": "bundle", "wanted": keys, "every": every, "most": self.message}
        if job.near:  # a total is cut where it lies: else all of it would travel for each piece
            level = self._map_near(job.near, dask_worker.bundle, job.totals, priority=1, **given)
        else:
            level = self._map(dask_worker.bundle, job.totals, options={"priority": 1}, **given)
        while len(level) > 1:
            groups = [level[start : start + fan] for start in range(0, len(level), fan)]
            level = self._map(sum_of, groups, name="sum", options={"priority": 1})
        return level[0]

    def _fetched(self, job: _Job) -> Iterator[Piece]:
        """All that is left of a job: its sums, and its rows; one message after the other."""
        for done in self.waiting.completed(job.sums):
            for future in done:
                yield from self.waiting.got([future], direct=self.direct)[0].pieces
        place, sizes = 0, dict(zip(job.rows, job.rows_bytes, strict=True))
        for done in self.waiting.completed(job.rows):
            for some in _together(done, [sizes[future] for future in done], self.message):
                for bundle in self.waiting.got(some, direct=self.direct):
                    for piece in bundle.pieces:
                        yield Piece(piece.leaf, place, piece.summary)
                        place += 1

    def _chosen(self, start: int, stop: int) -> int:
        rows = self.latents.rows
        return stop - start if rows is None else int(np.diff(np.searchsorted(rows, (start, stop)))[0])

    def end(self) -> None:
        """Nothing of this reading goes on, whatever ended it."""
        # Not cancelled: of a task that only another task still needs, that ends the scheduler's connection
        # (an assertion in `distributed`); released, what has not begun never does.
        for future in list(self.futures):
            future.release()


def _together(futures: "list[Future]", sizes: Sequence[int], most: int) -> "Iterator[list[Future]]":
    """In runs of at most so many bytes, but for single ones that have more."""
    some: list[Future] = []
    filled = 0
    for future, size in zip(futures, sizes, strict=True):
        if some and filled + size > most:
            yield some
            some, filled = [], 0
        some.append(future)
        filled += size
    if some:
        yield some


def _pickled(work: Any) -> bytes:
    """Pickled by name, as far as workers know the names; what only this process knows, by value."""
    import cloudpickle

    try:
        found = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        if b"__main__" not in found:
            return found
    except (pickle.PicklingError, AttributeError, TypeError):  # a function in a function
        pass
    return cloudpickle.dumps(work)


def _ends_of_files(reader: Any) -> np.ndarray:
    """The rows where files end, the first 0; of what is not many files, nothing."""
    while reader is not None and not isinstance(reader, Shards):
        reader = getattr(reader, "reader", None)
    return np.zeros(0) if reader is None else np.asarray(reader.ends, np.float64)
