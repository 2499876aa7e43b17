"""The report as the last stage of a run, and the whole road up to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zpoints.run.folder import Run
from zpoints.run.pipeline import redo, run_stages
from zpoints.run.stage import Done, Stage
from zpoints.run.stages.judging import JUDGE
from zpoints.run.stages.model import ENCODE, TRAIN
from zpoints.run.stages.pictures import PREPARE
from zpoints.run.stages.vectors import ANALYSE, DECODE, SAMPLE
from zpoints.system.progress import Progress

__all__ = ["REPORT", "STAGES", "redo_stage", "run_all"]


def _work(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.report.page import write_report

    with progress.task("report", 1, "pages") as task:
        write_report(run)
        task.advance()
    return {}


def _outputs(run: Run, part: str) -> list[Path]:
    sheets = [run.paths.samples(method) / "grid.png" for method in run.settings.samples.methods]
    return [run.paths.report, *sheets]


REPORT = Stage(
    "report",
    _work,
    _outputs,
    needs=(DECODE, JUDGE),
    recipe=2,  # 1 left the contact sheets to `decode`
    depends=lambda settings: [settings.report.model_dump(), settings.name],
)
STAGES = (PREPARE, TRAIN, ENCODE, ANALYSE, SAMPLE, DECODE, JUDGE, REPORT)
"""The stages of a run, in order."""


def run_all(run: Run, progress: Progress | None = None) -> list[str]:
    """Run every stage that is not done, from the pictures to the report; see `run.pipeline.run_stages`."""
    return run_stages(run, STAGES, progress)


def redo_stage(run: Run, name: str, progress: Progress | None = None) -> None:
    """Do one stage again, from the files of those before it; see `run.pipeline.redo`."""
    redo(run, STAGES, name, progress)
