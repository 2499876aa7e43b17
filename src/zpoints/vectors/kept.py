"""Finished readings stay on the disk until the work that asked for them is done.

Whatever ends the work in the middle, Ctrl-C, a power cut, a scheduler that is gone, the same work goes on after the
last reading that was finished. A reading is known by its question and the identity of the vectors; so what was
changed meanwhile, in the vectors, the settings or this package, is read anew, and no answer is ever that of another
question.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zpoints.errors import DiskError, ZPointsError
from zpoints.vectors.identity import identity_of
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.leaves import leaves_of, nested, totals_in
from zpoints.vectors.questions import Into, Question, Sum
from zpoints.vectors.reduce import Executor, Source, through
from zpoints.vectors.stored import read_summaries, write_summaries

__all__ = ["SECONDS", "Keeping", "kept_beside"]

SECONDS = 10.0
"""What took less is done again sooner than written: a reading's totals may be a gigabyte."""


@contextmanager
def kept_beside(out: Path, say: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """Inside, readings that took long are kept in a folder beside `out`; it is removed when all was done.

    Parameters
    ----------
    out : what the work makes in the end; for ``faces`` the folder is ``.faces.readings``.
    say : told when there is something to go on after.
    """
    out = out.absolute()
    folder = out.with_name(f".{out.name}.readings")
    with through(lambda executor: Keeping(executor, folder, say)):
        yield
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Keeping:
    """An executor whose finished readings are kept.

    Attributes
    ----------
    by : who works. folder : for the files; made when there is one. say : told what was read earlier, and what could
        not be kept.
    seconds : shorter readings are not kept; `SECONDS` where it is None.
    """

    by: Executor
    folder: Path
    say: Callable[[str], None] = field(default=lambda words: None)
    seconds: float | None = None

    def total(
        self, source: Source, work: Sum, size: int, bytes_each: int, advance: Callable[[int], None]
    ) -> Any:
        """The total of all blocks, or the one that was kept."""
        path = self._path(source, work, size)
        if path is not None and path.is_file():
            # What is damaged, or of an older version, is read anew.
            with suppress(ZPointsError):
                found = _total_of(work.of, read_summaries(path))
                self.say("a reading that was finished earlier is not done again")
                advance(source.n)
                return found
        began = time.monotonic()
        total = self.by.total(source, work, size, bytes_each, advance)
        if path is not None and time.monotonic() - began >= (
            SECONDS if self.seconds is None else self.seconds
        ):
            self._keep(path, work.of, total)
        return total

    def _path(self, source: Source, work: Sum, size: int) -> Path | None:
        """Where the answer lies, or is to lie; None where nothing tells it from others."""
        if not isinstance(source, LatentSet):
            return None
        found = identity_of(source, work.of, size)
        return None if found is None else self.folder / f"{found}.npz"

    def _keep(self, path: Path, of: Question, total: Any) -> None:
        """Write it; work that goes well does not end because there is no room for what it may never need."""
        summaries = [each.kept() if hasattr(each, "kept") else each for each in totals_in(of, total)]
        try:
            write_summaries(path, summaries)
        except TypeError:  # a question of another package, whose summary is none of ours
            return
        except (DiskError, OSError) as error:
            self.say(f"the reading is not kept: {error}")


def _total_of(of: Question, summaries: list[Any]) -> Any:
    """The total as the executor would have given it."""
    found = []
    for leaf, summary in zip(leaves_of(of), summaries, strict=True):
        whole: Any = leaf.empty() if isinstance(leaf, Into) else None
        found.append(whole.with_kept(summary) if hasattr(whole, "with_kept") else summary)
    return nested(of, iter(found))
