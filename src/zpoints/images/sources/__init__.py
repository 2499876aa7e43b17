"""Sources of pictures by name, and the one that a name or a path means.

To add one: a `Source` in one file, and its name. A source of this package is named in `SOURCES` here; one of another
package by an entry point of the group ``zpoints.sources``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from zpoints.config import ImageSettings
from zpoints.errors import SourceError, ZPointsError, reason
from zpoints.images.selection import without
from zpoints.images.source import Options, Source, exists, path_of
from zpoints.system.progress import Progress, Silent
from zpoints.system.registry import Registry

__all__ = ["SOURCES", "is_named", "open_source"]

SOURCES: Registry[type[Source]] = Registry(
    "source",
    "zpoints.sources",
    {
        "faces": "zpoints.images.sources.faces:FaceSource",
        "photo-faces": "zpoints.images.sources.photo_faces:PhotoFaceSource",
        "orl": "zpoints.images.sources.orl:OrlSource",
        "olivetti": "zpoints.images.sources.olivetti:OlivettiSource",
        "lfw": "zpoints.images.sources.lfw:LfwSource",
        "celeba": "zpoints.images.sources.celeba:CelebASource",
        "folder": "zpoints.images.sources.folder:FolderSource",
        "npy": "zpoints.images.sources.npy:NpySource",
        "npz": "zpoints.images.sources.npz:NpzSource",
        "zip": "zpoints.images.sources.zipped:ZipSource",
    },
)
"""All kinds of sources by name. A source that has a word is called by it; a folder of such a name is ``./faces``."""


def open_source(settings: ImageSettings, seed: int = 0, progress: Progress | None = None) -> Source:
    """Open what ``settings.source`` means. Close the result, or use it in a ``with`` statement.

    Parameters
    ----------
    settings : `source`, `count`, `leave_out`, `size` and `max_megapixels` are used.
    seed : of the sources that draw their pictures.
    progress : told of downloads.

    Raises
    ------
    SourceError : there is nothing, or nothing that can hold pictures.

    Examples
    --------
    >>> len(open_source(ImageSettings(source="faces", count=12)))
    12
    """
    text, count = settings.source, None if settings.count == "auto" else settings.count
    name, kind = _kind(text)
    size = None if settings.size == "auto" else settings.size
    # What is left out does not count: the first ones are those of the rest.
    first = None if settings.leave_out else count
    options = Options(first, settings.max_megapixels, seed, progress or Silent(), size)
    with _blamed(name, text):
        source = kind.of(text, options)
        try:
            return without(source, settings.leave_out, count)
        except BaseException:
            source.close()
            raise


def is_named(text: str) -> bool:
    """Whether a text means a source by its name, so that it is what the name says, and no path that may change.

    Raises
    ------
    SourceError : it means no source at all.
    """
    _, kind = _kind(text)
    return kind.word is not None or not exists(text)


def _kind(text: str) -> tuple[str, type[Source]]:
    """The source that takes a text for its own; those of other packages are asked before a mere folder is."""
    if text in SOURCES and SOURCES[text].recognises(text):
        return text, SOURCES[text]
    for name, kind in sorted(SOURCES.members(), key=lambda member: member[0] in SOURCES.built_in):
        with _blamed(name, text):
            if kind.recognises(text):
                return name, kind
    path_of(text)  # a text that is no path is said to be none
    words = [f"'{kind.word}'" for _, kind in SOURCES.members() if kind.word]
    known = f"one of {', '.join(words)}"
    if not exists(text):
        raise SourceError(f"{text}: no such folder or file; name one, or {known}")
    raise SourceError(f"{text}: neither a folder nor a zip, .npy or .npz; name one of these, or {known}")


@contextmanager
def _blamed(name: str, text: str) -> Iterator[None]:
    """Whatever a source of another package raises is one line that names it."""
    try:
        yield
    except ZPointsError:
        raise
    except Exception as error:
        if name in SOURCES.built_in:
            raise
        raise SourceError(
            f"{text}: the source '{name}' of {SOURCES.origin(name)} fails ({reason(error)}); mend or remove it"
        ) from error
