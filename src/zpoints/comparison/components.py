"""Component by component: means, spreads, skewness and tails, with standard errors."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import norm

from zpoints.comparison.clouds import Cloud

__all__ = ["ALPHA_MANY", "KINDS", "component_summary", "components_table"]

KINDS = ("mean", "spread", "skewness", "tails")
# Chance of a false alarm for the largest of many z; with estimated errors their far tails are heavier.
ALPHA_MANY = 0.0001


def components_table(a: Cloud, b: Cloud) -> pd.DataFrame:
    """Four differences per component, with standard errors that hold for any distribution.

    Third and fourth moments hang on a few outer vectors, and so do their standard errors: of equal clouds with
    heavy tails, one in many components would always seem different. Whether skewness and tails differ is therefore
    judged by :math:`E[u |u|]` and by Geary's :math:`E|u|` of the standardised values u, sums of lower order.

    R. Geary, The ratio of the mean deviation to the standard deviation as a test of normality (1935),
    https://doi.org/10.1093/biomet/27.3-4.310
    """
    x, y = a.moments, b.moments
    (value_a, error_a), (value_b, error_b) = _shape(a), _shape(b)
    common, error = np.sqrt((x.std**2 + y.std**2) / 2), np.hypot(error_a, error_b)
    table = pd.DataFrame(
        {
            "component": a.numbers,
            "mean_a": x.mean,
            "mean_b": y.mean,
            "std_a": x.std,
            "std_b": y.std,
            "mean_difference": (y.mean - x.mean) / common,
            "mean_error": np.sqrt(x.std**2 / x.n + y.std**2 / y.n) / common,
            "std_ratio": y.std / x.std,
            "std_ratio_error": error[0] * y.std / x.std,
            "skewness_a": x.skewness,
            "skewness_b": y.skewness,
            "skewness_error": error[3],
            "excess_kurtosis_a": x.excess_kurtosis,
            "excess_kurtosis_b": y.excess_kurtosis,
            "kurtosis_error": error[4],
        }
    )
    value_a[0], value_b[0] = np.log(x.std), np.log(y.std)
    z = (value_b - value_a) / error
    table["z_mean"] = table["mean_difference"] / table["mean_error"]
    table["z_spread"], table["z_skewness"], table["z_tails"] = z[0], z[1], z[2]
    order = np.argsort(-table[[f"z_{kind}" for kind in KINDS]].abs().max(axis=1), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _shape(cloud: Cloud) -> tuple[Float[np.ndarray, "5 d"], Float[np.ndarray, "5 d"]]:
    """Log std, E[u |u|], E|u|, skewness and kurtosis of the sample, and standard errors by influence functions.

    F. Hampel, The influence curve and its role in robust estimation (1974),
    https://doi.org/10.1080/01621459.1974.10482962
    """
    x = cloud.sample
    values, errors = np.empty((5, x.shape[1])), np.empty((5, x.shape[1]))
    for j in range(x.shape[1]):
        std = x[:, j].std()
        u = (x[:, j] - x[:, j].mean()) / max(std, 1e-300)
        size, square = np.abs(u), u * u
        asymmetry, deviation, skewness, kurtosis = (v.mean() for v in (u * size, size, u * square, square**2))
        influence = (
            square / 2,
            u * size - 2 * deviation * u - asymmetry * square,
            size - np.sign(u).mean() * u - deviation * square / 2,
            u * square - 3 * u - 1.5 * skewness * square,
            square * square - 4 * skewness * u - 2 * kurtosis * square,
        )
        values[:, j] = np.log(max(std, 1e-300)), asymmetry, deviation, skewness, kurtosis
        errors[:, j] = [part.std() for part in influence]
    # The table has std, skewness and kurtosis of all vectors; the two others are known for the sample only.
    number = np.array([cloud.moments.n, len(x), len(x), cloud.moments.n, cloud.moments.n])[:, None]
    return values, np.maximum(errors, 1e-9) / np.sqrt(number)


def component_summary(table: pd.DataFrame) -> dict[str, Any]:
    """Per kind of difference: how many components show it beyond chance, and the first of them."""
    limit = float(norm.isf(ALPHA_MANY / 2 / len(table)))
    effect = {
        "mean": table["mean_difference"],
        "spread": table["std_ratio"],
        "skewness": table["skewness_b"] - table["skewness_a"],
        "tails": table["excess_kurtosis_b"] - table["excess_kurtosis_a"],
    }
    summary: dict[str, Any] = {"limit": limit}
    for kind in KINDS:
        z = table[f"z_{kind}"]
        first = int(z.abs().idxmax())
        summary[kind] = {
            "different": int((z.abs() > limit).sum()),
            "component": int(table["component"][first]),
            "effect": float(effect[kind][first]),
            "z": float(z[first]),
        }
    return summary
