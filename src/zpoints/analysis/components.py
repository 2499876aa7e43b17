"""The table of all components: one row each, every figure beside its noise, the least normal ones ranked first."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from zpoints.files.documents import json_number
from zpoints.statistics.gaussian_fits import GaussianFits, core_sigma
from zpoints.statistics.histograms import TAIL_LEVELS, Histograms
from zpoints.statistics.living import Living
from zpoints.statistics.measures import FEWEST
from zpoints.statistics.modes import count_modes, half_maximum_width
from zpoints.statistics.moments import Moments
from zpoints.statistics.univariate import (
    kolmogorov_smirnov,
    kolmogorov_smirnov_log10_p,
    kolmogorov_smirnov_noise,
    kurtosis_error,
    kurtosis_log10_p,
    normal_tail,
    skewness_error,
    skewness_log10_p,
    tail_error,
)

__all__ = ["BEYOND", "LEVEL", "NARROW", "component_summary", "component_table", "spoilt_places", "with_dead"]

LEVEL = 5e-4
"""A component counts as not normal when its p-value, times the number of components, is below this."""

BEYOND = ("beyond_2", "beyond_3", "beyond_4")
"""Names of the shares beyond `histograms.TAIL_LEVELS` standard deviations."""

NARROW = 1.5  # sigma: a density that leaves its Gaussian below this does so within its body
DOMINANT = 1.5  # a dominant component's standard deviation, in medians of all
FEWEST_BEYOND = 10  # expected values below this are too few for a standard error
LISTED = 10


def component_table(
    basis: str,
    moments: Moments,
    fine: Histograms,
    explained: Float[np.ndarray, " d"],
    numbers: Int[np.ndarray, " d"] | None = None,
) -> pd.DataFrame:
    """Measure every component of one set of axes.

    Parameters
    ----------
    basis : ``"z"`` or ``"pca"``.
    moments : along these axes. fine : histograms of the fine bins of 1/64 sigma.
    explained : share of the total variance of each.
    numbers : of the components, where dead ones were left out.
    """
    n, mean, std = moments.n, moments.mean, moments.std
    fits = gaussian_fits(fine, moments)
    centre, sigma = (fits.centre - mean) / std, fits.sigma / std
    found = pd.DataFrame(
        {
            "basis": basis,
            "component": np.arange(moments.dimension) if numbers is None else numbers,
            "mean": mean,
            "std": std,
            "median": mean + fine.median * std,
            "fit_centre": fits.centre,
            "fit_sigma": fits.sigma,
            "fwhm": fits.fwhm,
            "fwhm_histogram": half_maximum_width(fine) * std,
            "fit_error": fits.rms_error,
            "skewness": moments.skewness,
            "skewness_error": skewness_error(n) if n > 2 else np.nan,
            "excess_kurtosis": moments.excess_kurtosis,
            "excess_kurtosis_error": kurtosis_error(n) if n > 3 else np.nan,
            "ks_distance": kolmogorov_smirnov(fine, centre, sigma),
            **dict(zip(BEYOND, fine.beyond.T / n, strict=True)),
            "modes": count_modes(fine),
            "core_sigma": core_sigma(fine, centre, sigma),
            "explained_variance": explained,
            "pixels_per_sigma": np.nan,  # of a model: `pictures.with_pictures`
            "pixels_per_sigma_error": np.nan,
        }
    )
    found["deviation"] = _deviation(found, fine, n)
    found["log10_p"] = _log10_p(found, fine, n)
    found["rank"] = (
        found["deviation"].rank(ascending=False, method="first", na_option="bottom").astype(np.int64)
    )
    found["dead"] = False
    return found


def with_dead(table: pd.DataFrame, living: Living) -> pd.DataFrame:
    """The table with a row for each dead component: its constant, no spread, no figures, the last ranks."""
    if living.whole:
        return table
    count = len(living.dead)
    rows = table.reindex(range(len(table), len(table) + count))
    fixed = {
        "basis": table["basis"].iloc[0],
        "component": living.dead,
        "mean": living.values,
        "std": 0.0,
        "median": living.values,
        "modes": 0,
        "explained_variance": 0.0,
        "rank": np.arange(len(table) + 1, len(table) + count + 1),
        "dead": True,
    }
    rows = rows.assign(**fixed).astype(table.dtypes)
    return pd.concat([table, rows]).sort_values("component", ignore_index=True)


def gaussian_fits(fine: Histograms, moments: Moments) -> GaussianFits:
    """Fit on bins of the width that the data choose."""
    return GaussianFits.of(fine.merged(fine.chosen_factor()), moments.mean, moments.std)


def _deviation(table: pd.DataFrame, fine: Histograms, n: int) -> np.ndarray:
    """Largest of a component's deviations from a normal sample, in standard errors: skewness, kurtosis, KS, tails."""
    if n < FEWEST:
        return np.full(len(table), np.nan)
    ks_mean, ks_std = kolmogorov_smirnov_noise(n)
    parts = [
        np.abs(table["skewness"]) / table["skewness_error"],
        np.abs(table["excess_kurtosis"]) / table["excess_kurtosis_error"],
        (_distance_from_normal(fine) - ks_mean) / ks_std,
    ]
    for level, name in zip(TAIL_LEVELS, BEYOND, strict=True):
        share = normal_tail(level)
        if n * share >= FEWEST_BEYOND:
            parts.append(np.abs(table[name] - share) / tail_error(level, n))
    return np.max(np.stack(parts), axis=0)


