"""Waiting for a Dask cluster: what is done, what has to be tried again, and whether anybody is there at all."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from zpoints.errors import StageError, ZPointsError, reason

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Waiting"]

AGAIN = 3  # times that a range which has outlived its workers is tried anew; Dask itself tries 4 workers each time
WORKERS_SECONDS = 60.0  # without a single worker, after which nobody waits any longer
LOOK_SECONDS = 0.02


class Waiting:
    """What one reading waits for."""

    def __init__(self, client: "Client") -> None:
        self.client, self.tried = client, 0

    def workers(self) -> dict[str, int]:
        """Threads of each worker; waits for the first one."""
        began = time.monotonic()
        while True:
            found = dict(self.client.nthreads())
            if found:
                return found
            if time.monotonic() - began > WORKERS_SECONDS:
                raise StageError(f"{self._where}: no worker has come for {WORKERS_SECONDS:.0f} s; start some")
            time.sleep(0.2)

    def completed(self, futures: "Iterable[Future]") -> "Iterator[list[Future]]":
        """Those that are done, together what is done at a time; looks in between whether anybody is there to work."""
        from distributed import as_completed

        waiting = as_completed(futures)
        seen = time.monotonic()
        while not waiting.is_empty():
            batch = waiting.next_batch(block=False)
            again = [future for future in batch if future.status == "error" and self._try_again(future)]
            waiting.update(again)
            if done := [future for future in batch if future not in again]:
                yield done
            now = time.monotonic()
            if batch:
                seen = now
                continue
            time.sleep(LOOK_SECONDS)
            if self.client.status in ("closing", "closed"):
                raise self._gone()
            if now - seen > WORKERS_SECONDS:
                self.workers()
                seen = now

    def _try_again(self, future: "Future") -> bool:
        """Whether a task whose workers have died is done once more."""
        from distributed import KilledWorker

        error = future.exception()
        if not isinstance(error, KilledWorker):
            return False
        self.tried += 1
        if self.tried > AGAIN:
            raise StageError(
                f"{self._where}: {reason(error)}; most likely the workers' memory is too small: give them more, or "
                "start more workers"
            )
        future.retry()
        return True

    def got(self, futures: "list[Future]", direct: bool = False) -> list[Any]:
        """Their results; whatever went wrong is told in one line."""
        from distributed import CancelledError
        from distributed.comm import CommClosedError

        try:
            return self.client.gather(futures, direct=direct)
        except ZPointsError:
            raise
        except (CancelledError, CommClosedError) as error:
            raise self._gone() from error
        except ModuleNotFoundError as error:
            raise StageError(
                f"{self._where}: a worker lacks what the work needs ({reason(error)}); install the same zpoints there"
            ) from error

    @property
    def _where(self) -> str:
        return str(self.client.scheduler.address if self.client.scheduler else "the cluster")

    def _gone(self) -> StageError:
        return StageError(
            f"{self._where}: the scheduler is gone; start it and its workers again, then this command, which goes on "
            "after the last long reading that was finished"
        )
