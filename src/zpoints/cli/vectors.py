"""Commands for vectors: measure, compare, draw, walk."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zpoints.cli import completion
from zpoints.cli.errors import done, say
from zpoints.cli.options import (
    Changes,
    Columns,
    Config,
    Debug,
    Quiet,
    Ram,
    Scheduler,
    Split,
    Threads,
    Vram,
    Workers,
    budget_of,
    progress_of,
    settings_of,
    vectors_in,
    workers_of,
)
from zpoints.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zpoints.config import Settings
    from zpoints.models.codec import Codec
    from zpoints.vectors.latent_set import LatentSet

__all__ = ["analyse", "card", "compare", "sample", "walk"]


def analyse(
    latents: Annotated[Path, typer.Argument(help="(n, d) array: {formats}.")],
    out: Annotated[
        Path, typer.Argument(help="Folder for analysis.json, the two tables and distribution.npz.")
    ],
    index: Annotated[
        Path | None, typer.Option(help="index.parquet of the pictures, to choose a split.")
    ] = None,
    split: Split = "train",
    columns: Columns = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Figures by group: a column of the index, or of the table that holds the vectors, as Smiling; or "
            "FILE::COLUMN."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Its model, to see what one sigma along each axis changes in a picture."),
    ] = None,
    config: Config = None,
    changes: Changes = None,
    scheduler: Scheduler = None,
    workers: Workers = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure every component and every plane of any set of latent vectors."""
    from zpoints.analysis.analyse import analyse as analyse_latents
    from zpoints.analysis.channels import CHANNEL_FILES
    from zpoints.analysis.result import ANALYSIS_FILES, GROUP_FILES
    from zpoints.files.label_columns import label_column
    from zpoints.run.ownership import check_own
    from zpoints.vectors.kept import kept_beside

    check_own(out, (*ANALYSIS_FILES, *CHANNEL_FILES, *GROUP_FILES), "analysis.json")
    settings = settings_of(config, changes, ram=ram, vram=vram, threads=threads)
    progress = progress_of(quiet)
    with kept_beside(out, progress.say), budget_of(settings), workers_of(scheduler, workers):
        vectors = vectors_in(latents, index, split, columns)
        name = by or settings.analysis.by
        labels = label_column(name, [index] if index else [latents]) if name else None
        if not index and name in getattr(vectors.reader, "names", ()):
            raise UsageError(
                f"--by {name}: that column is measured as a component; choose these by --columns"
            )
        codec = _codec(model, settings)
        found = analyse_latents(vectors, settings.analysis, progress=progress, codec=codec, by=labels)
        found.save(out)
    if not quiet:
        from zpoints.report.closing import analysis_lines

        say("\n".join(analysis_lines(found.summary)))
    done(quiet, f"analysis in {out}")


def _codec(model: Path | None, settings: "Settings") -> "Codec | None":
    """The model that an option names."""
    if model is None:
        return None
    from zpoints.models.kinds import open_codec

    return open_codec(model, settings.training)


