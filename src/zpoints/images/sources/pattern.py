"""A pattern of names, as ``shards/train-*.tar`` or ``train-{000..009}.tar``."""

import glob
import os
import re
from pathlib import Path

from zpoints.errors import SourceError
from zpoints.files.names import natural
from zpoints.images.naming import in_words, is_hidden, suffix
from zpoints.images.source import Options, Source, exists, path_of
from zpoints.images.sources.archives import ArchivesSource, is_archive
from zpoints.images.sources.folder import FolderSource
from zpoints.images.sources.parquet import ParquetSource

__all__ = ["PatternSource"]

BRACES = re.compile(r"\{([0-9]{1,9})\.\.([0-9]{1,9})\}")
MOST = 100_000
"""So many names come out of one pair of braces at most."""
LISTED = 3


class PatternSource(Source):
    """What a pattern means: all archives, all Parquet files or all pictures of such names, as one source."""

    form = "a pattern of names"

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Whether the text is no path, and a pattern."""
        return not exists(text) and bool(glob.has_magic(text) or BRACES.search(text))

    @classmethod
    def of(cls, text: str, options: Options) -> Source:
        """Open all files of such names; folders are left out.

        Raises
        ------
        SourceError : there is none, one of the numbered ones is missing, or they are of different kinds.
        """
        files = _matches(text)
        root = Path(os.path.commonpath([file.parent for file in files]))
        names = [file.relative_to(root).as_posix() for file in files]
        if all(map(is_archive, names)):
            return ArchivesSource.joined(text, root, names, options)
        if all(suffix(name) == "parquet" for name in names):
            return ParquetSource(root, names, text, options.count, options.max_megapixels)
        if any(is_archive(name) or suffix(name) == "parquet" for name in names):
            raise SourceError(
                f"{text}: means files of several kinds ({_listed(names)}); name those of one kind"
            )
        source = FolderSource(root, text, options.count, options.max_megapixels, names)
        source.sort_by_folder()
        return source


def _matches(text: str) -> list[Path]:
    """The files that a pattern means, in the natural order of their names."""
    braces = BRACES.search(text)
    if braces is None:
        return _globbed(text)
    first, last = int(braces[1]), int(braces[2])
    if not 0 <= last - first < MOST:
        raise SourceError(
            f"{text}: {braces[0]} is no range of at most {MOST:,} numbers; write it as {{000..009}}"
        )
    width = len(braces[1])
    texts = [
        f"{text[: braces.start()]}{number:0{width}}{text[braces.end() :]}"
        for number in range(first, last + 1)
    ]
    missing = [name for name in texts if not glob.has_magic(name) and not exists(name)]
    if missing:
        raise SourceError(
            f"{text}: {in_words(len(missing), 'file')} missing ({_listed(missing)}); download them"
        )
    return (
        [path_of(name) for name in texts]
        if not glob.has_magic(text)
        else [p for t in texts for p in _globbed(t)]
    )


def _globbed(text: str) -> list[Path]:
    found = glob.iglob(str(path_of(text)), recursive=True)  # noqa: PTH207 (a pattern may be absolute)
    files = [path for path in map(Path, found) if path.is_file() and not is_hidden(path.name)]
    if not files:
        raise SourceError(f"{text}: no file of such a name; name a folder, a file or another pattern")
    return sorted(files, key=lambda path: natural(path.as_posix()))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(f"{Path(name).name:.60}" for name in names[:LISTED]) + more
