"""Commands from pictures to z-points or features, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zpoints.cli import completion
from zpoints.cli.errors import done, say
from zpoints.cli.options import (
    Changes,
    Config,
    Debug,
    Quiet,
    Ram,
    Retry,
    Shard,
    Threads,
    Vram,
    budget_of,
    progress_of,
    settings_of,
    with_budget,
)

if TYPE_CHECKING:
    from zpoints.run.folder import Run

__all__ = ["decode", "demo", "encode", "features", "prepare", "run", "train"]


def run(
    config: Annotated[
        Path | None, typer.Argument(help="A TOML file; without it, the built-in faces.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Pictures: a name or a path. Kinds of sources: {sources}.", autocompletion=completion.sources
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model that another tool trained, in place of a training: its folder or file."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; without it, runs/NAME.")] = None,
    retry: Retry = False,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """The whole road: pictures, autoencoder, z-points, analysis, new pictures, report. Continues where it stopped."""
    from zpoints.run.folder import Run

    settings = settings_of(
        config, changes, source, named=True, retry=retry, ram=ram, vram=vram, threads=threads, model=model
    )
    this = Run(out or Path("runs") / settings.name, settings)
    _whole_road(this, quiet)


def _whole_road(this: "Run", quiet: bool) -> None:
    from zpoints.report.closing import closing_table
    from zpoints.report.stage import run_all

    run_all(this, progress_of(quiet))
    if not quiet:
        say(closing_table(this))


def demo(
    out: Annotated[Path | None, typer.Option(help="The run's folder; without it, runs/faces.")] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer faces and samplers, in runs/quick: only to see that all works."),
    ] = False,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """The whole road on built-in faces: no data set, no GPU. Continues where it stopped."""
    from zpoints.run.demo import Demo
    from zpoints.run.folder import Run

    chosen = Demo.of(quick)
    folder = out or chosen.folder
    done(quiet, "\n".join(chosen.lines(folder)))
    this = Run(folder, with_budget(chosen.settings, ram, vram, threads))
    _whole_road(this, quiet)


def prepare(
    source: Annotated[
        str,
        typer.Argument(
            help="A name or a path. Kinds of sources: {sources}.", autocompletion=completion.sources
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder for pixels.npy, index.parquet and rejected.csv.")],
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Cut and scale pictures into one array on disk."""
    from zpoints.run import work

    settings = settings_of(config, changes, source, ram=ram, vram=vram, threads=threads)
    with budget_of(settings):
        store = work.prepare(settings.images.source, out, settings, progress_of(quiet))
    done(quiet, f"{len(store):,} pictures of shape {store.shape} in {out / 'pixels.npy'}")


def train(
    images: Annotated[Path, typer.Argument(help="A folder that `zpoints prepare` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for weights, history and checkpoints.")],
    retry: Retry = False,
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model of the pictures; started again, it goes on after the last finished epoch.

    On several GPUs: --set training.devices=N; on several hosts: torchrun ... -m zpoints train.
    Its kind is --set autoencoder.kind=KIND: {codecs}.
    """
    from zpoints.run import work
    from zpoints.system.place import Place

    quiet = quiet or not Place.here().first
    settings = settings_of(config, changes, retry=retry, ram=ram, vram=vram, threads=threads)
    with budget_of(settings):
        work.train(images, out, settings, progress_of(quiet))
    done(quiet, f"model in {out}, reconstructions in {out / 'reconstructions.png'}")


def encode(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    images: Annotated[Path, typer.Argument(help="A folder that `zpoints prepare` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for z.npy, or for shards.")],
    shard: Shard = None,
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the latent vectors of all pictures, one row per picture."""
    from zpoints.run import shards, work

    settings = settings_of(config, changes, ram=ram, vram=vram, threads=threads)
    with budget_of(settings):
        if shard:
            part = shards.encode_shard(model, images, out, shard, settings, progress_of(quiet))
            return done(quiet, part.line())
        found = work.encode(model, images, out, settings, progress_of(quiet))
    done(quiet, f"{found.n:,} z-points in {out / 'z.npy'}")


def decode(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    latents: Annotated[
        Path, typer.Argument(help="(n, d) array of latent vectors: a file, or a folder of shards.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for pictures.npy and grid.png, or for shards.")],
    shard: Shard = None,
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Decode latent vectors to pictures and a contact sheet."""
    from zpoints.run import shards, work

    settings = settings_of(config, changes, ram=ram, vram=vram, threads=threads)
    with budget_of(settings):
        if shard:
            part = shards.decode_shard(model, latents, out, shard, settings, progress_of(quiet))
            return done(quiet, part.line())
        work.decode(model, latents, out, settings, progress_of(quiet))
    done(quiet, f"pictures in {out / 'pictures.npy'}, contact sheet in {out / 'grid.png'}")


def features(
    pictures: Annotated[
        Path,
        typer.Argument(help="A folder that `zpoints prepare` made, or pictures.npy, or a folder of shards."),
    ],
    out: Annotated[Path, typer.Argument(help="Folder for features.npy, or for shards.")],
    shard: Shard = None,
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the features by which the judge would compare pictures, one row per picture.

    Which ones: --set judge.features=NAME: {features}.
    """
    from zpoints.run import shards

    settings = settings_of(config, changes, ram=ram, vram=vram, threads=threads)
    with budget_of(settings):
        if shard:
            part = shards.features_shard(pictures, out, shard, settings, progress_of(quiet))
            return done(quiet, part.line())
        found = shards.features(pictures, out, settings, progress_of(quiet))
    n, f = found.shape
    done(quiet, f"{n:,} vectors of {f:,} features in {out / 'features.npy'}")
