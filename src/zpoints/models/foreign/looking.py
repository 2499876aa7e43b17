"""A look at a model of another tool: what it says of itself, what is assumed, and whether it works so at all."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.errors import UsageError, ZPointsError
from zpoints.files.documents import fingerprint
from zpoints.models.foreign.codec import ForeignCodec
from zpoints.models.foreign.format import Backend, Found, ModelFormat, Place, digest
from zpoints.models.foreign.formats import format_at, format_named
from zpoints.models.foreign.pixels import to_model
from zpoints.models.foreign.recipe import CODEC, Recipe, checked, read_recipe
from zpoints.system.budget import require
from zpoints.system.meter import anonymous_bytes

__all__ = ["Looked", "look", "mark_of", "open_recipe", "open_written", "smallest_memory"]

FREE_SIZES = (64, 32, 28, 96, 128, 224, 256, 16, 48, 112, 160, 512)
"""Tried in this order where a model takes pictures of any size, or does not say."""
FINE = 1e-3
"""Vectors of the same picture may differ by so much of their spread: rounding, in another batch."""
PLACEHOLDER = (1,)


@dataclass(frozen=True)
class Looked:
    """A model that was looked at.

    Attributes
    ----------
    recipe : complete; its folder is whole.
    codec : the opened model.
    assumed : sentences: what the model did not say.
    written : the ``codec.toml`` that says it all; None where there is none yet.
    """

    recipe: Recipe
    codec: ForeignCodec
    assumed: tuple[str, ...]
    written: Path | None


class _RandomError(UsageError):
    """No other arrangement of the pixels would help."""


def look(text: str, changes: Mapping[str, Any] | None = None, device: str = "auto") -> Looked:
    """Find out what a model needs to know about pixels, and try it with one small batch.

    Parameters
    ----------
    text : its folder or file, its ``codec.toml``, or ``folder/net.py:Class``.
    changes : settings of ``codec.toml`` that the user gives: ``{"size": [32, 32], "model.bottleneck": "code"}``.

    Raises
    ------
    UsageError : there is no model, it may not be opened, or it does not work with what is known of it.
    """
    place, given = Place.of(text), _tree(changes or {})
    written = written_recipe(place)
    if written is not None:
        path, recipe = written
        recipe = checked(Recipe, _with(recipe.model_dump(), given), str(path))
        return _looked(recipe, _consented(recipe, place, path), device, (), path)
    member = format_at(place)
    model = dict(member.model(place, given.get("model", {})))
    backend = _opened(member, place.folder.absolute(), model, device)
    found = backend.look()
    plain = {name: value for name, value in given.items() if name != "model"}
    tried: list[str] = []
    for tree, assumed in _guesses(found, plain):
        tree = {
            "format": member.name,
            "folder": str(place.folder.absolute()),
            "model": model,
            **tree,
            **plain,
        }
        recipe = checked(Recipe, tree, "--set" if plain else text)
        try:
            recipe = recipe.model_copy(update={"latent_shape": _latent_shape(recipe, backend)})
            return _looked(recipe, member, device, (*found.assumed, *assumed), None, backend)
        except ZPointsError as error:
            if isinstance(error, _RandomError):
                raise
            tried.append(str(error))
    why = (
        tried[0] if tried else f"does not take arrays with {', '.join(f'{k} {v}' for k, v in plain.items())}"
    )
    raise UsageError(f"{text}: {why}; say what it takes: zpoints model check {text} --set size=[64,64]")


def open_recipe(recipe: Recipe, where: str, device: str = "auto") -> ForeignCodec:
    """The codec of a recipe whose folder is whole; its fingerprint, if it bears one, is compared.

    Raises
    ------
    UsageError : the model is gone, has changed, or cannot be opened.
    """
    member = format_named(recipe.format, where)
    folder = Path(recipe.folder)
    files = _files_of(recipe, where)
    gone = next((path for path in files if not path.is_file()), None)
    if gone is not None:
        raise UsageError(f"{gone}: is gone, and {where} needs it; put the model back, or name another one")
    mark = _files_mark(folder, files)
    if recipe.fingerprint and recipe.fingerprint != mark:
        raise UsageError(
            f"{folder}: the model has changed since {where} was written; start `zpoints run` again"
        )
    return _codec(recipe, _opened(member, folder, recipe.model, device), mark)


def mark_of(text: str) -> str:
    """Identifies a model and its recipe by the bytes of its files; ``gone`` where it cannot be found."""
    try:
        place = Place.of(text)
        written = written_recipe(place)
        if written is not None:
            path, recipe = written
            said: Any = recipe.model_dump(exclude={"folder", "fingerprint"})
            return fingerprint(said, _files_mark(Path(recipe.folder), _files_of(recipe, str(path))))
        member = format_at(place)
        model = member.model(place, {})
        return fingerprint(model, _files_mark(place.folder, member.files(place.folder, model)))
    except ZPointsError:
        return "gone"


def smallest_memory(text: str) -> int:
    """Bytes that a process needs at least to work with a model; it is not opened.

    Raises
    ------
    UsageError : there is no model.
    """
    place = Place.of(text)
    written = written_recipe(place)
    if written is not None:
        path, recipe = written
        return format_named(recipe.format, str(path)).smallest_memory(Path(recipe.folder), recipe.model)
    member = format_at(place)
    return member.smallest_memory(place.folder, member.model(place, {}))


def open_written(text: str, device: str = "auto") -> ForeignCodec | None:
    """The codec of a model with a ``codec.toml``; None where no model of another tool lies.

    Raises
    ------
    UsageError : there is a model, and nobody has looked at it yet: nothing is assumed here.
    """
    try:
        place = Place.of(text)
        if written_recipe(place) is None:
            format_at(place)
    except ZPointsError:
        return None
    if written_recipe(place) is None:
        raise UsageError(f"{text}: no {CODEC} yet; look at the model first: zpoints model check {text}")
    return look(text, device=device).codec


def written_recipe(place: Place) -> tuple[Path, Recipe] | None:
    """The ``codec.toml`` that speaks of the model at a place, and what it says."""
    if place.path.suffix == ".toml":
        return place.path, read_recipe(place.path)
    path = place.folder / CODEC
    if not path.is_file():
        return None
    recipe = read_recipe(path)
    files = _files_of(recipe, str(path)) if place.path.is_file() else [place.path]
    if place.path.resolve() not in {file.resolve() for file in files}:
        return None
    if place.class_name and recipe.model.get("class") != place.class_name:
        return None
    return path, recipe


def _consented(recipe: Recipe, place: Place, path: Path) -> ModelFormat:
    """The recipe's format; a file that names code of its own is not enough for running it."""
    member = format_named(recipe.format, str(path))
    if (name := recipe.model.get("class")) and not place.class_name:
        module, _, made = str(name).partition(":")
        raise UsageError(
            f"{path}: names code that would be run, {name}; if you trust it, say so by giving the model as "
            f"{Path(recipe.folder) / f'{module}.py'}:{made}"
        )
    return member


