"""What a comparison found, and its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from zpoints.files.documents import write_json, write_table

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """In what two clouds differ.

    Attributes
    ----------
    summary : every scalar result, as in ``compare.json``; ``differ_in`` names the kinds of differences found.
    components : one row per component, the most different first: mean and std of both, their difference in
        units of the common std, ratio of std, skewness and excess kurtosis of both, with standard errors, and
        ``z_mean``, ``z_spread``, ``z_skewness``, ``z_tails``: each difference over its standard error.
    verdict : the findings in plain words.
    """

    summary: dict[str, Any]
    components: pd.DataFrame
    verdict: list[str]

    def save(self, folder: Path) -> None:
        """Write compare.json and components.parquet."""
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / "components.parquet", self.components)
        write_json(folder / "compare.json", self.summary | {"verdict": self.verdict})
