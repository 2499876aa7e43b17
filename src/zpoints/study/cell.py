"""One cell: a run's stages in a folder of its own, and its row of the table, which says that it is done."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zpoints.config import Settings
from zpoints.errors import ZPointsError, reason
from zpoints.files.documents import fingerprint, read_json, write_json
from zpoints.run.folder import Run
from zpoints.run.pipeline import run_stages
from zpoints.study.figures import row_of
from zpoints.study.pictures import Pictures, lay
from zpoints.study.plan import NO_RESULT
from zpoints.study.stage import STAGES
from zpoints.system.progress import Progress, Silent
from zpoints.system.stopping import StoppedError

__all__ = ["Job", "Outcome", "finished", "work"]

ROW = "cell.json"
RECIPE = 1
"""Raise it when `row_of` gives other figures of the same files."""


@dataclass(frozen=True)
class Job:
    """A cell that is to be done: plain data, so that another process can do it."""

    name: str
    folder: Path
    settings: Settings
    pictures: Pictures


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its row, or in one line why there is none."""

    name: str
    row: dict[str, Any] | None = None
    error: str = ""


def finished(job: Job) -> dict[str, Any] | None:
    """The row of a cell that was done before, of these settings, these pictures, and stages as they are now."""
    with suppress(ZPointsError):
        if (job.folder / ROW).is_file():
            content = read_json(job.folder / ROW)
            if content.get("key") == _key(job) and isinstance(content.get("row"), dict):
                return dict(content["row"])
    return None


def work(job: Job, progress: Progress | None = None) -> Outcome:
    """Do what is left of a cell. Whatever is the fault of the cell is told; Ctrl-C and the like go through."""
    if job.pictures.error:
        return Outcome(job.name, error=job.pictures.error)
    try:
        return Outcome(job.name, _row(job, progress or Silent()))
    except StoppedError as error:
        if error.exit_status != 1:  # it was asked to stop
            raise
        return Outcome(job.name, error=str(error))  # it outgrew its memory
    except ZPointsError as error:
        return Outcome(job.name, error=str(error))
    except Exception as error:
        return Outcome(job.name, error=f"unexpected {type(error).__name__}: {reason(error)}")


def _row(job: Job, progress: Progress) -> dict[str, Any]:
    run = Run(job.folder, job.settings)
    run.begin()
    lay(job.pictures, run.paths.images)
    run_stages(run, STAGES, progress)
    row = row_of(run)
    write_json(job.folder / ROW, {"key": _key(job), "row": row})
    return row


def _key(job: Job) -> str:
    recipes = [(stage.name, stage.recipe) for stage in STAGES]
    settings = job.settings.model_dump(mode="json", exclude=NO_RESULT)
    return fingerprint(RECIPE, settings, job.pictures.key, recipes)