def _looked(
    recipe: Recipe,
    member: ModelFormat,
    device: str,
    assumed: tuple[str, ...],
    written: Path | None,
    backend: Backend | None = None,
) -> Looked:
    where = str(written or recipe.folder)
    if backend is None:
        codec = open_recipe(recipe, where, device)
    else:
        codec = _codec(recipe, backend, _files_mark(Path(recipe.folder), _files_of(recipe, where)))
    _try_out(codec, where)
    chosen = codec.backend.chosen() if backend is not None else ()
    return Looked(recipe, codec, (*assumed, *chosen), written)


def _opened(member: ModelFormat, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
    """The model, where the budget holds its libraries too: what they take shows after their import only."""
    more = member.smallest_memory(folder, model) - (anonymous_bytes() or 0)
    require(max(0, more), f"opening {folder}", "choose a smaller model")
    return member.open(folder, model, device)


def _codec(recipe: Recipe, backend: Backend, mark: str) -> ForeignCodec:
    return ForeignCodec(
        recipe.model_copy(update={"fingerprint": mark}),
        backend,
        fingerprint("foreign", recipe.model_dump(exclude={"folder", "fingerprint"}), mark),
    )


def _files_of(recipe: Recipe, where: str) -> list[Path]:
    member = format_named(recipe.format, where)
    model = member.settings_of(recipe.model, where).model_dump(by_alias=True)
    return member.files(Path(recipe.folder), model)


def _files_mark(folder: Path, files: list[Path]) -> str:
    return fingerprint(sorted((os.path.relpath(path, folder), digest(path)) for path in files))


def _latent_shape(recipe: Recipe, backend: Backend) -> tuple[int, ...]:
    """Found by one picture."""
    codec = ForeignCodec(recipe, backend, "")
    z = codec._asked("encode", to_model(np.zeros((1, *recipe.shape), np.uint8), recipe))
    if z.ndim < 2 or z.shape[0] != 1 or z.size == 0:
        raise UsageError(
            f"the Encoder gives an array of shape {z.shape} for one picture, and no latent array"
        )
    return z.shape[1:]


def _try_out(codec: ForeignCodec, where: str) -> None:
    """Refuse what does not work, and what works differently each time: its vectors would mean nothing."""
    pictures = np.random.default_rng(0).integers(0, 256, (3, *codec.shape), dtype=np.uint8)
    z = codec.encode(pictures)
    again, alone = codec.encode(pictures), codec.encode(pictures[:1])
    allowed = FINE * max(float(np.abs(z).max()), 1e-6)
    if np.abs(z - again).max() > allowed:
        raise _RandomError(
            f"{where}: the Encoder is random: the same pictures get other latent vectors each time; name the output "
            "that is the mean, or take the model out of its training mode"
        )
    if np.abs(z[:1] - alone).max() > allowed:
        raise _RandomError(
            f"{where}: a picture's latent vector depends on the others of its batch; take "
            "the model out of its training mode"
        )
    codec.decode(z)


def _guesses(found: Found, given: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Recipes that may fit, the likeliest first, and what each of them assumes."""
    values = {"latent_shape": PLACEHOLDER, **found.values}
    assumed: list[str] = []
    if not {"range", "mean"} & {*given, *values}:
        values["range"], why = _range_for(found.last)
        assumed.append(f"values {values['range'][0]:g}..{values['range'][1]:g}{why}")
    inputs = found.inputs or ((None, None, 3), (None, None, 1))
    for shape in inputs:
        for arranged, said in _arrangements(shape, given):
            coloured = arranged["channels"] == 3 and "order" not in {**given, **values}
            yield (
                {**arranged, **values},
                [*said, *assumed, *(["colours in the order RGB"] if coloured else [])],
            )


def _range_for(last: str) -> tuple[tuple[float, float], str]:
    if last == "tanh":
        return (-1.0, 1.0), ", since the Decoder ends in a tanh"
    if last == "sigmoid":
        return (0.0, 1.0), ", since the Decoder ends in a sigmoid"
    return (0.0, 1.0), ""


def _arrangements(
    shape: tuple[int | None, ...], given: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Layouts and sizes that an input of this shape may mean."""
    if len(shape) == 1:
        yield from _flat(shape[0], given)
        return
    first: dict[str, Any] = {"channels": shape[0], "layout": "channels-first", "size": shape[1:]}
    last: dict[str, Any] = {"channels": shape[2], "layout": "channels-last", "size": shape[:2]}
    known = [tree for tree in (first, last) if tree["channels"] in (1, 3)]
    unknown = [
        tree | {"channels": count} for tree in (first, last) if tree["channels"] is None for count in (3, 1)
    ]
    for tree in known or unknown:
        if any(tree[name] != given[name] for name in ("channels", "layout") if name in given):
            continue
        said = [f"{tree['layout']}, since it takes arrays of shape {_words(shape)}"]
        if tree in unknown:
            said.append(f"{tree['channels']} channel(s), of any number")
        if None not in tree["size"]:
            yield tree, said if len(known) > 1 or tree in unknown else []
            continue
        sizes = [(given["size"][0], given["size"][1])] if "size" in given else [(s, s) for s in FREE_SIZES]
        for size in sizes:
            filled = tuple(wanted or there for wanted, there in zip(tree["size"], size, strict=True))
            yield (
                tree | {"size": filled},
                [*said, f"pictures of {filled[0]}x{filled[1]}: the model does not say"],
            )
    if not known and not unknown:
        raise UsageError(f"the Encoder takes arrays of shape {_words(shape)}: pictures have 1 or 3 channels")


def _flat(count: int | None, given: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    layout = given.get("layout", "flat-channels-first")
    if "size" in given:
        height, width = given["size"]
        channels = given.get("channels") or max(1, (count or 0) // (height * width))
        yield (
            {"size": (height, width), "channels": channels, "layout": layout},
            [f"{layout}: it takes vectors"],
        )
        return
    for channels in (1, 3):
        side = round(((count or 0) / channels) ** 0.5)
        if count and channels * side * side == count and given.get("channels", channels) == channels:
            tree = {"size": (side, side), "channels": channels, "layout": layout}
            yield tree, [f"{layout}, pictures of {side}x{side}: it takes vectors of {count:,} values"]
            return
    raise UsageError(
        f"the Encoder takes vectors of {count} values; say what they are by --set size=[HEIGHT,WIDTH]"
    )


def _words(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if side is None else str(side) for side in shape)})"


def _tree(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Names with dots as tables in tables."""
    tree: dict[str, Any] = {}
    for name, value in changes.items():
        *sections, leaf = name.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
            if not isinstance(branch, dict):
                raise UsageError(f"--set {name}: '{section}' is no table")
        branch[leaf] = value
    return tree


def _with(tree: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return tree | {
        name: _with(tree[name], value)
        if isinstance(value, dict) and isinstance(tree.get(name), dict)
        else value
        for name, value in changes.items()
    }
