"""The command for many runs: study."""

from pathlib import Path
from typing import Annotated

import typer

from zpoints.cli.errors import done
from zpoints.cli.options import Debug, Quiet, progress_of

__all__ = ["study"]


def study(
    file: Annotated[
        Path, typer.Argument(help="A TOML file: base settings, sources, grids of factors and seeds.")
    ],
    out: Annotated[Path | None, typer.Option(help="The study's folder; without it, studies/NAME.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Runs at a time, a process each; else as many as processors and memory allow."
        ),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Do no run: table and page of those that are done.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Many runs over a grid of settings, pictures and seeds: one table, one page. Continues where it stopped."""
    from zpoints.errors import StageError
    from zpoints.study.plan import read_plan
    from zpoints.study.study import TABLE, carry_out

    plan = read_plan(file)
    folder = out or Path("studies") / plan.name
    found = carry_out(plan, folder, jobs, progress_of(quiet), page)
    left = f", {found.missing} not done yet" if found.missing else ""
    done(quiet, f"{len(plan.cells)} runs{left}: table in {folder / TABLE}, page in {found.page}")
    if found.failed:
        name, why = next(iter(found.failed.items()))
        raise StageError(
            f"{len(found.failed)} of {len(plan.cells)} runs failed; {found.page} lists them; {name}: {why}"
        )
