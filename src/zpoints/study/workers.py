"""Cells one after the other in this process, or several at a time, each in a process of its own."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from zpoints.study.cell import Job, Outcome, work
from zpoints.system.stopping import StoppedError, terminable
from zpoints.system.thread_count import THREAD_VARIABLES

__all__ = ["outcomes"]

PATIENCE = 60.0
"""Seconds that a process has to write what it has, once it is asked to stop."""


def outcomes(jobs: Sequence[Job], at_once: int, threads: int) -> Generator[Outcome, None, None]:
    """Do all jobs, and tell of each when it is done, in whatever order that is.

    Parameters
    ----------
    at_once : processes; one job at a time is done in this process.
    threads : of each process.

    Asked to stop, all processes write what they have; the next study goes on there.
    """
    if at_once == 1:
        yield from map(work, jobs)
        return
    waiting, workers = deque(jobs), [_Worker.start(threads) for _ in range(min(at_once, len(jobs)))]
    try:
        for worker in workers:
            worker.give(waiting.popleft())
        while busy := [worker for worker in workers if worker.job]:
            ready = wait([worker.pipe for worker in busy])
            for place, worker in enumerate(workers):
                if worker.pipe not in ready or worker.job is None:
                    continue
                yield worker.outcome()
                if not worker.process.is_alive() or worker.broken:
                    worker.stop()
                    workers[place] = worker = _Worker.start(threads)
                if waiting:
                    worker.give(waiting.popleft())
    finally:
        _stop(workers)


@dataclass
class _Worker:
    """A process that does one job after the other, as seen from here."""

    process: Any
    pipe: Connection
    job: Job | None = None
    broken: bool = False

    @classmethod
    def start(cls, threads: int) -> "_Worker":
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there,), daemon=True)
        # Libraries count their threads when they are loaded, from the environment that a process begins with.
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
        try:
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        there.close()
        return cls(process, here)

    def give(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # a process that is gone is noticed when it should answer
            self.pipe.send(job)

    def outcome(self) -> Outcome:
        job, self.job = self.job, None
        assert job is not None
        try:
            found: Outcome | BaseException = self.pipe.recv()
        except (EOFError, OSError):
            self.broken = True
            self.process.join(PATIENCE)
            code = self.process.exitcode
            how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
            why = "; the system may have had no memory left: try fewer --jobs" if code == -9 else ""
            return Outcome(job.name, error=f"its process ended with {how}{why}")
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self) -> None:
        self.pipe.close()
        if self.process.is_alive():
            self.process.terminate()


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.stop()
    limit = time.monotonic() + PATIENCE
    for worker in workers:
        worker.process.join(max(0.0, limit - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()


def _serve(pipe: Connection) -> None:
    """What a process does: jobs until there are no more."""
    with suppress(OSError, AttributeError):
        os.setpgid(0, 0)  # Ctrl-C on a terminal goes to who leads, who then asks the others to stop
    threading.Thread(target=_end_with_leader, daemon=True).start()
    with suppress(EOFError, OSError, KeyboardInterrupt), terminable():
        while True:
            job = pipe.recv()
            try:
                found: Outcome | BaseException = work(job)
            except KeyboardInterrupt as error:
                found = StoppedError(str(error))
            pipe.send(found)
            if isinstance(found, BaseException):
                return


def _end_with_leader() -> None:
    """Nobody waits for the work any more: end at once, and leave the cell to the next study."""
    leader = multiprocessing.parent_process()
    if leader is not None:
        leader.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)
        os._exit(1)
