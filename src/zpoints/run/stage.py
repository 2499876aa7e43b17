"""What a stage is: one object, with its key, its work and all that the rest needs to know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zpoints.config import Settings
from zpoints.files.documents import fingerprint
from zpoints.run.folder import Run
from zpoints.system.progress import Progress

__all__ = ["Done", "Look", "Shape", "Stage", "keys_of", "whole"]

Shape = tuple[int, int, int]
"""(height, width, colours) of the pictures."""

Done = Callable[[str], None]
"""Tells that one part of a stage is finished, so that it need not be done again."""

Work = Callable[[Run, Mapping[str, str], Progress, Done], dict[str, Any]]


def _one(settings: Settings) -> dict[str, Any]:
    """A stage that is done as a whole."""
    return {"": None}


def _nothing(settings: Settings) -> Any:
    return None


@dataclass(frozen=True)
class Look:
    """What a look at something outside of the run found.

    Attributes
    ----------
    valid : whether the finished stage still stands.
    said : a line for the user, or nothing.
    """

    valid: bool
    said: str = ""


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of a run.

    Its key says of which work its files are: of this recipe, these settings, and the work of the stages that it
    needs. A finished stage stands as long as its key is the same and its files are there.

    Attributes
    ----------
    name : as commands and records call it.
    work : does it. Gets the run, the keys of the parts that are to be done, where to report, and what to call when
        a part is finished; returns what the record notes besides.
    outputs : the files of one part that must be there.
    needs : the stages before it whose files it reads.
    recipe : raise it when the stage's code gives other results.
    depends : the settings that the result depends on, as plain values.
    parts : what can be done apart from one another, each with the plain values that only it depends on. A part
        follows from the part of the same name in a stage before, where there is one.
    result : identifies what the finished stage holds; stages after it follow from this in place of the key, so that
        the same pictures from another place are the same. Empty if nothing is there.
    look : whether something outside of the run, such as the source of the pictures, still is as it was.
    smallest : bytes of RAM that the stage needs at least; `smaller` tells how it could need less.
    """

    name: str
    work: Work
    outputs: Callable[[Run, str], list[Path]]
    needs: "tuple[Stage, ...]" = ()
    recipe: int = 1
    depends: Callable[[Settings], Any] = _nothing
    parts: Callable[[Settings], Mapping[str, Any]] = _one
    result: Callable[[Run], str] | None = None
    look: Callable[[Run, str, Mapping[str, Any]], Look] | None = None
    smallest: Callable[[Settings, Shape | None], int] | None = None
    smaller: str = ""


def keys_of(run: Run, stages: tuple[Stage, ...]) -> dict[str, dict[str, str]]:
    """The key that each part of each stage has under the run's settings."""
    keys: dict[str, dict[str, str]] = {}
    results: dict[str, str] = {}

    def before(need: Stage, part: str) -> str:
        return keys[need.name][part] if part in keys[need.name] and part else results[need.name]

    for stage in stages:
        depends = stage.depends(run.settings)
        keys[stage.name] = {
            part: fingerprint(
                stage.name, stage.recipe, depends, part, values, *(before(need, part) for need in stage.needs)
            )
            for part, values in stage.parts(run.settings).items()
        }
        found = stage.result(run) if stage.result else ""
        results[stage.name] = found or whole(keys[stage.name])
    return keys


def whole(parts: Mapping[str, str]) -> str:
    """One key for all parts of a stage, in their order."""
    return parts[""] if list(parts) == [""] else fingerprint(list(parts.items()))
