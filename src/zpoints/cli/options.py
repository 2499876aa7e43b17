"""What the commands have in common: their options, and the settings that these make."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zpoints.cli import completion

if TYPE_CHECKING:
    from zpoints.config import Settings
    from zpoints.run.folder import Run
    from zpoints.system.meter import Meter
    from zpoints.system.progress import Progress
    from zpoints.vectors.latent_set import LatentSet

__all__ = [
    "Changes",
    "Columns",
    "Config",
    "Debug",
    "Quiet",
    "Ram",
    "Retry",
    "Scheduler",
    "Shard",
    "Split",
    "Threads",
    "Vram",
    "Workers",
    "budget_of",
    "progress_of",
    "run_in",
    "settings_of",
    "vectors_in",
    "with_budget",
    "workers_of",
]

RETRIES = 3  # what --retry means

Config = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change one setting: NAME=VALUE, as in training.epochs=20.",
        autocompletion=completion.settings,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        help="Of a table: names or patterns of the columns that are components, as 'z_*' or z1,z2.",
    ),
]
Retry = Annotated[
    bool, typer.Option("--retry", help="If the loss is no longer a number, go back and on at a lower rate.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="Make the K-th of N files, as 3/16, in a folder of shards; other processes make the others.",
        metavar="K/N",
    ),
]
Split = Annotated[
    str, typer.Option(help="With --index: train, val or test.", autocompletion=completion.splits)
]
Ram = Annotated[
    str | None,
    typer.Option("--ram", help="Memory that the work may take, as 4GiB; else 80 % of what there is."),
]
Vram = Annotated[
    str | None, typer.Option("--vram", help="Memory of the GPU that it may take; else 80 % of what there is.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Threads of the work on the processor, always so many; else as many as pay at the moment.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of a Dask cluster whose workers read the vectors, as tcp://host:8786."),
]
Workers = Annotated[
    int | None,
    typer.Option(help="Read with so many processes of this machine, which share the memory budget.", min=1),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def settings_of(
    config: Path | None = None,
    changes: list[str] | None = None,
    source: str | None = None,
    named: bool = False,
    retry: bool = False,
    ram: str | None = None,
    vram: str | None = None,
    model: str | None = None,
    threads: int | None = None,
) -> "Settings":
    """The settings that a command means: its file, with its options on top."""
    from zpoints.config import Settings
    from zpoints.files.settings import load_settings, with_changes, with_values

    settings = load_settings(config) if config else Settings()
    if source:
        name = {"name": _name_of(source)} if named else {}
        settings = with_values(settings, {"images.source": source, **name}, f"source {source}")
    if model:
        settings = with_values(
            settings, {"autoencoder.kind": "foreign", "autoencoder.model": model}, f"--model {model}"
        )
    if retry:
        settings = with_values(settings, {"training.retries": RETRIES}, "--retry")
    return with_budget(with_changes(settings, changes or []), ram, vram, threads)


def with_budget(settings: "Settings", ram: str | None, vram: str | None, threads: int | None) -> "Settings":
    """The settings, with the options that are about memory and threads on top."""
    from zpoints.files.settings import with_values

    options = {"ram": ram, "vram": vram, "threads": threads}
    given = {f"budget.{name}": value for name, value in options.items() if value is not None}
    return with_values(settings, given, "--ram, --vram or --threads") if given else settings


def budget_of(settings: "Settings") -> AbstractContextManager["Meter"]:
    """Inside, the memory and the threads that the settings allow are in force."""
    from zpoints.system.budget import Budget, within

    return within(Budget.of(settings.budget))


@contextmanager
def workers_of(scheduler: str | None, workers: int | None) -> Iterator[None]:
    """Inside, the workers that the options name read all vectors; where they name none, this process."""
    from zpoints.vectors.dask_cluster import cluster
    from zpoints.vectors.reduce import working_by

    with cluster(scheduler, workers) as executor, working_by(executor):
        yield


def run_in(
    folder: Path,
    changes: list[str] | None = None,
    ram: str | None = None,
    vram: str | None = None,
    threads: int | None = None,
) -> "Run":
    """The run that a folder holds, with changes to its settings."""
    from zpoints.files.settings import with_changes
    from zpoints.run.folder import Run

    settings = with_changes(Run(folder).settings, changes or [])
    return Run(folder, with_budget(settings, ram, vram, threads))


def _name_of(source: str) -> str:
    """A name for the run: the last part of the path, without what a folder's name had better not hold."""
    stem = Path(source).expanduser().resolve().stem
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "run"


def vectors_in(
    path: Path, index: Path | None = None, split: str = "train", columns: str | None = None
) -> "LatentSet":
    """The vectors that a command is given; with an index, those of one split."""
    from zpoints.images.index import rows_of_split
    from zpoints.vectors.latent_set import LatentSet

    found = LatentSet.open(path, columns=columns)
    return LatentSet.open(found, rows_of_split(index, split, found)) if index else found


def progress_of(quiet: bool) -> "Progress":
    """Where the command reports to."""
    from zpoints.system.progress import for_terminal

    return for_terminal(quiet)