def card(
    latents: Annotated[
        list[Path],
        typer.Argument(
            help="(n, d) array: {formats}; or the .json file of a card. Several: beside each other."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File for the card, .json; a picture of the same name beside it. Of one set only."),
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="index.parquet of the pictures, to choose a split.")
    ] = None,
    split: Split = "train",
    directions: Annotated[int, typer.Option(min=1, help="Random directions that are looked along.")] = 256,
    columns: Columns = None,
    scheduler: Scheduler = None,
    workers: Workers = None,
    ram: Ram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say in a few figures how Gaussian a set of vectors is, in a second or two."""
    from zpoints.analysis.card import gaussianity
    from zpoints.analysis.card_figures import Gaussianity
    from zpoints.analysis.card_history import beside

    if out is not None and (out.suffix != ".json" or len(latents) > 1):
        raise UsageError(f"--out {out}: a card is a .json file, of one set of vectors")
    settings = settings_of(ram=ram, threads=threads)
    cards: dict[str, Gaussianity] = {}
    with budget_of(settings), workers_of(scheduler, workers):
        for path in latents:
            cards[str(path)] = (
                Gaussianity.load(path)
                if path.suffix == ".json"
                else gaussianity(
                    vectors_in(path, index, split, columns),
                    directions=directions,
                    seed=settings.seed,
                    progress=progress_of(quiet),
                )
            )
    found = cards[str(latents[0])]
    done(quiet, found.markdown if len(latents) == 1 else beside(cards))
    if out is not None:
        from zpoints.files.atomic import atomic_path
        from zpoints.plots.card import card as drawn
        from zpoints.plots.style import png

        found.save(out)
        with atomic_path(out.with_suffix(".png")) as temporary:
            temporary.write_bytes(png(drawn(found)))
        done(quiet, f"card in {out}, its picture in {out.with_suffix('.png')}")


def compare(
    a: Annotated[Path, typer.Argument(help="(n, d) array: {formats}.")],
    b: Annotated[Path, typer.Argument(help="Another one with the same components, or the same file.")],
    out: Annotated[Path | None, typer.Option(help="Folder for compare.json and components.parquet.")] = None,
    index_a: Annotated[
        Path | None, typer.Option(help="index.parquet of A's pictures, to choose a split.")
    ] = None,
    split_a: Annotated[
        str, typer.Option(help="With --index-a: train, val or test.", autocompletion=completion.splits)
    ] = "train",
    index_b: Annotated[
        Path | None, typer.Option(help="index.parquet of B's pictures, to choose a split.")
    ] = None,
    split_b: Annotated[
        str, typer.Option(help="With --index-b: train, val or test.", autocompletion=completion.splits)
    ] = "test",
    columns: Columns = None,
    config: Config = None,
    changes: Changes = None,
    cards: Annotated[
        bool, typer.Option("--cards", help="Show the cards of both beside each other as well.")
    ] = False,
    scheduler: Scheduler = None,
    workers: Workers = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say in what two sets of latent vectors differ: training and test, two networks, two data sets."""
    from zpoints.comparison.compare import compare as compare_latents
    from zpoints.run.ownership import check_own
    from zpoints.vectors.kept import kept_beside

    if out is not None:
        check_own(out, ("compare.json", "components.parquet"), "compare.json")
    settings, progress = settings_of(config, changes, ram=ram, vram=vram, threads=threads), progress_of(quiet)
    keeping = nullcontext() if out is None else kept_beside(out, progress.say)
    with keeping, budget_of(settings), workers_of(scheduler, workers):
        first, second = vectors_in(a, index_a, split_a, columns), vectors_in(b, index_b, split_b, columns)
        found = compare_latents(first, second, settings.analysis, seed=settings.seed, progress=progress)
        both = _cards({"A": first, "B": second}, settings.seed, quiet) if cards else ""
        if out is not None:
            found.save(out)
    done(quiet, "\n".join(found.verdict))
    if both:
        done(quiet, both)
    if out is not None:
        done(quiet, f"comparison in {out}")


def _cards(clouds: "Mapping[str, LatentSet]", seed: int, quiet: bool) -> str:
    from zpoints.analysis.card import gaussianity
    from zpoints.analysis.card_history import beside

    progress = progress_of(quiet)
    return beside({name: gaussianity(z, seed=seed, progress=progress) for name, z in clouds.items()})


def sample(
    source: Annotated[
        Path, typer.Argument(help="A folder that `zpoints analyse` made, or its distribution.npz.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for z.npy.")],
    method: Annotated[str, typer.Option(help="{samplers}.", autocompletion=completion.samplers)] = "normal",
    option: Annotated[
        list[str] | None,
        typer.Option(help="A setting of the sampler: NAME=VALUE, as in order=variance; several times."),
    ] = None,
    count: Annotated[int, typer.Option(help="Number of vectors.", min=1)] = 64,
    sigma: Annotated[
        float, typer.Option(help="Level of the ellipses, for `ellipse` and `ellipse-pairs`.")
    ] = 3.0,
    temperature: Annotated[float, typer.Option(help="Below 1 nearer to where vectors are dense.")] = 1.0,
    latents: Annotated[
        Path | None,
        typer.Option(help="The vectors themselves, for the samplers that need them."),
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="index.parquet of their pictures, to choose a split.")
    ] = None,
    split: Split = "train",
    columns: Columns = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="With --latents and --index: only pictures like these, as Smiling=1; several times."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same vectors.", min=0)] = 0,
    scheduler: Scheduler = None,
    workers: Workers = None,
    ram: Ram = None,
    vram: Vram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw new latent vectors."""
    from zpoints.files.settings import named_values, with_values
    from zpoints.images.index import rows_where
    from zpoints.run import work
    from zpoints.run.sampling import sampler_of
    from zpoints.samplers.conditional import conditioned
    from zpoints.samplers.points import Points

    options = {method: named_values(option or [], "--option")}
    chosen = {"count": count, "sigma": sigma, "temperature": temperature, "options": options}
    settings = with_values(
        settings_of(ram=ram, vram=vram, threads=threads),
        {f"samples.{k}": v for k, v in chosen.items()},
        "sample",
    )
    sampler = sampler_of(settings.samples, method)
    vectors = None if latents is None else vectors_in(latents, index, split, columns)
    points = Points.of(source / "distribution.npz" if source.is_dir() else source, vectors)
    if where:
        if index is None:
            raise UsageError("--where: needs --index, the index.parquet of the pictures")
        points = conditioned(points, rows_where(index, split, where, points.vectors))
    with budget_of(settings), workers_of(scheduler, workers):
        work.draw(points, out, sampler, count, seed)
    done(quiet, f"{count:,} vectors in {out / 'z.npy'}")


def walk(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    source: Annotated[Path, typer.Argument(help="A folder that `zpoints analyse` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for z.npy, walk.png, walk.webp and walk.gif.")],
    axis: Annotated[int | None, typer.Option(help="Through the centre along this principal axis.")] = None,
    plane: Annotated[
        tuple[int, int] | None, typer.Option(help="Through the centre in the plane of two components.")
    ] = None,
    angle: Annotated[float, typer.Option(help="With --plane: degrees from the first to the second.")] = 45.0,
    between: Annotated[
        tuple[int, int] | None, typer.Option(help="From one picture to another: their rows in --latents.")
    ] = None,
    latents: Annotated[Path | None, typer.Option(help="With --between: the latent vectors.")] = None,
    columns: Columns = None,
    kind: Annotated[
        str,
        typer.Option(
            help="With --between: straight, spherical or mahalanobis.",
            autocompletion=completion.kinds_of_walks,
        ),
    ] = "mahalanobis",
    sigma: Annotated[float, typer.Option(help="The path ends so many sigma from the centre.")] = 5.0,
    mark: Annotated[float, typer.Option(help="Pictures outside of this many sigma get a frame.")] = 3.0,
    steps: Annotated[int, typer.Option(help="Pictures on the way.")] = 24,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Move through latent space on a path, and look at what the Decoder makes of it."""
    from zpoints.run.walking import walk as walk_and_decode

    walk_and_decode(
        model,
        source,
        out,
        axis=axis,
        plane=plane,
        angle=angle,
        between=between,
        latents=None if latents is None else vectors_in(latents, columns=columns),
        kind=kind,
        sigma=sigma,
        mark=mark,
        steps=steps,
    )
    done(quiet, f"{steps} pictures in {out / 'walk.png'}, moving ones in {out / 'walk.webp'}")
