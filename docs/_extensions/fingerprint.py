"""A fingerprint of source files: what was executed with other sources is executed anew."""

import hashlib
from pathlib import Path

__all__ = ["of_sources"]


def of_sources(folder: Path) -> str:
    """Of all Python files below a folder: their names and contents."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(str(path.relative_to(folder)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
