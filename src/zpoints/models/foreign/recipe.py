"""What a model of another tool needs to know about pixels: ``codec.toml``, read, checked and written."""

import difflib
import json
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from zpoints.config import Positive, Section
from zpoints.errors import UsageError, reason
from zpoints.files.atomic import atomic_path

__all__ = ["CODEC", "Recipe", "checked", "read_recipe", "write_recipe"]

CODEC = "codec.toml"
LARGEST = 1 << 16  # pixels to a side
Layout = Literal["channels-first", "channels-last", "flat-channels-first", "flat-channels-last"]
COMMENTS = {
    "format": "what the files are",
    "folder": "where the model lies",
    "fingerprint": "of the model's files; another one, and the model has changed since",
    "size": "height, width of the pictures",
    "channels": "1 is grey, 3 is colour",
    "layout": "channels-first: (n, c, h, w); channels-last: (n, h, w, c); flat-...: the same as (n, values)",
    "order": "rgb or bgr",
    "transposed": "true: the model takes (width, height) for (height, width)",
    "range": "what black and white are to the Encoder",
    "mean": "per channel, of values in 0..1; with std, in place of range",
    "std": "values go in as (value - mean) / std",
    "output": "what the Decoder gives: same as goes in, logits, or its own [black, white]",
    "latent_shape": "of one picture's latent array",
}
Checked = TypeVar("Checked", bound=Section)


class Recipe(Section):
    """How pictures become a model's input, and its output pictures.

    Attributes
    ----------
    format : a name of `zpoints.models.foreign.formats.MODEL_FORMATS`.
    folder : where the model's files lie, where that is not beside ``codec.toml``.
    fingerprint : of the model's files; empty where nobody asks whether they have changed.
    size : (height, width) of the pictures, as zpoints sees them.
    channels : 1 or 3.
    layout, order, transposed : how a picture's values are arranged for the model.
    range : what black and white are to the model; `mean` and `std` (per channel, of values in 0..1) go before it.
    output : what the Decoder gives: ``same`` as the Encoder takes, ``logits``, or black and white of its own.
    latent_shape : of one picture's latent array.
    model : what only this format knows: its files, and more.
    """

    format: str
    folder: str = ""
    fingerprint: str = ""
    size: tuple[Positive, Positive]
    channels: Literal[1, 3]
    layout: Layout
    order: Literal["rgb", "bgr"] = "rgb"
    transposed: bool = False
    range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    output: Literal["same", "logits"] | tuple[float, float] = "same"
    latent_shape: tuple[Positive, ...]
    model: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if max(self.size) > LARGEST:
            raise ValueError(f"size {list(self.size)}: at most {LARGEST:,} pixels to a side")
        if len(self.mean) != len(self.std) or len(self.mean) not in (0, self.channels):
            raise ValueError(f"mean and std are given together, {self.channels} numbers each, or not at all")
        if min(self.std, default=1.0) <= 0:
            raise ValueError("std is above 0")
        for black_white in (self.range, self.output):
            if not isinstance(black_white, str) and black_white[0] == black_white[1]:
                raise ValueError("black and white are two different numbers")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, colours) of the pictures."""
        return (*self.size, self.channels)

    @property
    def words(self) -> str:
        """All that is taken for granted of a picture's values, for people."""
        said = [self.layout, *([self.order] if self.channels == 3 else []), self.scaling]
        said += ["height and width exchanged"] if self.transposed else []
        if self.output != "same":
            black_white = self.output
            said.append(
                "output logits"
                if black_white == "logits"
                else f"output {black_white[0]:g}..{black_white[1]:g}"
            )
        return ", ".join(said)

    @property
    def scaling(self) -> str:
        """The values that the Encoder takes, in words."""
        if self.mean:
            return "values by mean and standard deviation"
        return f"values {self.range[0]:g}..{self.range[1]:g}"


def checked(section: type[Checked], tree: dict[str, Any], where: str) -> Checked:
    """The section that a tree of values means.

    Raises
    ------
    UsageError : an unknown name, with the nearest known one; or a value that cannot be meant.
    """
    try:
        return section.model_validate(tree)
    except ValidationError as error:
        raise UsageError(f"{where}: {_problem(section, error)}") from error


def _problem(section: type[Section], error: ValidationError) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"][:1])
    known = [field.alias or key for key, field in section.model_fields.items()]
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
        return f"unknown setting '{name:.100}'; {hint}"
    if problem["type"] == "missing":
        return f"no '{name}'; give it, as in --set {name}=VALUE"
    message = problem["msg"].removeprefix("Value error, ")
    return f"setting '{name}' = {problem['input']!r:.100}: {message}" if name else message


def read_recipe(path: Path) -> Recipe:
    """Read a ``codec.toml``; `folder` is made whole.

    Raises
    ------
    UsageError : no such file, no TOML, or no recipe.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); write it by `zpoints model check`"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML: {reason(error)}") from error
    recipe = checked(Recipe, tree, str(path))
    return recipe.model_copy(update={"folder": str((path.parent / recipe.folder).absolute())})


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a ``codec.toml`` with a word on each line, atomically; beside the model it names no folder."""
    beside = recipe.folder and Path(recipe.folder).absolute() == path.parent.absolute()
    tree = recipe.model_dump(exclude={"model"})
    left_out = {"folder"} if beside or not recipe.folder else set()
    left_out |= {name for name in ("fingerprint", "mean", "std") if not tree[name]}
    left_out |= {"range"} if recipe.mean else set()
    lines = [
        "# What zpoints takes this model for. Edit it where that is wrong; `zpoints model check` tries it."
    ]
    lines += [
        f"{name} = {_value(value)}  # {COMMENTS[name]}"
        for name, value in tree.items()
        if name not in left_out
    ]
    lines += _table("model", recipe.model)
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(name: str, values: dict[str, Any]) -> list[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    lines = ["", f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in plain.items())]
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += _table(f"{name}.{_key(key)}", value)
    return lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    """A value as TOML on one line; texts, lists and numbers look as in JSON."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
