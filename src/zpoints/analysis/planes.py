"""The table of all planes: one row each, every figure beside its noise, the least normal ones ranked first."""

import time
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from zpoints.analysis.plane_statistics import plane_statistics
from zpoints.analysis.readings import counted
from zpoints.files.documents import json_number
from zpoints.statistics.ellipses import Ellipses
from zpoints.statistics.measures import COVERAGE, FEWEST, MASS_NAMES, Noise
from zpoints.statistics.planes import (
    GROUP_BYTES,
    PlaneCounts,
    PlaneGroup,
    bins_for,
    plane_groups,
    standardise,
)
from zpoints.statistics.ranks import rank_disagreement
from zpoints.statistics.regions import turn_error
from zpoints.statistics.statistic import PlaneMeasures, Statistic, Values, columns_of
from zpoints.system.budget import share
from zpoints.system.meter import anonymous_bytes
from zpoints.system.progress import Progress
from zpoints.system.threads import AHEAD_BYTES
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import reduce
from zpoints.vectors.views import View

__all__ = [
    "PlaneSummary",
    "expected_cost",
    "group_table",
    "groups_of",
    "measure_planes",
    "plane_summary",
    "planes_table",
    "rank_disagreements",
    "tables_cost",
]

LEVEL = 5e-4
"""Probability with which the planes of a normal cloud pass `limit_for`, all of them together."""

TAILS = ((1000, 5.6, 2.4), (100, 6.2, 1.8), (40, 6.2, 1.7))
"""From so many vectors on: the deviation that 1 in 10,000 planes of normal clouds pass, and the rate at which the
logarithm of that share falls for each further standard error. From 110,000 to 165,000 simulated planes of n = 40 to
500, 16,560 to 83,000 of n up to 20,000 (`benchmarks/plane_tails.py`); the rate is a careful one."""

DEGENERATE = 1e-9  # planes with 1 - r^2 below this hold one component twice; their ellipse is a line
LISTED = 10
WHOLE, START_SECONDS = 5.0, 5.0  # of an analysis: for each second of counting planes, and besides
MATRICES = 30  # of (d, d) float64 that are alive at once
PLANE_BYTES = 200  # of a row of the table
LEAST_GROUP_BYTES = 16 << 20  # of joint histograms; with less, most of the time would go into reading

PlaneSummary = dict[str, Any]


