"""Prepare: the pictures, and whether their source is still what it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zpoints.config import Settings
from zpoints.errors import SourceError
from zpoints.files.documents import read_json
from zpoints.run.folder import Run
from zpoints.run.stage import Done, Look, Stage
from zpoints.system.progress import Progress

__all__ = ["PREPARE"]


def _work(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.images.sources import open_source
    from zpoints.run import work

    with open_source(run.settings.images, run.settings.seed, progress) as source:
        run.begin()  # once it is clear that there is something to be done
        store = work.prepare(source, run.paths.images, run.settings, progress)
    return {"images": len(store), "pictures": store.key}


def _outputs(run: Run, part: str) -> list[Path]:
    return [run.paths.images / name for name in ("pixels.npy", "index.parquet", "prepare.json")]


def _pictures(run: Run) -> str:
    """The key of the prepared pictures, or of those that were prepared last."""
    path = run.paths.images / "prepare.json"
    if path.is_file():
        return str(read_json(path).get("key", ""))
    return str(run.record["stages"].get("prepare", {}).get("pictures", ""))


def _look(run: Run, key: str, entry: Mapping[str, Any]) -> Look:
    """Look whether the source is what it was when the pictures were prepared."""
    from zpoints.images.prepare import RECIPE, prepared_key

    pictures = _pictures(run)
    if pictures != entry.get("pictures", pictures):  # killed after others were prepared
        return Look(False)
    same_settings = entry["key"] == key
    try:
        now = prepared_key(run.settings.images, run.settings.seed)
    except SourceError as error:
        if not same_settings:
            return Look(False)
        why = (
            "is not there any more" if _is_gone(run.settings.images.source) else f"cannot be opened ({error})"
        )
        source = run.settings.images.source
        return Look(True, f"prepare: the source {source} {why}; the pictures prepared before are used")
    if now is None:  # a built-in source is what its name says
        return Look(same_settings)
    if now.key == pictures:
        return Look(True)
    if not same_settings:
        return Look(False)
    details = read_json(run.paths.images / "prepare.json")
    if details.get("recipe") != RECIPE:  # whether the source is another one, nobody can say
        return Look(False)
    before = details.get("description", "")
    what = f"was {before}, is {now.description}" if before != now.description else "was written anew"
    return Look(False, f"the source {run.settings.images.source} has changed since ({what})")


def _is_gone(source: str) -> bool:
    try:
        return not Path(source).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return True


def _depends(settings: Settings) -> Any:
    return [settings.images.model_dump(), settings.seed]


PREPARE = Stage(
    "prepare",
    _work,
    _outputs,
    recipe=2,  # 1 cut squares whatever size was asked for
    depends=_depends,
    result=_pictures,
    look=_look,
)
