"""Sources of pictures by name, and the one that a name or a path means.

To add one: a `Source` in one file, and its name. A source of this package is named in `SOURCES` here; one of another
package by an entry point of the group ``zpoints.sources``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from zpoints.config import ImageSettings
from zpoints.errors import SourceError, ZPointsError, reason
from zpoints.images.conversions import advice_on
from zpoints.images.index import SPLITS
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
        "parquet": "zpoints.images.sources.parquet:ParquetSource",
        "idx": "zpoints.images.sources.idx:IdxSource",
        "archives": "zpoints.images.sources.archives:ArchivesSource",
        "folder": "zpoints.images.sources.folder:FolderSource",
        "npy": "zpoints.images.sources.npy:NpySource",
        "npz": "zpoints.images.sources.npz:NpzSource",
        "tar": "zpoints.images.sources.tar:TarSource",
        "zip": "zpoints.images.sources.zipped:ZipSource",
        "pattern": "zpoints.images.sources.pattern:PatternSource",
    },
)
"""All kinds of sources by name. A source that has a word is called by it; a folder of such a name is ``./faces``.

Built-in kinds are asked in this order: the more special ones first.
"""


def open_source(settings: ImageSettings, seed: int = 0, progress: Progress | None = None) -> Source:
    """Open what ``settings.source`` means. Close the result, or use it in a ``with`` statement.

    Parameters
    ----------
    settings : `source`, `count`, `leave_out`, `size` and `max_megapixels` are used.
    seed : of the sources that draw their pictures.
    progress : told of downloads, and of what the source remarks on itself.

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
    progress = progress or Silent()
    # What is left out does not count: the first ones are those of the rest.
    first = None if settings.leave_out else count
    options = Options(first, settings.max_megapixels, seed, progress, size)
    with _blamed(name, text):
        whole = kind.of(text, options)
        try:
            source = without(whole, settings.leave_out, count)
        except BaseException:
            whole.close()
            raise
    for remark in (*whole.remarks, *_splits(source)):
        progress.say(f"{text}: {remark}")
    return source


def _splits(source: Source) -> list[str]:
    """The official split, with its numbers."""
    if source.splits is None:
        return []
    numbers = {name: int((source.splits == code).sum()) for code, name in enumerate(SPLITS)}
    if max(numbers.values()) == len(source):
        return []  # it is not kept, and the preparation says so
    told = ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)
    missing = [name for name, number in numbers.items() if not number and name != SPLITS[0]]
    more = (
        f"; what goes to {' and '.join(missing)} is drawn from train"
        if missing and numbers[SPLITS[0]]
        else ""
    )
    return [f"official split: {told}{more}"]


def is_named(text: str) -> bool:
    """Whether a text means a source by its name, so that it is what the name says, and no path that may change.

    Raises
    ------
    SourceError : it means no source at all.
    """
    name, kind = _kind(text)
    return kind.word is not None or (name not in SOURCES.built_in and not exists(text))


def _kind(text: str) -> tuple[str, type[Source]]:
    """The source that takes a text for its own; those of other packages are asked before a mere folder is."""
    if text in SOURCES and SOURCES[text].word and SOURCES[text].recognises(text):
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
    if advice := advice_on(path_of(text)):
        raise SourceError(f"{text}: {advice}")
    forms = [kind.form for _, kind in SOURCES.members() if kind.form and not kind.word]
    first, *forms, last = sorted(forms, key=lambda form: form not in ("a folder", "a zip"))
    raise SourceError(
        f"{text}: neither {first} nor {', '.join(forms)} or {last}; name one of these, or {known}"
    )


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