def measure_planes(
    latents: LatentSet,
    view: View,
    noise: Noise | None,
    rank_correlation: Float[np.ndarray, "d d"] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Count and measure every plane of a view, in one reading of the vectors per group of planes.

    Parameters
    ----------
    noise : what a normal sample of the same size gives; None for too few vectors, then nothing is compared.
    rank_correlation : Spearman's coefficients, where they are known.
    """
    tables = []
    for group in groups_of(view):
        found = reduce(latents, counted(view, group), label=f"{view.basis} planes", progress=progress)
        tables.append(group_table(view, found.finished(), noise, rank_correlation))
        del found  # one group's counts are gone before the next group's are made
    return planes_table(tables)


def planes_table(groups: list[pd.DataFrame]) -> pd.DataFrame:
    """The tables of all groups of planes of a view as one, with the planes' ranks."""
    if not groups:
        return pd.DataFrame(
            {"basis": np.empty(0, object), "i": np.empty(0, np.int64), "j": np.empty(0, np.int64)}
        )
    table = pd.concat(groups, ignore_index=True)
    table["rank"] = _ranks(table)
    return table


def expected_cost(latents: LatentSet, size: int) -> tuple[float, int]:
    """Seconds and bytes that a whole analysis will about take, from counting one block in one group of planes.

    Counting all planes along both axes took a fifth of the time of analyses of 170,000 x 256 and 60,000 x 512.
    """
    dimension, bins = latents.dimension, bins_for(latents.n)
    groups = plane_groups(dimension, bins, LEAST_GROUP_BYTES)
    block = np.asarray(latents.head(size), np.float64)
    u = standardise(block, block.mean(axis=0), np.maximum(block.std(axis=0), 1e-300))
    for _ in range(2):  # the first time, compiled code is loaded
        counts = PlaneCounts.empty(groups[0], bins)
        started = time.perf_counter()
        counts.count(u[groups[0].first :], np.eye(dimension))
        seconds = time.perf_counter() - started
    planes = dimension * (dimension - 1) // 2
    counting = 2 * seconds * (planes / len(groups[0])) * (latents.n / len(block))
    histograms = min(planes * bins * bins * 4, share(GROUP_BYTES, least=LEAST_GROUP_BYTES))
    memory = (anonymous_bytes() or 0) + histograms + share(AHEAD_BYTES) + 8 * MATRICES * dimension**2
    return START_SECONDS + WHOLE * counting, memory


def tables_cost(latents: LatentSet) -> int:
    """Bytes that the tables of all planes and the matrices will about take; tables twice, while they are written."""
    d, rank = latents.dimension, min(latents.dimension, latents.n - 1)
    planes = (d * (d - 1) + rank * (rank - 1)) // 2
    return 2 * PLANE_BYTES * planes + 8 * MATRICES * d**2


def limit_for(planes: int, n: int) -> float:
    """Deviation in standard errors that the worst of so many normal planes passes with probability `LEVEL` at most.

    It depends on the number of planes and on that of vectors: with few of them the figures of a plane are no normal
    numbers. Below 40 vectors no deviation counts, since one vector more or less in a region may be ten of them.

    Examples
    --------
    >>> round(limit_for(32_640, 170_000), 1), round(limit_for(28, 100), 1), limit_for(28, 25)
    (9.3, 7.2, inf)
    """
    for fewest, usual, rate in TAILS:
        if n >= fewest:
            return usual + max(0.0, float(np.log(1e-4 * planes / LEVEL))) / rate
    return float("inf")


def groups_of(view: View) -> list[PlaneGroup]:
    """All planes, in as many groups as the memory budget asks for; each group costs one reading of the vectors."""
    return plane_groups(view.dimension, bins_for(view.n), share(GROUP_BYTES, least=LEAST_GROUP_BYTES))


def group_table(
    view: View,
    counts: PlaneCounts,
    noise: Noise | None,
    rank_correlation: Float[np.ndarray, "d d"] | None = None,
) -> pd.DataFrame:
    """What the counts of one group of planes tell: one row each. The figures do not depend on the groups."""
    i, j = counts.group.pairs
    r = view.pearson[i, j]
    ellipses = Ellipses.of(view.std[i], view.std[j], r)
    measures = PlaneMeasures(counts)
    statistics = plane_statistics() if noise is None else noise.statistics
    measured = columns_of(measures, statistics)
    named = (i, j) if view.numbers is None else (view.numbers[i], view.numbers[j])
    columns: dict[str, Any] = {"basis": view.basis, "i": named[0], "j": named[1], "r": r}
    if rank_correlation is not None:
        columns["rank_correlation"] = rank_correlation[i, j]
    columns |= {
        "angle": ellipses.angle,
        "half_axis_major": ellipses.half_axis_major,
        "half_axis_minor": ellipses.half_axis_minor,
    }
    single = (1 - r) * (1 + r) < DEGENERATE
    figures = {s.name: measured[s.name] for s in statistics if s.shown}
    figures |= _turns(view, i, j, r, ellipses, measures, noise)
    if noise is not None:
        figures |= _beside_noise(measured, noise)
    columns |= {name: np.where(single, np.nan, values).astype(np.float32) for name, values in figures.items()}
    return pd.DataFrame(columns)


def _turns(
    view: View,
    i: np.ndarray,
    j: np.ndarray,
    r: np.ndarray,
    ellipses: Ellipses,
    measures: PlaneMeasures,
    noise: Noise | None,
) -> dict[str, np.ndarray]:
    """How the regions' axes lie beside those of the ellipse, in the units of the data."""
    found = {}
    turn, ratio = measures.regions.axes(view.std[i], view.std[j], r)
    axis_ratio = ellipses.half_axis_minor / ellipses.half_axis_major
    for k, mass in enumerate(MASS_NAMES):
        found[f"turn_{mass}"] = turn[:, k]
        if noise is not None:
            found[f"turn_error_{mass}"] = turn_error(float(noise.stretch_error[k]), axis_ratio)
        found[f"axis_ratio_{mass}"] = ratio[:, k]
    return found


def _beside_noise(measured: dict[str, Values], noise: Noise) -> dict[str, Values]:
    """Figures that are shown less their noise, the deviations that are shown, and the largest one judged."""
    found = {s.name: measured[s.name] - noise.mean[s.name] for s in noise.statistics if s.shown and s.centred}
    deviations = noise.deviations(measured)
    found |= {f"{s.name}_deviation": deviations[s.name] for s in noise.statistics if s.deviation_shown}
    found["deviation"] = noise.largest_defect(measured)
    return found


def _ranks(table: pd.DataFrame) -> np.ndarray:
    """1 for the least normal plane by deviation; without noise to compare with, by the 2 sigma coverage."""
    worth = table["deviation"] if "deviation" in table else -table["coverage_2"].abs()
    return worth.rank(ascending=False, method="first", na_option="bottom").to_numpy(np.int64)


def plane_summary(planes: pd.DataFrame, noise: Noise | None) -> PlaneSummary:
    """Scalars of the planes of one set of axes: noise, medians, the worst planes, and what spoils them."""
    if planes.empty or noise is None:
        return {"planes": len(planes), "fewest_vectors": FEWEST}
    limit = limit_for(len(planes), noise.n)
    spoilt = planes[planes["deviation"] > limit]
    shown = ["i", "j", "r", *COVERAGE, "mutual_information_excess", "agreement", "deviation"]
    worst = planes.dropna(subset=["deviation"]).nsmallest(LISTED, "rank")
    figures = {s.name: _figure(planes[s.name], noise, s) for s in noise.statistics if s.shown}
    return {
        "planes": len(planes),
        "limit": json_number(limit),
        "not_normal": len(spoilt),
        "degenerate": int(planes["deviation"].isna().sum()),
        "largest_deviation": json_number(planes["deviation"].max()),
        "figures": figures,
        "worst": [
            {name: json_number(value) for name, value in zip(shown, row, strict=True)}
            for row in worst[shown].itertuples(index=False)
        ],
        "spoilers": spoilers(spoilt, planes),
    }


def spoilers(spoilt: pd.DataFrame, planes: pd.DataFrame) -> list[dict[str, Any]]:
    """Components that spoil most planes: the worst one first, then the worst of the planes without it, and so on.

    Listed while one spoils at least two planes and a tenth of its own.
    """
    of_each = int(planes["i"].eq(planes["i"].min()).sum())  # 0 may be a dead component
    i, j = spoilt["i"].to_numpy(), spoilt["j"].to_numpy()
    off = np.minimum(spoilt["deviation"].to_numpy(np.float64), np.finfo(np.float32).max)
    size = int(max(i.max(initial=0), j.max(initial=0))) + 1
    found: list[dict[str, Any]] = []
    while len(found) < LISTED and len(i):
        counts = np.bincount(i, minlength=size) + np.bincount(j, minlength=size)
        sums = np.bincount(i, off, size) + np.bincount(j, off, size)
        # Of equals, the one whose planes are further off.
        component = int(np.lexsort((sums, counts))[-1])
        count = int(counts[component])
        if count < max(2, 0.1 * of_each):
            break
        found.append({"component": component, "planes": count, "of": of_each})
        left = (i != component) & (j != component)
        i, j, off = i[left], j[left], off[left]
    return found


def rank_disagreements(planes: pd.DataFrame, n: int, count: int = LISTED) -> list[dict[str, Any]]:
    r"""Pairs whose rank correlation is not that of a normal pair with the same r, most different first.

    Listed from `limit_for` standard errors on; see `statistics.ranks.rank_disagreement`.
    """
    r, found = (planes[name].to_numpy() for name in ("r", "rank_correlation"))
    expected, off = rank_disagreement(r, found, n)
    order = np.argsort(-np.abs(np.nan_to_num(off)), kind="stable")[:count]
    return [
        {
            "i": int(planes["i"].iloc[p]),
            "j": int(planes["j"].iloc[p]),
            "r": float(planes["r"].iloc[p]),
            "rank_correlation": float(planes["rank_correlation"].iloc[p]),
            "of_normal_pair": float(expected[p]),
        }
        for p in order
        if np.abs(off[p]) > limit_for(len(planes), n)
    ]


def _figure(values: pd.Series, noise: Noise, statistic: Statistic) -> dict[str, float | None]:
    """Median over the planes, and mean and spread of a normal sample's planes."""
    return {
        "median": json_number(values.median()),
        "normal": json_number(0.0 if statistic.centred else noise.mean[statistic.name]),
        "spread": json_number(noise.std[statistic.name]),
    }
