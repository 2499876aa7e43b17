"""The command line: arguments in, one call, a message out. No logic."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from zpoints.errors import UsageError, ZPointsError

if TYPE_CHECKING:
    from zpoints.config import Settings
    from zpoints.pipeline import Run
    from zpoints.progress import Progress

__all__ = ["app", "main"]


class _InterruptedError(ZPointsError):
    """Ctrl-C or SIGTERM, in a form that Typer does not swallow."""

    exit_status = 130


class _Commands(TyperGroup):
    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run a command; Typer would end it silently when it is interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            why = str(error) or "interrupted"
            raise _InterruptedError(f"{why}; start the same command again to go on") from error


app = typer.Typer(
    cls=_Commands,
    help="Measure where a trained autoencoder puts its images in latent space, and make new images from it.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RETRIES = 3  # what --retry means

Config = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change one setting: NAME=VALUE, as in training.epochs=20.")
]
Retry = Annotated[
    bool, typer.Option("--retry", help="If the loss is no longer a number, go back and on at a lower rate.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def example(text: str) -> str:
    """The end of a help text: an example as the user would type it."""
    return f"Example:  {text}"


@app.command(epilog=example("zpoints run --source ~/pictures --out runs/mine --set training.epochs=30"))
def run(
    config: Annotated[
        Path | None, typer.Argument(help="A TOML file; without it, the built-in faces.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Pictures: faces, orl, or a path.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; without it, runs/NAME.")] = None,
    retry: Retry = False,
    changes: Changes = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """The whole road: pictures, autoencoder, z-points, analysis, new pictures, report. Continues where it stopped."""
    from zpoints.pipeline import Run, run_stages
    from zpoints.report.closing import closing_table

    settings = _settings(config, changes, source, named=True, retry=retry)
    this = Run(out or Path("runs") / settings.name, settings)
    run_stages(this, _progress(quiet))
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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Cut and scale pictures into one array on disk."""
    from zpoints.images.prepare import prepare as prepare_images

    settings = _settings(config, changes, source)
    store = prepare_images(settings.images, out, settings.seed, _progress(quiet))
    _done(quiet, f"{len(store):,} pictures of shape {store.shape} in {out / 'pixels.npy'}")


