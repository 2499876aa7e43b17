"""The command line: arguments in, one call, a message out. No logic."""

import sys
from collections.abc import Callable

import typer

from zpoints.cli import doctor, exploring, judging, making, model, studying, vectors
from zpoints.cli.errors import notes_told, say, told_in_one_line
from zpoints.cli.interruption import Commands
from zpoints.cli.listing import Listing
from zpoints.errors import UsageError
from zpoints.system.streams import secure_streams

__all__ = ["app", "main"]

EXAMPLES: dict[Callable[..., None], str] = {
    making.demo: "zpoints demo",
    making.run: "zpoints run --source ~/pictures --out runs/mine --set training.epochs=30",
    making.prepare: "zpoints prepare celeba/ images/ --set images.size=[96,96]",
    making.train: "zpoints train images/ model/ --set training.epochs=20",
    making.encode: "zpoints encode model/ images/ latents/",
    vectors.analyse: "zpoints analyse latents/z.npy analysis/ --index images/index.parquet --split train",
    vectors.card: "zpoints card latents/z.npy --out card.json",
    vectors.compare: "zpoints compare train/z.npy test/z.npy --out compare/",
    vectors.sample: "zpoints sample analysis/ samples/ellipse --method ellipse --option sigma=4 --count 64",
    making.decode: "zpoints decode model/ samples/ellipse/z.npy samples/ellipse",
    making.features: "zpoints features images/ features/ --set judge.features=pixels",
    vectors.walk: "zpoints walk model/ analysis/ walks/first --axis 0",
    judging.judge: "zpoints judge runs/faces --set judge.count=2000",
    judging.report: "zpoints report runs/faces",
    exploring.explore: "zpoints explore runs/faces",
    studying.study: "zpoints study study.toml --out studies/first",
    model.export: "zpoints export runs/faces --onnx",
    doctor.doctor: "zpoints doctor",
}
"""The commands in the order of the help text, and how each is typed."""

app = typer.Typer(
    cls=Commands,
    help="Measure where a trained autoencoder puts its images in latent space, and make new images from it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command, example in EXAMPLES.items():
    app.command(cls=Listing, epilog=f"Example:  {example}")(command)


models = typer.Typer(no_args_is_help=True, help="Models that other tools trained.", rich_markup_mode=None)
models.command(cls=Listing, epilog="Example:  zpoints model check my_model/ --source ~/pictures")(model.check)
app.add_typer(models, name="model")


@app.command()
def version() -> None:
    """Print the version."""
    from zpoints import __version__

    say(__version__)


def _check_place(command: list[str]) -> None:
    """One command trains by several processes; all others would do the same work several times over."""
    from zpoints.system.place import Place

    place = Place.here()
    if not place.alone and command != ["train"]:
        raise UsageError(
            f"torchrun has started this {place.world} times, and that is for `zpoints train` alone: train the run's "
            "model by it, then call `zpoints run` by itself, which takes the trained model over"
        )


def main() -> None:
    """Run a command; an error is one line, and the exit status 2 for wrong usage, 1 for anything else."""
    from zpoints.system.stopping import terminable

    secure_streams()
    quiet = not {"-q", "--quiet"}.isdisjoint(sys.argv)
    with told_in_one_line("--debug" in sys.argv), notes_told(quiet), terminable():
        _check_place(sys.argv[1:2])
        sys.exit(app(standalone_mode=False, prog_name="zpoints") or 0)
