"""Component by component: means, spreads, skewness and tails, with standard errors."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import norm

from zpoints.comparison.clouds import Cloud
from zpoints.statistics.shape import Shape

__all__ = ["ALPHA_MANY", "KINDS", "component_summary", "components_table"]

KINDS = ("mean", "spread", "skewness", "tails")
# Chance of a false alarm for the largest of many z; with estimated errors their far tails are heavier.
ALPHA_MANY = 0.0001


def components_table(a: Cloud, b: Cloud) -> pd.DataFrame:
    """Four differences per component, with standard errors that hold for any distribution.

    The table has standard deviation, skewness and kurtosis, as everybody knows them. But these hang on a few outer
    vectors, and so do their standard errors: of equal clouds with heavy tails, one in many components would always
    seem different. Whether skewness and tails differ is therefore judged by estimates that no few vectors decide
    (`statistics.shape`). A spread differs where the standard deviation and the scale of the inner vectors differ the
    same way, by as many standard errors as the less clear of the two.
    """
    x, y = a.moments, b.moments
    common = np.sqrt((x.std**2 + y.std**2) / 2)
    error = np.hypot(_moment_errors(a), _moment_errors(b))
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
            "skewness_error": error[1],
            "excess_kurtosis_a": x.excess_kurtosis,
            "excess_kurtosis_b": y.excess_kurtosis,
            "kurtosis_error": error[2],
        }
    )
    scale, asymmetry, tails = _shape_differences(a, b)
    table["z_mean"] = table["mean_difference"] / table["mean_error"]
    table["z_spread"] = _less_clear((np.log(y.std) - np.log(x.std)) / error[0], scale)
    table["z_skewness"], table["z_tails"] = asymmetry, tails
    order = np.argsort(-table[[f"z_{kind}" for kind in KINDS]].abs().max(axis=1), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _less_clear(one: Float[np.ndarray, " d"], other: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """The one nearer to 0 where both have the same sign, else 0."""
    same = np.sign(one) == np.sign(other)
    return np.where(same, np.sign(one) * np.minimum(np.abs(one), np.abs(other)), 0.0)


def _shape_differences(a: Cloud, b: Cloud) -> Float[np.ndarray, "3 d"]:
    """Differences of the inner scale, asymmetry and tails of both samples, in standard errors."""
    z = np.empty((3, len(a.numbers)))
    for j in range(len(a.numbers)):
        x, y = Shape.of(a.sample[:, j]), Shape.of(b.sample[:, j])
        known = x.scale > 0 and y.scale > 0
        z[:, j] = (
            (np.log(y.scale / x.scale) if known else 0.0) / np.hypot(x.log_scale_error, y.log_scale_error),
            (y.asymmetry - x.asymmetry) / np.hypot(x.asymmetry_error, y.asymmetry_error),
            (y.tails - x.tails) / np.hypot(x.tails_error, y.tails_error),
        )
    return z


def _moment_errors(cloud: Cloud) -> Float[np.ndarray, "3 d"]:
    """Standard errors of log std, skewness and kurtosis of all vectors, by the influence of sampled ones.

    F. Hampel, The influence curve and its role in robust estimation (1974),
    https://doi.org/10.1080/01621459.1974.10482962
    """
    x = cloud.sample
    errors = np.empty((3, x.shape[1]))
    for j in range(x.shape[1]):
        std = x[:, j].std()
        u = (x[:, j] - x[:, j].mean()) / max(std, 1e-300)
        square = u * u
        skewness, kurtosis = (u * square).mean(), (square**2).mean()
        influence = (
            square / 2,
            u * square - 3 * u - 1.5 * skewness * square,
            square * square - 4 * skewness * u - 2 * kurtosis * square,
        )
        errors[:, j] = [part.std() for part in influence]
    return np.maximum(errors, 1e-9) / np.sqrt(cloud.moments.n)


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
