"""Several arrays of pictures of one shape, one after the other, as one."""

from collections.abc import Sequence

import numpy as np

from zpoints.errors import SourceError
from zpoints.files.arrays.rows import Reader, Rows

__all__ = ["Stacked", "label_columns"]


class Stacked(Reader):
    """Arrays one below the other.

    Raises
    ------
    SourceError : their rows differ in shape or type.
    """

    def __init__(self, arrays: Sequence[Rows], name: str) -> None:
        self.arrays = arrays
        kinds = {(array.shape[1:], array.dtype) for array in arrays}
        if len(kinds) > 1:
            listed = " and ".join(
                f"{'x'.join(map(str, array.shape))} {array.dtype!s:.20}" for array in arrays[:4]
            )
            raise SourceError(
                f"{name}: its arrays hold pictures that differ, {listed}; save each in a file of its own"
            )
        self.counts = [array.shape[0] for array in arrays]
        self.shape = (sum(self.counts), *arrays[0].shape[1:])
        self.dtype = arrays[0].dtype

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        found, before = [], 0
        for array, count in zip(self.arrays, self.counts, strict=True):
            first, last = max(start - before, 0), min(stop - before, count)
            if first < last:
                found.append(array[first:last])
            before += count
        return (
            found[0]
            if len(found) == 1
            else np.concatenate(found or [np.empty((0, *self.shape[1:]), self.dtype)])
        )

    def close(self) -> None:
        """Close the files."""
        for array in self.arrays:
            if isinstance(array, Reader):
                array.close()


def label_columns(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of an array of labels: ``label`` of one each, ``label_0``, ``label_1`` ... of several."""
    if labels.ndim > 1 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1:
        return {"label": labels}
    return {f"label_{place}": labels[:, place] for place in range(labels.shape[1])}
