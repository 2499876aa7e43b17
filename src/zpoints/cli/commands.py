"""The command line: arguments in, one call, a message out. No logic."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from zpoints.cli.options import (
    Changes,
    Config,
    Debug,
    Quiet,
    Ram,
    Retry,
    Vram,
    budget_of,
    example,
    progress_of,
    run_in,
    settings_of,
)
from zpoints.errors import UsageError, ZPointsError

__all__ = ["app", "main"]


app = typer.Typer(
    help="Measure where a trained autoencoder puts its images in latent space, and make new images from it.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog=example("zpoints run --source ~/pictures --out runs/mine --set training.epochs=30"))
def run(
    config: Annotated[
        Path | None, typer.Argument(help="A TOML file; without it, the built-in faces.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Pictures: faces, orl, or a path.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; without it, runs/NAME.")] = None,
    retry: Retry = False,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """The whole road: pictures, autoencoder, z-points, analysis, new pictures, report. Continues where it stopped."""
    from zpoints.report.closing import closing_table
    from zpoints.run.stages import Run, run_stages

    settings = settings_of(config, changes, source, named=True, retry=retry, ram=ram, vram=vram)
    this = Run(out or Path("runs") / settings.name, settings)
    run_stages(this, progress_of(quiet))
    if not quiet:
        typer.echo(closing_table(this))


@app.command(epilog=example("zpoints prepare celeba/ images/ --set images.size=[96,96]"))
def prepare(
    source: Annotated[
        str, typer.Argument(help="faces, orl, olivetti, lfw, a folder, zip, .npy, .npz, or CelebA.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for pixels.npy, index.parquet and rejected.csv.")],
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Cut and scale pictures into one array on disk."""
    from zpoints.images.prepare import prepare as prepare_images

    settings = settings_of(config, changes, source, ram=ram, vram=vram)
    with budget_of(settings):
        store = prepare_images(settings.images, out, settings.seed, progress_of(quiet))
    _done(quiet, f"{len(store):,} pictures of shape {store.shape} in {out / 'pixels.npy'}")


