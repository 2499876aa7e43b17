"""A study from its plan to its page. Killed and started again, it goes on, and ends with the same table."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.files.documents import write_json, write_table
from zpoints.files.settings import with_values
from zpoints.run.pipeline import check_settings
from zpoints.study.cell import Job, Outcome, finished
from zpoints.study.pictures import Pictures, prepare_all
from zpoints.study.plan import Plan
from zpoints.study.table import table_of
from zpoints.study.workers import outcomes
from zpoints.system.budget import Budget, within
from zpoints.system.lock import locked
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import GIB
from zpoints.system.thread_count import processors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MARK", "TABLE", "Finished", "carry_out"]

MARK, TABLE, PAGE = "study.json", "table.parquet", "index.html"
RAM_OF_CELL = 2 * GIB
"""What a process needs with ease; with less there are fewer of them."""


@dataclass(frozen=True, eq=False)
class Finished:
    """What a study found.

    Attributes
    ----------
    table : a row for each cell, in the plan's order. page : its file.
    failed : the line of each cell that failed, by its name. missing : cells that were not done.
    """

    table: "pd.DataFrame"
    page: Path
    failed: dict[str, str]
    missing: int


def carry_out(
    plan: Plan,
    folder: Path,
    at_once: int | None = None,
    progress: Progress | None = None,
    only_page: bool = False,
) -> Finished:
    """Do all cells that are not done, then write ``table.parquet`` and ``index.html``.

    Parameters
    ----------
    folder : holds a folder for each cell in ``cells/``, and the pictures that they share in ``pictures/``.
    at_once : cells at a time, each in a process of its own; None: as many as there are processors and memory for.
    only_page : do no cell; write table and page of those that are done.

    Raises
    ------
    UsageError : settings that cannot be meant, or a folder that is not a study's; nothing was touched.
    StageError : another process works in the folder.
    """
    progress = progress or Silent()
    for cell in plan.cells:
        _check(cell.settings, cell.words)
    _check_folder(folder)
    with locked(folder):
        write_json(folder / MARK, {"study": plan.name, "cells": len(plan.cells)})
        budget = Budget.of(plan.cells[0].settings.budget)  # the base's, as a rule
        with within(budget):
            pictures = prepare_all(plan.cells, folder / "pictures", progress, only_page)
        wanted = min(at_once or _fitting(budget), len(plan.cells))
        jobs = _jobs(plan, folder, pictures, wanted)
        done = {job.name: Outcome(job.name, row) for job in jobs if (row := finished(job)) is not None}
        if not only_page:
            _work(plan, folder, [job for job in jobs if job.name not in done], done, wanted, progress)
        table = _written(plan, folder, done)
        from zpoints.study.page import write_page

        failed = {name: outcome.error for name, outcome in done.items() if outcome.error}
        write_page(plan, table, failed, folder / PAGE)
    return Finished(table, folder / PAGE, failed, len(plan.cells) - len(done))


def _check(settings: Settings, words: str) -> None:
    try:
        check_settings(settings)
    except UsageError as error:
        raise UsageError(f"{words}: {error}") from error


def _check_folder(folder: Path) -> None:
    if not folder.is_dir() or (folder / MARK).is_file():
        return
    if any(not path.name.startswith(".lock") for path in folder.iterdir()):
        raise UsageError(
            f"{folder}: holds files, and is not the folder of a study; choose another one by --out"
        )


def _fitting(budget: Budget) -> int:
    """Processes that the machine has processors and memory for."""
    return processors() if budget.ram is None else max(1, min(processors(), budget.ram // RAM_OF_CELL))


def _jobs(plan: Plan, folder: Path, pictures: Mapping[str, Pictures], at_once: int) -> list[Job]:
    """Several at a time share out what the machine has; a cell that says for itself what it takes has that."""
    shares: dict[str, Any] = {}
    if at_once > 1:
        shares["budget.threads"] = max(1, processors() // at_once)
        if (ram := Budget.of(plan.cells[0].settings.budget).ram) is not None:
            shares["budget.ram"] = f"{ram // at_once}b"
    found = []
    for cell in plan.cells:
        budget = cell.settings.budget.model_dump()
        own = {name: value for name, value in shares.items() if budget[name.partition(".")[2]] == "auto"}
        settings = with_values(cell.settings, own, cell.words)
        found.append(Job(cell.name, folder / "cells" / cell.name, settings, pictures[cell.name]))
    return found


def _work(
    plan: Plan, folder: Path, todo: Sequence[Job], done: dict[str, Outcome], at_once: int, progress: Progress
) -> None:
    """Do the jobs; the table on the disk has each as soon as it is done.

    One seed after the other: a study that is stopped early has all its conditions, if with fewer seeds.
    """
    seeds = list(dict.fromkeys(cell.seed for cell in plan.cells))
    todo = sorted(todo, key=lambda job: seeds.index(job.settings.seed))
    words = {cell.name: cell.words for cell in plan.cells}
    threads = max(1, processors() // at_once)
    before = len(done)
    with (
        progress.task("study", len(plan.cells), "runs", before) as task,
        closing(outcomes(todo, at_once, threads)) as found,
    ):
        for outcome in found:
            done[outcome.name] = outcome
            if outcome.error:
                progress.say(f"study: {words[outcome.name]} failed: {outcome.error}")
            _written(plan, folder, done)
            task.advance(1, words[outcome.name])


def _written(plan: Plan, folder: Path, done: Mapping[str, Outcome]) -> "pd.DataFrame":
    table = table_of(plan, done)
    write_table(folder / TABLE, table)
    return table
