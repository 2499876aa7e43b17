"""The command that opens the explorer."""

from pathlib import Path
from typing import Annotated

import typer

from zpoints.cli.errors import done, say
from zpoints.cli.options import Columns, Debug, Quiet, Split, progress_of, vectors_in
from zpoints.errors import UsageError

__all__ = ["explore"]


def explore(
    source: Annotated[
        str, typer.Argument(help="The folder of a run or of an analysis, or vectors: {formats}.")
    ],
    latents: Annotated[str | None, typer.Option(help="With an analysis' folder: its vectors.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained model, of which the vectors are.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of prepared pictures, one for each vector of the file.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="With --latents: index.parquet of their pictures, to choose a split.")
    ] = None,
    split: Split = "train",
    export: Annotated[
        Path | None, typer.Option(help="Write one HTML file that needs no server, and end.")
    ] = None,
    port: Annotated[int, typer.Option(help="Of this machine; 0 takes a free one.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    columns: Columns = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Move through latent space in the browser, and see at every moment the picture that the Decoder makes."""
    from zpoints.explorer.space import open_space

    if index is not None and latents is None:
        raise UsageError("--index: chooses among the vectors that --latents names; give both")
    vectors = None if latents is None else vectors_in(Path(latents), index, split, columns)
    space = open_space(source, latents=vectors, codec=model, images=images, columns=columns)
    if export is not None:
        from zpoints.explorer.export import export_page

        export_page(space, export, progress_of(quiet))
        done(quiet, f"{export}: open it by a double click")
        return
    from zpoints.explorer.serving import Explorer

    try:
        with Explorer(space, port) as explorer:
            say(explorer.url)
            done(quiet, "Ctrl-C ends it.")
            if browser and not explorer.browse():
                done(quiet, "No browser was found here: open that address yourself.")
            explorer.wait()
    except KeyboardInterrupt:
        done(quiet, "ended")