@app.command(epilog=example("zpoints train images/ model/ --set training.epochs=20"))
def train(
    images: Annotated[Path, typer.Argument(help="A folder that `zpoints prepare` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for weights, history and checkpoints.")],
    retry: Retry = False,
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train the autoencoder; started again, it goes on after the last finished epoch."""
    from zpoints.run.stages import train_to_folder

    settings = settings_of(config, changes, retry=retry, ram=ram, vram=vram)
    with budget_of(settings):
        train_to_folder(settings, images, out, progress_of(quiet))
    _done(quiet, f"weights in {out / 'weights.safetensors'}, history in {out / 'history.csv'}")


@app.command(epilog=example("zpoints encode model/ images/ latents/"))
def encode(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    images: Annotated[Path, typer.Argument(help="A folder that `zpoints prepare` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for z.npy.")],
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the latent vectors of all pictures, one row per picture."""
    from zpoints.images.store import ImageStore
    from zpoints.models.coding import encode as encode_images
    from zpoints.models.kinds import open_codec

    settings = settings_of(config, changes, ram=ram, vram=vram)
    store = ImageStore.open(images)
    with budget_of(settings):
        codec = open_codec(model, settings.training)
        encode_images(codec, store, out / "z.npy", progress_of(quiet), f"{codec.key} {store.key}")
    _done(quiet, f"{len(store):,} z-points in {out / 'z.npy'}")


@app.command(
    epilog=example("zpoints analyse latents/z.npy analysis/ --index images/index.parquet --split train")
)
def analyse(
    latents: Annotated[
        Path, typer.Argument(help="(n, d) array: .npy, .npz, .parquet, .safetensors or .zarr.")
    ],
    out: Annotated[
        Path, typer.Argument(help="Folder for analysis.json, the two tables and distribution.npz.")
    ],
    index: Annotated[
        Path | None, typer.Option(help="index.parquet of the pictures, to choose a split.")
    ] = None,
    split: Annotated[str, typer.Option(help="With --index: train, val or test.")] = "train",
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure every component and every plane of any set of latent vectors."""
    from zpoints.analysis.analyse import analyse as analyse_latents
    from zpoints.images.index import rows_of_split

    settings = settings_of(config, changes, ram=ram, vram=vram)
    rows = rows_of_split(index, split) if index else None
    with budget_of(settings):
        found = analyse_latents(latents, settings.analysis, rows, progress_of(quiet))
        found.save(out)
    if not quiet:
        from zpoints.report.closing import analysis_lines

        typer.echo("\n".join(analysis_lines(found.summary)))
    _done(quiet, f"analysis in {out}")


@app.command(epilog=example("zpoints compare train/z.npy test/z.npy --out compare/"))
def compare(
    a: Annotated[Path, typer.Argument(help="(n, d) array: .npy, .npz, .parquet, .safetensors or .zarr.")],
    b: Annotated[Path, typer.Argument(help="Another one with the same components, or the same file.")],
    out: Annotated[Path | None, typer.Option(help="Folder for compare.json and components.parquet.")] = None,
    index_a: Annotated[
        Path | None, typer.Option(help="index.parquet of A's pictures, to choose a split.")
    ] = None,
    split_a: Annotated[str, typer.Option(help="With --index-a: train, val or test.")] = "train",
    index_b: Annotated[
        Path | None, typer.Option(help="index.parquet of B's pictures, to choose a split.")
    ] = None,
    split_b: Annotated[str, typer.Option(help="With --index-b: train, val or test.")] = "test",
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say in what two sets of latent vectors differ: training and test, two networks, two data sets."""
    from zpoints.comparison.compare import compare as compare_latents
    from zpoints.images.index import rows_of_split

    settings = settings_of(config, changes, ram=ram, vram=vram)
    rows_a = rows_of_split(index_a, split_a) if index_a else None
    rows_b = rows_of_split(index_b, split_b) if index_b else None
    with budget_of(settings):
        found = compare_latents(a, b, settings.analysis, rows_a, rows_b, settings.seed, progress_of(quiet))
    _done(quiet, "\n".join(found.verdict))
    if out is not None:
        found.save(out)
        _done(quiet, f"comparison in {out}")


@app.command(epilog=example("zpoints sample analysis/ samples/ellipse --method ellipse --sigma 3 --count 64"))
def sample(
    source: Annotated[
        Path, typer.Argument(help="A folder that `zpoints analyse` made, or its distribution.npz.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for z.npy.")],
    method: Annotated[
        str,
        typer.Option(
            help="uniform, interval, independent, normal, core, ellipse, ellipse-pairs, mixture, kernel, copula, "
            "elliptical, flow, flow-matching or resample."
        ),
    ] = "normal",
    count: Annotated[int, typer.Option(help="Number of vectors.", min=1)] = 64,
    sigma: Annotated[
        float, typer.Option(help="Level of the ellipses, for `ellipse` and `ellipse-pairs`.")
    ] = 3.0,
    temperature: Annotated[float, typer.Option(help="Below 1 nearer to where vectors are dense.")] = 1.0,
    latents: Annotated[
        Path | None,
        typer.Option(help="The vectors themselves, for mixture, kernel, flow, flow-matching and resample."),
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="index.parquet of their pictures, to choose a split.")
    ] = None,
    split: Annotated[str, typer.Option(help="With --index: train, val or test.")] = "train",
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="With --latents and --index: only pictures like these, as Smiling=1; several times."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same vectors.", min=0)] = 0,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw new latent vectors."""
    from zpoints.config import with_values
    from zpoints.images.index import rows_of_split, rows_where
    from zpoints.run.stages import sample_to_folder
    from zpoints.samplers import by_name
    from zpoints.samplers.conditional import conditioned
    from zpoints.samplers.points import Points
    from zpoints.vectors.latent_set import LatentSet

    chosen = {"methods": [method], "count": count, "sigma": sigma, "temperature": temperature}
    settings = with_values(
        settings_of(ram=ram, vram=vram), {f"samples.{k}": v for k, v in chosen.items()}, "sample"
    )
    vectors = None
    if latents is not None:
        vectors = LatentSet.open(latents, rows_of_split(index, split) if index else None)
    points = Points.of(source / "distribution.npz" if source.is_dir() else source, vectors)
    if where:
        if index is None:
            raise UsageError("--where: needs --index, the index.parquet of the pictures")
        points = conditioned(points, rows_where(index, split, where))
    with budget_of(settings):
        sample_to_folder(points, out, by_name(method, sigma, temperature), count, seed)
    _done(quiet, f"{count:,} vectors in {out / 'z.npy'}")


@app.command(epilog=example("zpoints decode model/ samples/ellipse/z.npy samples/ellipse"))
def decode(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    latents: Annotated[Path, typer.Argument(help="(n, d) array of latent vectors.")],
    out: Annotated[Path, typer.Argument(help="Folder for pictures.npy and grid.png.")],
    config: Config = None,
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Decode latent vectors to pictures and a contact sheet."""
    from zpoints.images.files import file_mark
    from zpoints.models.kinds import open_codec
    from zpoints.run.stages import decode_to_folder

    settings = settings_of(config, changes, ram=ram, vram=vram)
    with budget_of(settings):
        codec = open_codec(model, settings.training)
        key = f"{codec.key} {file_mark(latents)}"
        decode_to_folder(codec, latents, out, settings.report.sheet, progress_of(quiet), key)
    _done(quiet, f"pictures in {out / 'pictures.npy'}, contact sheet in {out / 'grid.png'}")


@app.command(epilog=example("zpoints walk model/ analysis/ walks/first --axis 0"))
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
    kind: Annotated[
        str, typer.Option(help="With --between: straight, spherical or mahalanobis.")
    ] = "mahalanobis",
    sigma: Annotated[float, typer.Option(help="The path ends so many sigma from the centre.")] = 5.0,
    mark: Annotated[float, typer.Option(help="Pictures outside of this many sigma get a frame.")] = 3.0,
    steps: Annotated[int, typer.Option(help="Pictures on the way.")] = 24,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Move through latent space on a path, and look at what the Decoder makes of it."""
    from zpoints.analysis.distribution import Distribution
    from zpoints.analysis.walks import along_axis, between_rows, in_plane
    from zpoints.models.kinds import open_codec
    from zpoints.run.stages import walk_to_folder
    from zpoints.vectors.latent_set import LatentSet

    if [axis, plane, between].count(None) != 2:
        raise UsageError("walk: choose one of --axis, --plane and --between")
    distribution = Distribution.load(source / "distribution.npz")
    if axis is not None:
        path = along_axis(distribution, axis, sigma, steps)
    elif plane is not None:
        path = in_plane(distribution, *plane, angle, sigma, steps)
    else:
        if latents is None or between is None:
            raise UsageError("walk: --between needs --latents, the vectors of the pictures")
        path = between_rows(distribution, LatentSet.open(latents), *between, steps, kind)
    walk_to_folder(open_codec(model), path, out, mark)
    _done(quiet, f"{steps} pictures in {out / 'walk.png'}, moving ones in {out / 'walk.webp'}")


@app.command(epilog=example("zpoints judge runs/faces --set judge.count=2000"))
def judge(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    changes: Changes = None,
    ram: Ram = None,
    vram: Vram = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare a run's samplers by pictures that no stage has seen, and say which one to use."""
    from zpoints.report.closing import scores_lines
    from zpoints.run.stages import judge_run

    this = run_in(folder, changes, ram, vram)
    with budget_of(this.settings):
        scores = judge_run(this, progress_of(quiet))
    _done(quiet, "\n".join(scores_lines(scores)))
    _done(quiet, f"scores in {this.judging / 'scores.json'}")


@app.command(epilog=example("zpoints report runs/faces"))
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a run's report anew, from the files of its stages."""
    from zpoints.report.page import write_report

    this = run_in(folder)
    write_report(this)
    _done(quiet, f"report in {this.report}")


@app.command()
def version() -> None:
    """Print the version."""
    from zpoints import __version__

    typer.echo(__version__)


def main() -> None:
    """Run a command; an error is one line, and the exit status 2 for wrong usage, 1 for anything else."""
    from zpoints.system.stopping import StoppedError, terminable

    debug = "--debug" in sys.argv
    try:
        with terminable():
            sys.exit(app(standalone_mode=False) or 0)
    except ZPointsError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except StoppedError as error:
        _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        _fail("interrupted; start the same command again to go on", 130)
    except MemoryError as error:
        if debug:
            raise
        _fail(
            f"the system gave no more memory ({error or 'out of memory'}); what was finished is kept: end other "
            "programs or give a smaller --ram, so that the work is cut smaller, then start it again",
            1,
        )
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _fail(
            f"{where}{error.strerror or error}; free the disk or choose another folder, then start again", 1
        )
    except Exception as error:
        # Typer's own complaints about arguments; its exception classes moved between versions.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            _fail(
                f"{error.format_message()} (zpoints COMMAND --help shows what is expected)", error.exit_code
            )
        if debug:
            raise
        _fail(f"unexpected {type(error).__name__}: {error}; run again with --debug and report it", 1)


def _fail(message: str, status: int) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(status)


def _done(quiet: bool, message: str) -> None:
    if not quiet:
        typer.echo(message)
