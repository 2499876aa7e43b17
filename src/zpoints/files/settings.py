"""Settings as a TOML file, and as changes on a command line."""

import re
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from zpoints.config import Settings
from zpoints.errors import UsageError, reason
from zpoints.files.atomic import atomic_path

__all__ = [
    "as_toml",
    "load_settings",
    "named_values",
    "read_toml",
    "save_settings",
    "with_changes",
    "with_values",
]

FREE = ["samples", "options"]
"""The table whose tables and their names are not known here."""


def save_settings(path: str | Path, settings: Settings) -> None:
    """Write all settings, every default included, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(as_toml(settings), encoding="utf-8")


def load_settings(path: Path) -> Settings:
    """Read a TOML file; what it leaves out has its default."""
    return Settings.of(read_toml(path), str(path))


def with_changes(settings: Settings, changes: list[str]) -> Settings:
    """Apply changes of the form ``training.epochs=20``; the right side is a TOML value or a bare word."""
    return with_values(settings, named_values(changes, "--set", "training.epochs=20"), "--set")


def named_values(texts: list[str], option: str, example: str = "order=variance") -> dict[str, Any]:
    """Read texts of the form ``NAME=VALUE``, whose right side is a TOML value or a bare word.

    Parameters
    ----------
    option : what they were given to, and an `example` of it, for messages.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{option} {text}: expected NAME=VALUE, as in {option} {example}")
        values[name.strip()] = _toml_value(value.strip())
    return values


def with_values(settings: Settings, values: dict[str, Any], where: str) -> Settings:
    """Replace settings by their full names, as ``{"training.epochs": 20}``."""
    tree = settings.model_dump()
    for name, value in values.items():
        *sections, leaf = name.split(".")
        branch: Any = tree
        for depth, section in enumerate(sections):
            if isinstance(branch, dict) and sections[:depth] == FREE:
                branch.setdefault(section, {})
            branch = branch.get(section) if isinstance(branch, dict) else None
        if not isinstance(branch, dict):
            known = ", ".join(key for key, field in tree.items() if isinstance(field, dict))
            raise UsageError(f"{where}: no section for '{name}'; there are {known}")
        branch[leaf] = value
    return Settings.of(tree, where)


def as_toml(settings: Settings) -> str:
    """All settings, every default included."""
    return tomli_w.dumps(settings.model_dump())


def read_toml(path: Path) -> dict[str, Any]:
    """The tree of a TOML file. Raises UsageError: it is missing, no TOML, or holds paths that cannot be meant."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows' Notepad writes a mark first
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file; name a TOML file, or none for the built-in faces") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read as text ({error})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: cannot be read as text ({error}); save it as UTF-8") from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # of numbers and nesting without end, beside TOMLDecodeError
        raise UsageError(f"{path}: not valid TOML: {reason(error)}{_about_backslashes(path)}") from error
    _check_paths(tree, path)
    return tree


WINDOWS = "a path of Windows is written in single quotes: 'C:\\Users\\me\\pictures'"


def _about_backslashes(path: Path) -> str:
    r"""What to say of a file in which a path in double quotes holds single backslashes, as in ``"C:\Users"``."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return f"; {WINDOWS}" if re.search(r'"[A-Za-z]:\\[^\\]', text) else ""


def _check_paths(tree: dict[str, Any], where: Path) -> None:
    r"""Refuse ``"C:\temp\new"``, which is valid TOML and means a tab and a line's end."""
    for name, value in tree.items():
        if isinstance(value, dict):
            _check_paths(value, where)
        elif isinstance(value, str) and re.match(r"[A-Za-z]:[^\n]*[\t\n\r\f\b]", value):
            raise UsageError(
                f"{where}: setting '{name}' = {value!r:.100} holds control characters; {WINDOWS}"
            )


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
