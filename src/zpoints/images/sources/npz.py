"""Pictures as one array of a .npz file."""

from itertools import islice
from pathlib import Path
from typing import Self

from zpoints.errors import ArrayError, SourceError
from zpoints.files.arrays.npz import Member, NpzReader
from zpoints.images.arrays import ArraySource, Layout
from zpoints.images.files import file_mark
from zpoints.images.source import Options, path_of

__all__ = ["NpzSource"]

PREFERRED = ("images", "imgs", "data", "x", "arr_0", "X")
"""Names of the array of pictures, best first, where a file holds several arrays."""
LISTED = 6
"""So many arrays of a file are named in an error."""


class NpzSource(ArraySource):
    """The rows of one array of a .npz file; it is read as a stream and never held whole."""

    in_order = True

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is called .npz."""
        return path.suffix.lower() == ".npz"

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the array of pictures of the file that the text means."""
        path = path_of(text)
        try:
            chosen = _choose(NpzReader.members(path, text), text)
            rows = NpzReader(path, chosen, text)
        except ArrayError as error:
            raise SourceError(str(error)) from error
        mark = f"{file_mark(path)} {chosen}"
        try:
            return cls(rows, text, mark, options.count, options.max_megapixels, lazily=False)
        except BaseException:
            rows.close()
            raise


def _choose(arrays: dict[str, Member], name: str) -> str:
    """Choose the array of pictures: the only one, or the best of the usual names."""
    named_few = [
        f"{key:.40} {array.shape} {array.dtype!s:.40}" for key, array in islice(arrays.items(), LISTED)
    ]
    there = ", ".join(named_few) or "no array"
    if len(arrays) > LISTED:
        there += f" and {len(arrays) - LISTED} more"
    named = [key for key in PREFERRED if key in arrays and Layout.of(arrays[key].shape)]
    chosen = next(iter(arrays)) if len(arrays) == 1 else next(iter(named), None)
    if chosen is None:
        raise SourceError(
            f"{name}: which array holds the pictures? It has {there}; name one of them 'images', "
            "of shape (N, height, width, channels)"
        )
    return chosen
