"""`zpoints model check`: a look at a model of another tool, its reconstructions on a sheet, its ``codec.toml``."""

import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.config import ImageSettings
from zpoints.errors import UsageError
from zpoints.system.extras import have
from zpoints.system.progress import Progress, Silent

if TYPE_CHECKING:
    from zpoints.models.foreign.check import Tried
    from zpoints.models.foreign.looking import Looked

__all__ = ["Checked", "check_model"]

SHEET = "check.png"
FACES = "faces"
SHOWN = 8  # pictures in a row, and lines of the table
ENLARGED = 64  # smaller pictures are shown so large at least


@dataclass(frozen=True)
class Checked:
    """What `check_model` found.

    Attributes
    ----------
    model : as the user named it.
    looked : the model and its recipe.
    tried : the ways to take it that were compared.
    source : the pictures.
    codec, sheet : the files that were written.
    given : the option that named the pictures; empty for the built-in ones.
    changed : whether ``codec.toml`` was there before, and was written anew.
    """

    model: str
    looked: "Looked"
    tried: "Tried"
    source: str
    codec: Path
    sheet: Path
    given: str
    changed: bool

    def lines(self) -> list[str]:
        """What a user is to know, a line each."""
        recipe, codec = self.looked.recipe, self.looked.codec
        height, width, _ = codec.shape
        colours = "colour" if recipe.channels == 3 else "grey"
        shape = (
            f" (latent shape {'x'.join(map(str, codec.latent_shape))})" if len(codec.latent_shape) > 1 else ""
        )
        words = [
            f"model       {recipe.format}: {', '.join(f'{k} {v}' for k, v in recipe.model.items() if v)}",
            f"pictures    {height}x{width}, {colours}, {recipe.words}",
            f"vectors     {codec.dimension:,} components{shape}",
        ]
        words += [f"assumed     {sentence}" for sentence in self.looked.assumed]
        n = len(self.tried.assumed.errors)
        words += ["", f"error of the reconstructions of {n} pictures ({self.source}), RMSE in grey levels:"]
        shown = list(self.tried.variants[:SHOWN])
        shown += [self.tried.assumed] if self.tried.assumed not in shown else []
        words += [f"{variant.error:8.2f}  {variant.words}" for variant in shown]
        words += ["", *self.tried.lines(self.model, self.given)]
        return [*words, f"{'changed' if self.changed else 'in'} {self.codec}, pictures in {self.sheet}"]


def check_model(
    model: str,
    source: str | None = None,
    out: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    count: int = 24,
    progress: Progress | None = None,
) -> Checked:
    """Look at a model, try it in several ways with a few pictures, and write ``codec.toml`` and a sheet.

    Parameters
    ----------
    model : its folder or file, or ``folder/net.py:Class``.
    source : of pictures; None is the built-in faces.
    out : where the files go; None is the model's own folder.
    changes : settings of ``codec.toml``.
    count : number of pictures, the first ones.

    Raises
    ------
    UsageError : no model there, or one that cannot be used; `out` has a ``codec.toml`` of another model.
    SourceError : no such pictures.
    """
    from zpoints.models.foreign.check import try_variants
    from zpoints.models.foreign.looking import look
    from zpoints.models.foreign.recipe import CODEC, read_recipe, write_recipe

    looked = look(model, changes)
    folder = out or (looked.written.parent if looked.written else Path(looked.recipe.folder))
    path = folder / CODEC
    there = path.is_file()
    if there and (looked.written is None or path.resolve() != looked.written.resolve()):
        other = read_recipe(path)
        if (
            Path(other.folder).resolve() != Path(looked.recipe.folder).resolve()
            or other.model != looked.recipe.model
        ):
            raise UsageError(f"{path}: speaks of another model; give --out FOLDER, or move it away")
    pictures, described = _pictures(source, looked.codec.shape, count, progress or Silent())
    tried = try_variants(looked.codec, pictures)
    changed = bool(changes) and there
    if not there or changes:
        write_recipe(path, looked.recipe.model_copy(update={"fingerprint": ""}))
    _save_sheet(folder / SHEET, pictures, tried, looked.recipe.words)
    given = f" --source {shlex.quote(source)}" if source else ""
    return Checked(model, looked, tried, described, path, folder / SHEET, given, changed)


def _pictures(
    source: str | None, shape: tuple[int, int, int], count: int, progress: Progress
) -> tuple[np.ndarray, str]:
    """The first pictures of a source, cut to a shape."""
    from zpoints.images.prepare import prepare

    if source is None and not have("torch"):
        raise UsageError("model check: which pictures? give --source PATH")
    height, width, colours = shape
    settings = ImageSettings(
        source=source or FACES, count=count, size=(height, width), colour="rgb" if colours == 3 else "grey"
    )
    with tempfile.TemporaryDirectory(prefix="zpoints-") as folder:
        store = prepare(settings, Path(folder) / "images", progress=progress)
        pictures = np.array(store.pixels[: len(store)])
    return pictures, source or "the built-in faces; give --source for your own"


def _save_sheet(path: Path, pictures: np.ndarray, tried: "Tried", assumed: str) -> None:
    from zpoints.images.sheets import Row, save_rows

    factor = max(1, -(-ENLARGED // max(pictures.shape[1:3])))

    def large(block: np.ndarray) -> np.ndarray:
        return block[:SHOWN].repeat(factor, axis=1).repeat(factor, axis=2)

    def off(error: float) -> str:
        return f"off by {error:.1f} grey levels"

    rows = [Row("pictures", f"{min(SHOWN, len(pictures))} of {len(pictures)}", large(pictures))]
    said = f"as assumed: {assumed}"
    rows.append(Row(f"reconstructed: {off(tried.assumed.error)}", said, large(tried.assumed.rebuilt)))
    if tried.is_clear:
        said = f"with {tried.best.words}"
        rows.append(Row(f"better: {off(tried.best.error)}", said, large(tried.best.rebuilt)))
    save_rows(path, rows)