@app.command(epilog=example("zpoints train images/ model/ --set training.epochs=20"))
def train(
    images: Annotated[Path, typer.Argument(help="A folder that `zpoints prepare` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for weights, history and checkpoints.")],
    retry: Retry = False,
    config: Config = None,
    changes: Changes = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train the autoencoder; started again, it goes on after the last finished epoch."""
    from zpoints.pipeline import train_to_folder

    train_to_folder(_settings(config, changes, retry=retry), images, out, _progress(quiet))
    _done(quiet, f"weights in {out / 'weights.safetensors'}, history in {out / 'history.csv'}")


@app.command(epilog=example("zpoints encode model/ images/ latents/"))
def encode(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    images: Annotated[Path, typer.Argument(help="A folder that `zpoints prepare` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for z.npy.")],
    config: Config = None,
    changes: Changes = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the latent vectors of all pictures, one row per picture."""
    from zpoints.autoencoder.checkpoint import model_key
    from zpoints.autoencoder.coding import Coder
    from zpoints.autoencoder.coding import encode as encode_images
    from zpoints.images.store import ImageStore

    training = _settings(config, changes).training
    store = ImageStore.open(images)
    coder = Coder.load(model, training.device, training.precision)
    encode_images(coder, store, out / "z.npy", _progress(quiet), f"{model_key(model)} {store.key}")
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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure every component and every plane of any set of latent vectors."""
    from zpoints.analysis import analyse as analyse_latents
    from zpoints.images.index import rows_of_split

    settings = _settings(config, changes)
    rows = rows_of_split(index, split) if index else None
    found = analyse_latents(latents, settings.analysis, rows, _progress(quiet))
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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say in what two sets of latent vectors differ: training and test, two networks, two data sets."""
    from zpoints.comparison import compare as compare_latents
    from zpoints.images.index import rows_of_split

    settings = _settings(config, changes)
    rows_a = rows_of_split(index_a, split_a) if index_a else None
    rows_b = rows_of_split(index_b, split_b) if index_b else None
    found = compare_latents(a, b, settings.analysis, rows_a, rows_b, settings.seed, _progress(quiet))
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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw new latent vectors."""
    from zpoints.config import Settings
    from zpoints.images.index import rows_of_split, rows_where
    from zpoints.latents import LatentSet
    from zpoints.pipeline import sample_to_folder
    from zpoints.samplers import by_name
    from zpoints.samplers.conditional import conditioned
    from zpoints.samplers.points import Points

    chosen = {"methods": [method], "count": count, "sigma": sigma, "temperature": temperature}
    Settings.of({"samples": chosen}, "sample")
    vectors = None
    if latents is not None:
        vectors = LatentSet.open(latents, rows_of_split(index, split) if index else None)
    points = Points.of(source / "distribution.npz" if source.is_dir() else source, vectors)
    if where:
        if index is None:
            raise UsageError("--where: needs --index, the index.parquet of the pictures")
        points = conditioned(points, rows_where(index, split, where))
    sample_to_folder(points, out, by_name(method, sigma, temperature), count, seed)
    _done(quiet, f"{count:,} vectors in {out / 'z.npy'}")


@app.command(epilog=example("zpoints decode model/ samples/ellipse/z.npy samples/ellipse"))
def decode(
    model: Annotated[Path, typer.Argument(help="A folder that `zpoints train` made.")],
    latents: Annotated[Path, typer.Argument(help="(n, d) array of latent vectors.")],
    out: Annotated[Path, typer.Argument(help="Folder for pictures.npy and grid.png.")],
    config: Config = None,
    changes: Changes = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Decode latent vectors to pictures and a contact sheet."""
    from zpoints.autoencoder.checkpoint import model_key
    from zpoints.autoencoder.coding import Coder
    from zpoints.images.files import file_mark
    from zpoints.pipeline import decode_to_folder

    settings = _settings(config, changes)
    coder = Coder.load(model, settings.training.device, settings.training.precision)
    key = f"{model_key(model)} {file_mark(latents)}"
    decode_to_folder(coder, latents, out, settings.report.sheet, _progress(quiet), key)
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
    from zpoints.autoencoder.coding import Coder
    from zpoints.distribution import Distribution
    from zpoints.latents import LatentSet
    from zpoints.pipeline import walk_to_folder
    from zpoints.walks import along_axis, between_rows, in_plane

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
    walk_to_folder(Coder.load(model), path, out, mark)
    _done(quiet, f"{steps} pictures in {out / 'walk.png'}, moving ones in {out / 'walk.webp'}")


@app.command(epilog=example("zpoints judge runs/faces --set judge.count=2000"))
def judge(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    changes: Changes = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare a run's samplers by pictures that no stage has seen, and say which one to use."""
    from zpoints.pipeline import judge_run
    from zpoints.report.closing import scores_lines

    this = _run_in(folder, changes)
    scores = judge_run(this, _progress(quiet))
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

    this = _run_in(folder)
    write_report(this)
    _done(quiet, f"report in {this.report}")


@app.command()
def version() -> None:
    """Print the version."""
    from zpoints import __version__

    typer.echo(__version__)


def main() -> None:
    """Run a command; an error is one line, and the exit status 2 for wrong usage, 1 for anything else."""
    from zpoints.stopping import terminable

    debug = "--debug" in sys.argv
    try:
        with terminable():
            sys.exit(app(standalone_mode=False) or 0)
    except ZPointsError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        _fail("interrupted; start the same command again to go on", _InterruptedError.exit_status)
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


def _settings(
    config: Path | None,
    changes: list[str] | None,
    source: str | None = None,
    named: bool = False,
    retry: bool = False,
) -> "Settings":
    from zpoints.config import Settings, load_settings, with_changes, with_values

    settings = load_settings(config) if config else Settings()
    if source:
        name = {"name": _name_of(source)} if named else {}
        settings = with_values(settings, {"images.source": source, **name}, f"source {source}")
    if retry:
        settings = with_values(settings, {"training.retries": RETRIES}, "--retry")
    return with_changes(settings, changes or [])


def _run_in(folder: Path, changes: list[str] | None = None) -> "Run":
    """The run that a folder holds, with changes to its settings."""
    from zpoints.config import load_settings, with_changes
    from zpoints.pipeline import Run

    if not (folder / "config.toml").is_file():
        raise UsageError(f"{folder}: not the folder of a run (no config.toml); make one with `zpoints run`")
    return Run(folder, with_changes(load_settings(folder / "config.toml"), changes or []))


def _name_of(source: str) -> str:
    """A name for the run: the last part of the path, without what a folder's name had better not hold."""
    stem = Path(source).expanduser().resolve().stem
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "run"


def _progress(quiet: bool) -> "Progress":
    from zpoints.progress import for_terminal

    return for_terminal(quiet)


def _done(quiet: bool, message: str) -> None:
    if not quiet:
        typer.echo(message)
