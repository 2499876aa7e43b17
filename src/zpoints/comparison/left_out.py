"""Components that are constant in a cloud: left out of all other figures, and compared for themselves."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from zpoints.comparison.clouds import Cloud
from zpoints.comparison.components import ALPHA_MANY
from zpoints.errors import ArrayError

__all__ = ["common_components", "left_out", "with_left_out"]

ROUNDING = 8 * np.finfo(np.float64).eps


def common_components(a: Cloud, b: Cloud) -> np.ndarray:
    """Numbers of the components that vary in both clouds.

    Raises
    ------
    ArrayError : there is none.
    """
    common = np.intersect1d(a.living.numbers, b.living.numbers)
    if not len(common):
        raise ArrayError(
            f"A ({a.name}) and B ({b.name}): no component varies in both, so there is nothing to compare; look at "
            "each with `zpoints analyse`"
        )
    return common


def left_out(a: Cloud, b: Cloud) -> list[dict[str, Any]]:
    """One row for each component that is constant in A, in B, or in both; of whole clouds.

    Each has the constants (None where it varies), both standard deviations, and a p value: the chance that all
    vectors with another value than the constant would be in the one cloud, if both had the same law. That is exact
    (R. Fisher's test of two shares); where a component varies, the vectors are those of the cloud's random sample.
    """
    rows = []
    std_a, std_b = a.moments.std, b.moments.std
    values_a, values_b = (dict(zip(c.living.dead, c.living.values, strict=True)) for c in (a, b))
    for number in np.union1d(a.living.dead, b.living.dead).tolist():
        value_a, value_b = values_a.get(number), values_b.get(number)
        constant, other = (a, b) if value_a is not None else (b, a)
        value = value_a if value_a is not None else value_b
        assert value is not None, "it is dead in one of them"
        rows.append(
            {
                "component": number,
                "value_a": None if value_a is None else float(value_a),
                "value_b": None if value_b is None else float(value_b),
                "std_a": 0.0 if value_a is not None else float(std_a[number]),
                "std_b": 0.0 if value_b is not None else float(std_b[number]),
                "p": _chance(constant.moments.n, other.sample[:, number], float(value)),
            }
        )
    return rows


def _chance(n: int, values: np.ndarray, constant: float) -> float:
    """That all values unlike the constant are among these, and none among the `n` of the other cloud."""
    unlike = int((np.abs(values - constant) > ROUNDING * abs(constant)).sum())
    return float(hypergeom.pmf(unlike, n + len(values), unlike, len(values)))


def with_left_out(table: pd.DataFrame, rows: list[dict[str, Any]], a: Cloud, b: Cloud) -> pd.DataFrame:
    """The table of components with a row for each that was left out: those that differ first, the others last."""
    table = table.assign(dead_a=False, dead_b=False)
    if not rows:
        return table
    numbers = [row["component"] for row in rows]
    found = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in table.dtypes.items()})
    found = found.reindex(range(len(rows))).assign(
        component=numbers,
        mean_a=a.moments.mean[numbers],
        mean_b=b.moments.mean[numbers],
        std_a=[row["std_a"] for row in rows],
        std_b=[row["std_b"] for row in rows],
        dead_a=[row["value_a"] is not None for row in rows],
        dead_b=[row["value_b"] is not None for row in rows],
    )
    found = found.astype(table.dtypes)
    first = np.array([row["p"] < ALPHA_MANY / len(a.numbers) for row in rows])
    parts = [part for part in (found[first], table, found[~first]) if len(part)]
    return pd.concat(parts, ignore_index=True)
