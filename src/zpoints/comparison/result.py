"""What a comparison found, and its files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from zpoints.comparison.summary import ComparisonSummary
from zpoints.comparison.words import differ_in, verdict
from zpoints.errors import ArrayError
from zpoints.files.documents import read_table, write_table
from zpoints.system.notebook import Figures, card, in_lines, shortened

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """In what two clouds of latent vectors differ.

    Made by `zpoints.compare`, or read by `load`. Figures are methods of `plot`.

    Attributes
    ----------
    summary : every scalar result, as in ``compare.json``, by attribute: ``c.summary.frechet.value``.
    components : one row per component, the most different first: its number, mean and std of both (in the vectors'
        units), their difference in units of the common std, ratio of std, skewness and excess kurtosis of both, with
        standard errors, and ``z_mean``, ``z_spread``, ``z_skewness``, ``z_tails``: each difference over its standard
        error. Components that are constant in A or B (`dead_a`, `dead_b`) have means and standard deviations only;
        they come first where they differ by more than chance, else last.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> a, b = random.normal(size=(500, 4)), random.normal(size=(500, 4))
    >>> b[:, 2] += 1
    >>> c = zp.compare(a, b)
    >>> c.differ_in[0], int(c.components["component"][0])
    ('mean', 2)
    """

    summary: ComparisonSummary
    components: pd.DataFrame

    @classmethod
    def of_parts(cls, parts: Mapping[str, Any], components: pd.DataFrame) -> Self:
        """A comparison of measured `parts` and `components`; kinds of differences and sentences follow from them."""
        summary = ComparisonSummary.from_dict(parts, "the comparison")
        summary = replace(summary, differ_in=differ_in(summary))
        return cls(replace(summary, verdict=verdict(summary)), components)

    @property
    def differ_in(self) -> tuple[str, ...]:
        """The kinds of differences that are more than noise; empty if none was found."""
        return self.summary.differ_in

    @property
    def verdict(self) -> tuple[str, ...]:
        """The findings in sentences, the conclusion first."""
        return self.summary.verdict

    @property
    def plot(self) -> Figures:
        """The figures of `zpoints.plots` that show a comparison, as methods: ``c.plot.differences()``."""
        return Figures(self)

    def __repr__(self) -> str:
        first, *others = self.verdict
        return "\n".join([self._title, *in_lines(first, 2), *(shortened(text) for text in others[:2])])

    def _repr_html_(self) -> str:
        return card(self._title, self.verdict[:3], self)

    @property
    def _title(self) -> str:
        a, b = self.summary.a, self.summary.b
        return f"Comparison of {a.n:,} vectors (A: {a.name}) with {b.n:,} (B: {b.name}), {a.d:,} components"

    def save(self, folder: str | Path) -> None:
        """Write compare.json and components.parquet into the `folder`; each is written whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / "components.parquet", self.components)
        self.summary.write(folder / "compare.json")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read from the `folder` what `save` wrote.

        Raises
        ------
        ArrayError : a file is missing, damaged, or of a newer format.
        """
        folder = Path(folder)
        if not (folder / "compare.json").is_file():
            raise ArrayError(
                f"{folder}: no comparison here; make one with `zpoints compare A B --out {folder}`"
            )
        summary = ComparisonSummary.read(folder / "compare.json")
        return cls(summary, read_table(folder / "components.parquet"))
