"""Nobody's files but our own are replaced: a run's folder, and the folder that a command writes to."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from zpoints.errors import UsageError, ZPointsError
from zpoints.files.documents import read_json
from zpoints.files.settings import load_settings
from zpoints.run.paths import is_record

__all__ = ["check_folder_of_run", "check_own"]

MARKS: dict[str, tuple[set[str], ...]] = {
    "analysis.json": ({"n", "d", "verdict"},),
    "compare.json": ({"a", "b", "verdict"},),
    "cost.json": ({"fit_seconds"},),
    "decode.json": ({"model"},),
    "encode.json": ({"model", "pictures"},),
    "export.json": ({"onnx", "run"},),
    "features.json": ({"features", "pictures"},),
    "model.json": ({"kind"}, {"architecture", "parameters"}),  # the second one before there were kinds
    "prepare.json": ({"key", "count"},),
    "walk.json": ({"steps", "distance"},),
}
"""By these files, and sets of names in them, a folder is known as written by one of our commands."""
SECTIONS = ("images", "autoencoder", "training", "analysis", "samples", "judge", "report")
"""Tables of every run's config.toml; a file of settings that somebody wrote by hand seldom has them all."""


def check_folder_of_run(folder: Path) -> None:
    """Refuse a folder that holds something and is not that of a run.

    Raises
    ------
    UsageError : names the folder; nothing in it was touched.
    """
    if not folder.is_dir() or all(path.name.startswith(".lock") for path in folder.iterdir()):
        return
    record = folder / "run.json"
    if record.is_file():
        with suppress(ZPointsError):
            if is_record(read_json(record)):
                return
    if _is_config_of_run(folder / "config.toml"):
        return
    where = folder if folder.name else folder.resolve()
    raise UsageError(
        f"{where}: holds files, and is not the folder of a run; choose another folder, or an empty one"
    )


def check_own(out: Path, names: Iterable[str], mark: str, *also: str) -> None:
    """Refuse to replace files that no command of ours has written.

    Parameters
    ----------
    names : files that are about to be written.
    mark : the file that tells that this command wrote here before; `also`: others that tell so while it is at work.

    Raises
    ------
    UsageError : names the first file that is somebody else's; nothing was touched.
    """
    there = next((name for name in names if (out / name).exists()), None)
    if there is None or _is_marked(out / mark, *MARKS[mark]) or any((out / name).exists() for name in also):
        return
    if any(_is_marked(folder / "run.json", {"stages"}) for folder in list(out.resolve().parents)[:2]):
        return
    raise UsageError(
        f"{out / there}: is there already, and no command of zpoints wrote it (no {mark} beside it); choose another "
        "folder, or move it away"
    )


def _is_marked(path: Path, *keys: set[str]) -> bool:
    try:
        return path.is_file() and any(some <= read_json(path).keys() for some in keys)
    except (ZPointsError, OSError):
        return False


def _is_config_of_run(path: Path) -> bool:
    """Whether it is a file of settings as runs write it, with every setting in it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        load_settings(path)
    except (ZPointsError, OSError, UnicodeDecodeError):
        return False
    return all(f"[{name}]" in text for name in SECTIONS)
