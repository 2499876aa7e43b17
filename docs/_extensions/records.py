"""The keys of the JSON files, read off the record classes: a table for each class, with what its docstring says."""

import dataclasses
import inspect
import re
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

from sections import LISTS, TEXTS, entries
from zpoints.files.records import Bases, Record

__all__ = ["records_page"]


def records_page(kind: type[Record]) -> str:
    """The keys of a file, then those of each part in it, named by the way that leads there."""
    waiting: list[tuple[str, type[Record]]] = [("", kind)]
    seen: set[type] = set()
    parts: list[str] = []
    while waiting:
        way, one = waiting.pop(0)
        if one in seen:
            continue
        seen.add(one)
        waiting += [(f"{way}.{name}".strip("."), inner) for name, inner in _inner(one)]
        parts += _table(way, one)
    return "\n".join(parts)


def _inner(kind: type[Record]) -> Iterator[tuple[str, type[Record]]]:
    """The records that the fields of a record hold."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        for one in _records_in(hints[field.name]):
            yield field.name, one


def _records_in(hint: Any) -> Iterator[type[Record]]:
    origin = get_origin(hint)
    if origin is not None:
        for part in get_args(hint):
            yield from _records_in(part)
    elif inspect.isclass(hint) and issubclass(hint, Record) and hint is not Bases:
        yield hint


def _table(way: str, kind: type[Record]) -> Iterator[str]:
    """A heading, what the class is, and a row for each key."""
    said, meanings = _documented(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    yield f"\n{f'**`{way}`** ' if way else ''}{said}\n"
    yield "| key | type | |\n|---|---|---|"
    for row in _together(names, meanings):
        kinds = " / ".join(dict.fromkeys(_type(hints[name]) for name in row))
        yield f"| {', '.join(f'`{name}`' for name in row)} | {kinds} | {meanings.get(row[0], '')} |"
    yield ""


def _together(names: list[str], meanings: dict[str, str]) -> list[list[str]]:
    """Neighbours that share one meaning, or have none."""
    rows: list[list[str]] = []
    for name in names:
        if rows and meanings.get(rows[-1][0]) == meanings.get(name):
            rows[-1].append(name)
        else:
            rows.append([name])
    return rows


def _documented(kind: type[Record]) -> tuple[str, dict[str, str]]:
    """What a docstring says before its sections, and of each attribute; those of a base class count."""
    text = inspect.cleandoc(kind.__doc__ or "")
    title = re.search(rf"^({'|'.join(LISTS + TEXTS)})\n-{{3,}}$", text, re.MULTILINE)
    said = text[: title.start()] if title else text
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        text = inspect.cleandoc(base.__doc__ or "")
        found = re.search(r"^Attributes\n-+\n(.*?)(?=^\w+\n---|\Z)", text, re.M | re.S)
        if found and issubclass(base, Record):
            for names, meaning in entries(found[1].splitlines()):
                meanings |= dict.fromkeys(names, _markdown(meaning))
    return _markdown(" ".join(said.split())), meanings


def _markdown(text: str) -> str:
    text = re.sub(r":math:`([^`]+)`", r"\1", text).replace("|", "\\|").replace("*", "\\*")
    return re.sub(r"(?<!`)`([\w.]+)`(?!`)", r"`\1`", text)


def _type(hint: Any) -> str:
    """A type as JSON has it, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in inner if part is not types.NoneType) + " or null"
    if origin is tuple:
        kinds = dict.fromkeys(_type(part) for part in inner if part is not Ellipsis)
        return f"list of {' and '.join(kinds)}"
    if origin is dict:
        return f"by name: {_type(inner[1])}"
    if origin is Bases:
        return f"by basis: {_type(inner[0])}"
    if inspect.isclass(hint) and issubclass(hint, Record):
        return "a part of its own"
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}.get(hint, "any")
