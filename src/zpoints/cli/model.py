"""Commands for models: look at one of another tool, give ours to other tools."""

from pathlib import Path
from typing import Annotated

import typer

from zpoints.cli import completion
from zpoints.cli.errors import done, say
from zpoints.cli.options import Debug, Quiet, Ram, Threads, budget_of, progress_of, settings_of
from zpoints.errors import UsageError

__all__ = ["check", "export"]


def check(
    path: Annotated[str, typer.Argument(help="Its folder or file: {models}; or FOLDER/net.py:Class.")],
    source: Annotated[
        str | None,
        typer.Option(
            help="Pictures to try it with: a name or a path; without it, the built-in faces.",
            autocompletion=completion.sources,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for codec.toml and check.png; else the model's.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Say what the model does not: NAME=VALUE of codec.toml, as size=[32,32]."),
    ] = None,
    count: Annotated[int, typer.Option(help="Pictures to try it with.", min=2)] = 24,
    ram: Ram = None,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Look at a model that another tool trained, write codec.toml, and try whether its pictures are taken rightly."""
    from zpoints.files.settings import named_values
    from zpoints.run.checking import check_model

    settings = settings_of(source=source, ram=ram, threads=threads)
    with budget_of(settings):
        found = check_model(
            path,
            source,
            out,
            named_values(changes or [], "--set", "size=[32,32]"),
            count,
            progress=progress_of(quiet),
        )
    if not quiet:
        say("\n".join(found.lines()))


def export(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="As encoder.onnx and decoder.onnx.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for them; without it, RUN/onnx.")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Give a run's Encoder and Decoder to other tools."""
    if not onnx:
        raise UsageError("export: to which format? give --onnx")
    from zpoints.run.exporting import export_onnx

    written = export_onnx(folder, out)
    done(quiet, f"encoder.onnx, decoder.onnx and README.md in {written}")
