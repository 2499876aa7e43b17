"""What a shell offers at the press of Tab: names of settings with their values, samplers, sources, splits.

Typer completes commands and options by itself, and a shell its own files. Nothing here imports PyTorch or Numba, so
that the answer is there at once.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, get_args, get_origin

from zpoints.cli.listing import LISTS

__all__ = ["kinds_of_walks", "samplers", "settings", "sources", "splits"]

REGISTERED = {
    "autoencoder.kind": "codecs",
    "judge.features": "features",
    "judge.second": "features",
}
"""Settings that hold the name of a member of a registry."""


def samplers(incomplete: str) -> list[str]:
    """Names of samplers."""
    return _starting(incomplete, _registered("samplers"))


def sources(incomplete: str) -> list[str]:
    """Names of sources of pictures; of paths the shell knows more."""
    from zpoints.images.sources import SOURCES

    return _starting(incomplete, (kind.word for _, kind in SOURCES.members() if kind.word))


def splits(incomplete: str) -> list[str]:
    """Names of splits."""
    return _starting(incomplete, ("train", "val", "test"))


def kinds_of_walks(incomplete: str) -> list[str]:
    """How a walk goes from one picture to another."""
    return _starting(incomplete, ("straight", "spherical", "mahalanobis"))


def settings(incomplete: str) -> list[str]:
    """What ``--set`` takes: sections first, then the names of one section, then the values of one name.

    A shell puts a space behind the only answer that is left, so that one is a whole ``NAME=VALUE`` where it can be.

    Examples
    --------
    >>> settings("training.l")
    ['training.learning_rate=', 'training.loss=']
    >>> settings("training.loss=")
    ['training.loss=mse', 'training.loss=l1', 'training.loss=binary_cross_entropy']
    """
    fields = dict(_fields())
    name, equals, _ = incomplete.partition("=")
    found = [known for known in fields if (known == name if equals else known.startswith(name))]
    if not equals and "." not in incomplete:
        heads = dict.fromkeys(
            known.partition(".")[0] + "." if "." in known else f"{known}=" for known in found
        )
        if len(heads) > 1:
            return list(heads)
    if len(found) == 1:
        values = _values(found[0], *fields[found[0]])
        return _starting(incomplete, (f"{found[0]}={value}" for value in values))
    return [f"{known}=" for known in found]


def _starting(incomplete: str, names: Any) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _registered(word: str) -> list[str]:
    module, _, name = LISTS[word].partition(":")
    return list(getattr(import_module(module), name))


def _fields() -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The full name of every setting, with its type and its default."""
    from pydantic import BaseModel

    from zpoints.config import Settings

    for name, field in Settings.model_fields.items():
        if not isinstance(field.default, BaseModel):
            yield name, (field.annotation, field.default)
            continue
        for inner, inside in type(field.default).model_fields.items():
            yield f"{name}.{inner}", (inside.annotation, inside.default)


def _values(name: str, annotation: Any, default: Any) -> list[str]:
    """What a setting may be, as far as its type tells; else its default."""
    if name in REGISTERED:
        return _registered(REGISTERED[name])
    if name == "images.source":
        return sources("")
    if isinstance(default, bool):
        return ["true", "false"]
    choices = [str(choice) for kind in (annotation, *get_args(annotation)) for choice in _choices(kind)]
    return list(dict.fromkeys(choices)) or [_as_typed(default)]


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _as_typed(value: Any) -> str:
    """A default as one would type it; nothing of texts in a list, whose quotes a shell would take for its own."""
    if isinstance(value, tuple) and not any(isinstance(inside, str) for inside in value):
        return str(list(value)).replace(" ", "")
    return str(value) if isinstance(value, (str, int, float)) else ""
