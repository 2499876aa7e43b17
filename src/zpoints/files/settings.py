"""Settings as a TOML file, written whole or not at all; `config.load_settings` reads it."""

from pathlib import Path

from zpoints.config import Settings, as_toml
from zpoints.files.atomic import atomic_path

__all__ = ["save_settings"]


def save_settings(path: str | Path, settings: Settings) -> None:
    """Write all settings, every default included."""
    with atomic_path(path) as temporary:
        temporary.write_text(as_toml(settings), encoding="utf-8")
