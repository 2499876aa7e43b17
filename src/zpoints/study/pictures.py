"""Pictures that several cells have in common: prepared once, and laid into the folder of each cell."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zpoints.errors import ZPointsError
from zpoints.files.documents import fingerprint
from zpoints.images.prepare import prepare
from zpoints.images.store import DESCRIPTION, INDEX, PIXELS, REJECTED, ImageStore
from zpoints.study.plan import Cell
from zpoints.system.progress import Progress

__all__ = ["Pictures", "lay", "prepare_all"]


@dataclass(frozen=True)
class Pictures:
    """Prepared pictures of some cells.

    Attributes
    ----------
    folder : where they lie. key : of what they are. error : why there are none; empty if there are.
    """

    folder: Path
    key: str = ""
    error: str = ""


def prepare_all(
    cells: Iterable[Cell], folder: Path, progress: Progress, only_look: bool = False
) -> dict[str, Pictures]:
    """Prepare the pictures of all cells, each set once; what was prepared before is only looked at.

    Parameters
    ----------
    folder : of the study's pictures. only_look : prepare none, and do not ask whether a source has changed.

    Returns
    -------
    The pictures of each cell, by its name. Pictures that cannot be had are no error here: others can.
    """
    found: dict[str, Pictures] = {}
    of_cells: dict[str, Pictures] = {}
    for cell in cells:
        # The seed decides the split, and which pictures some sources draw.
        mark = fingerprint(cell.settings.images.model_dump(mode="json"), cell.seed)[:12]
        if mark not in found:
            place = folder / f"{cell.source or 'pictures'}-s{cell.seed}-{mark}"
            found[mark] = _there(place) if only_look else _prepared(cell, place, progress)
        of_cells[cell.name] = found[mark]
    return of_cells


def _there(out: Path) -> Pictures:
    try:
        return Pictures(out, ImageStore.open(out).key)
    except ZPointsError as error:
        return Pictures(out, error=str(error))


def _prepared(cell: Cell, out: Path, progress: Progress) -> Pictures:
    try:
        return Pictures(out, prepare(cell.settings.images, out, cell.seed, progress).key)
    except ZPointsError as error:
        return Pictures(out, error=str(error))


def lay(pictures: Pictures, into: Path) -> None:
    """Let a cell's folder hold the prepared pictures, as hard links where the disk has them; else as copies.

    No file of a run is ever changed in place, so that a link is as good as a copy.
    """
    if _same(pictures, into):
        return
    into.mkdir(parents=True, exist_ok=True)
    (into / PIXELS).unlink(missing_ok=True)  # pixels must never lie beside a foreign index
    for name in (REJECTED, INDEX, DESCRIPTION, PIXELS):  # where the pixels are, all is
        source, place = pictures.folder / name, into / name
        if not source.is_file():
            continue
        temporary = into / f".{name}.link"
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copy2(source, temporary)
        temporary.replace(place)


def _same(pictures: Pictures, into: Path) -> bool:
    try:
        return ImageStore.open(into).details.get("key") == pictures.key
    except ZPointsError:
        return False
