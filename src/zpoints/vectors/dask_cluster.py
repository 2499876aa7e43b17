"""Who works: a cluster that is there, one of processes on this machine, or the threads of this process."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zpoints.errors import StageError, UsageError, reason
from zpoints.system.budget import current
from zpoints.system.extras import have, need
from zpoints.system.threads import processors
from zpoints.vectors.dask_arrays import dask_rows_in
from zpoints.vectors.latent_set import LatentSet

if TYPE_CHECKING:
    from zpoints.vectors.dask_executor import DaskExecutor

__all__ = ["cluster", "executor_for"]

PATIENCE = 10  # seconds for a scheduler to answer
DEATHS = 20  # of workers under one range of a cluster of our own, before the work is given up
OWN = {
    "distributed.scheduler.allowed-failures": DEATHS,
    # A local cluster looks 15 s after each death whether the worker is back; where the next one has died just then,
    # it ends the process that is about to start it again, for good, and goes on with one worker less.
    "distributed.deploy.lost-worker-timeout": "1000 days",
    # Nobody looks at the profiles of workers that end with the command; taking them a hundred times a second, and
    # ticks of all event loops fifty times, cost a tenth to a fifth of the time of a reading.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""Settings of Dask for a cluster of our own."""


def executor_for(client: Any, *latents: LatentSet) -> "DaskExecutor | None":
    """The workers of a client; without one, those of Dask's own default client where the vectors are a Dask array.

    Raises
    ------
    UsageError : not a client of `distributed`, or it is not installed.
    ArrayError : vectors in this process's memory, which no worker sees.
    """
    if client is None:
        client = _default_client() if any(dask_rows_in(each.reader) for each in latents) else None
        if client is None:
            return None
    need("distributed", "dask", "client")
    from distributed import Client

    from zpoints.vectors.dask_executor import DaskExecutor, check_within_reach

    if not isinstance(client, Client):
        raise UsageError(
            f"client: is a {type(client).__name__}; give a distributed.Client, as Client('tcp://scheduler:8786')"
        )
    for each in latents:
        check_within_reach(each)
    return DaskExecutor(client)


def _default_client() -> Any:
    if not have("distributed"):
        return None
    from distributed import default_client

    try:
        return default_client()
    except ValueError:  # there is none
        return None


@contextmanager
def cluster(scheduler: str | None = None, workers: int | None = None) -> Iterator["DaskExecutor | None"]:
    """The workers that a command names; None where it names none.

    Parameters
    ----------
    scheduler : address of a cluster that is there, as ``tcp://host:8786``.
    workers : so many processes on this machine, which end with the command. Each gets its part of the processors and
        of the memory budget, and this process one part of the memory more.

    Raises
    ------
    UsageError : both, or Dask is not installed.
    StageError : nobody answers at the address within ten seconds.
    """
    if scheduler is None and workers is None:
        yield None
        return
    if scheduler is not None and workers is not None:
        raise UsageError(
            "--scheduler and --workers: name a cluster that is there, or make one here, not both"
        )
    need("distributed", "dask", "--scheduler" if scheduler else "--workers")
    from zpoints.vectors.dask_executor import DaskExecutor

    with _connected(scheduler) if scheduler else _local(workers or 1) as client:
        yield DaskExecutor(client)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    with _silent():
        try:
            client = Client(address, timeout=PATIENCE)
        except Exception as error:  # what cannot be an address has other classes than what does not answer
            raise StageError(
                f"--scheduler {address}: no Dask scheduler answers there ({reason(error)}); start one with "
                "`dask scheduler`, and workers with `dask worker tcp://HOST:8786`"
            ) from error
        with client:
            yield client


@contextmanager
def _deaf_loop() -> Iterator[Any]:
    """An event loop whose thread, and so all processes that are started from it, do not hear Ctrl-C.

    A terminal sends it to all processes of a command. This one ends the others; each of them would print a traceback.
    """
    from distributed.utils import LoopRunner

    runner = LoopRunner(asynchronous=False)
    masked = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else set()
    try:
        runner.start()
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield runner.loop
    finally:
        runner.stop()


@contextmanager
def _silent() -> Iterator[None]:
    """Inside, `distributed` logs nothing: whatever goes wrong is told by the error, in one line."""
    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.partition(".")[0] == "distributed" and isinstance(logger, logging.Logger)
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    ram = current().ram
    with (
        dask.config.set(OWN),
        _deaf_loop() as loop,
        LocalCluster(
            loop=loop,
            n_workers=workers,
            threads_per_worker=max(1, processors() // workers),
            processes=True,
            memory_limit="auto" if ram is None else ram // (workers + 1),
            dashboard_address="127.0.0.1:0",  # some port that is free
            silence_logs=logging.CRITICAL,
        ) as found,
        Client(found) as client,
    ):
        yield client
