"""Commands for a run that is there: judge, report."""

from pathlib import Path
from typing import Annotated

import typer

from zpoints.cli.errors import done
from zpoints.cli.options import Changes, Debug, Quiet, Ram, Threads, Vram, progress_of, run_in

__all__ = ["judge", "report"]


def judge(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare a run's samplers by pictures that no stage has seen, and say which one to use.

    Pictures are compared by --set judge.features=NAME: {features}.
    """
    from zpoints.report.stage import redo_stage

    this = run_in(folder, changes, ram, vram, threads)
    redo_stage(this, "judge", progress_of(quiet))
    done(quiet, "\n".join(this.scores.lines()))
    done(quiet, f"scores in {this.paths.judging / 'scores.json'}")


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a run's report anew, from the files of its stages."""
    from zpoints.report.stage import redo_stage

    this = run_in(folder)
    redo_stage(this, "report", progress_of(True))
    done(quiet, f"report in {this.paths.report}")