def _log10_p(table: pd.DataFrame, fine: Histograms, n: int) -> np.ndarray:
    """The smallest of three p-values (skewness, kurtosis, KS), times 3."""
    if n < FEWEST:
        return np.full(len(table), np.nan)
    parts = [
        skewness_log10_p(table["skewness"].to_numpy(), n),
        kurtosis_log10_p(table["excess_kurtosis"].to_numpy(), n),
        kolmogorov_smirnov_log10_p(_distance_from_normal(fine), n),
    ]
    return np.minimum(np.min(np.stack(parts), axis=0) + np.log10(len(parts)), 0.0)


def _distance_from_normal(fine: Histograms) -> np.ndarray:
    """Kolmogorov-Smirnov distance to the normal with the moments' mean and standard deviation."""
    zero = np.zeros(len(fine.counts))
    return kolmogorov_smirnov(fine, zero, zero + 1)


def spoilt_places(table: pd.DataFrame) -> Int[np.ndarray, " k"]:
    """Rows of the components that are not normal."""
    return np.flatnonzero(table["log10_p"] + np.log10(len(table)) < np.log10(LEVEL))


def component_summary(table: pd.DataFrame) -> dict[str, Any]:
    """Scalars of the components of one set of axes."""
    ratio = table["std"] / table["std"].median()
    dominant = table[ratio > DOMINANT].sort_values("std", ascending=False)
    spoilt = table.iloc[spoilt_places(table)]
    shown = ["component", "skewness", "excess_kurtosis", "modes", "core_sigma", "deviation", "log10_p"]
    return {
        "level": LEVEL,
        "not_normal": len(spoilt),
        "dominant": [int(c) for c in dominant["component"]],
        "narrow": [
            int(c) for c in spoilt.loc[(spoilt["core_sigma"] < NARROW) | (spoilt["modes"] > 1), "component"]
        ],
        "several_modes": [int(c) for c in table.loc[table["modes"] > 1, "component"]],
        "median": {
            name: float(table[name].median())
            for name in ("skewness", "excess_kurtosis", "ks_distance", "core_sigma", *BEYOND)
        },
        "largest": {
            "absolute_skewness": float(table["skewness"].abs().max()),
            "absolute_excess_kurtosis": float(table["excess_kurtosis"].abs().max()),
        },
        "normal_tail": {name: normal_tail(level) for name, level in zip(BEYOND, TAIL_LEVELS, strict=True)},
        "standard_error": {
            "skewness": json_number(table["skewness_error"].iloc[0]),
            "excess_kurtosis": json_number(table["excess_kurtosis_error"].iloc[0]),
        },
        "worst": [
            {name: json_number(value) for name, value in zip(shown, row, strict=True)}
            for row in spoilt.nsmallest(LISTED, "rank")[shown].itertuples(index=False)
        ],
    }
