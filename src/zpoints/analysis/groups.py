"""By group: normality within groups of the vectors, centres and covariances, one normal or a mixture by group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import log_ndtr

from zpoints.analysis.group_summaries import GroupsSummary
from zpoints.analysis.readings import SAMPLE, SAMPLE_BYTES
from zpoints.analysis.result import Analysis
from zpoints.errors import ArrayError
from zpoints.files.documents import json_number
from zpoints.statistics.groups import CentreDistance, CovarianceDistances, Within, mixture_gain
from zpoints.statistics.radii import Radii
from zpoints.statistics.third_moments import ThirdMoments
from zpoints.vectors.latent_set import LatentSet, some_of

__all__ = ["FEWEST", "Labels", "with_groups"]

FEWEST = 50
"""Groups of fewer vectors are left out."""
MOST = 20  # groups: the largest; the pairs of more take long
PER_AXIS = 5  # vectors at least for each axis that a group is measured along
COVARIANCE_AXES, SKEWNESS_AXES = 32, 64  # at most
PERMUTATIONS, FEWER, MANY_PAIRS = 199, 99, 45
SURE_LOG10_P = -3.0  # over all tests of all groups


@dataclass(frozen=True, eq=False)
class Labels:
    """A label for each vector.

    Attributes
    ----------
    name : of the column.
    names : of the groups, in their order.
    codes : number of the group of each vector; -1 where nothing is known.

    Examples
    --------
    >>> labels = Labels.of(pd.Series([1.0, 0.0, None, 1.0], name="Smiling"))
    >>> labels.name, labels.names, labels.codes.tolist()
    ('Smiling', ('0', '1'), [1, 0, -1, 1])
    """

    name: str
    names: tuple[str, ...]
    codes: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, values: Any) -> Self:
        """Of an array, list or column: numbers, texts, truth values; None and NaN are unknown.

        Raises
        ------
        ArrayError : not one value for each vector.
        """
        column = values if isinstance(values, pd.Series) else pd.Series(_flat(values))
        name = "label" if column.name is None else str(column.name)
        try:
            codes, found = pd.factorize(column, sort=True)
        except TypeError as error:  # values without an order, as lists
            raise ArrayError(
                f"labels '{name:.40}': {error}; give numbers or texts, one for each vector"
            ) from error
        return cls(name, tuple(_name(value) for value in found), np.asarray(codes, np.int64))

    def for_vectors(self, latents: LatentSet) -> Self:
        """The labels of these vectors: one for each, or one for each in their file.

        Raises
        ------
        ArrayError : another number of labels.
        """
        if len(self.codes) == latents.n:
            return self
        if len(self.codes) == latents.total and latents.rows is not None:
            return replace(self, codes=self.codes[latents.rows])
        raise ArrayError(
            f"labels '{self.name:.40}': {len(self.codes):,} of them, but {latents.name} holds {latents.total:,} "
            "vectors; give one label for each vector, in the same order"
        )


def _flat(values: Any) -> Sequence[Any] | np.ndarray:
    found = values if isinstance(values, list | tuple) else np.asarray(values)
    if isinstance(found, np.ndarray) and found.ndim != 1:
        raise ArrayError(f"labels of shape {found.shape}: give one for each vector, shape (n,)")
    return found


def _name(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return f"{int(value) if whole else value!s:.60}" if whole else f"{value!s:.60}"


def with_groups(a: Analysis, labels: Any, seed: int = 0) -> Analysis:
    """The analysis with its figures by group: ``a.groups``, ``a.group_pairs``, ``a.summary.groups``.

    Groups of at least 50 vectors, the 20 largest, are measured on at most 32,768 of their vectors (64 MiB), drawn at
    random, along the principal axes of the whole. What is left out is said with its number.

    Parameters
    ----------
    a : with its vectors (``a.latents``).
    labels : one for each vector: an array, a list, a pandas column, or `Labels`.
    seed : of the draw, the permutations and the parts held out.

    Raises
    ------
    ArrayError : no vectors, another number of labels, or fewer than two groups that are large enough.

    Examples
    --------
    >>> import zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> smiling = random.integers(0, 2, size=2000)
    >>> z = random.normal(size=(2000, 4)) + np.outer(smiling, [1.0, 0, 0, 0])
    >>> a = zp.analyse(z, by=smiling)
    >>> a.groups["count"].tolist(), a.group_pairs["distance"].round(1).tolist()
    ([1012, 988], [1.0])
    """
    if a.latents is None:
        raise ArrayError(
            "the analysis was loaded without its vectors; give them: Analysis.load(folder, latents=...)"
        )
    found = labels if isinstance(labels, Labels) else Labels.of(labels)
    found = found.for_vectors(a.latents)
    chosen = _chosen(found, a.latents)
    place = np.full(len(found.names) + 1, -1)
    place[chosen] = np.arange(len(chosen))
    codes = place[found.codes]
    mine = np.flatnonzero(codes >= 0)
    most = max(len(chosen) * FEWEST, min(SAMPLE, SAMPLE_BYTES // (4 * a.latents.dimension)))
    rows = some_of(mine, most, seed)
    pca = a.distribution.pca
    u, codes = pca.whiten(a.latents.subset(rows).array()), codes[rows]
    names = [found.names[g] for g in chosen]
    counts = np.bincount(found.codes[found.codes >= 0], minlength=len(found.names))
    if np.bincount(codes, minlength=len(names)).min() < 2 * PER_AXIS:
        raise ArrayError(
            f"labels '{found.name:.40}': a group has too few of {len(rows):,} vectors drawn at random"
        )
    small = counts < FEWEST
    about = {
        "by": found.name,
        "vectors": len(mine),
        "measured": len(rows),
        "unknown": int((found.codes < 0).sum()),
        "small": int((small & (counts > 0)).sum()),
        "more": int((~small).sum()) - len(names),
        "left_out": int(counts.sum()) - len(mine),
        "fewest": FEWEST,
    }
    groups = _groups(u, codes, names, counts[chosen])
    pairs, compared = _pairs(u, codes, names, seed)
    summary = {**about, "groups": groups, **compared, **_gain(u, codes, len(names), seed)}
    typed = GroupsSummary.from_dict(summary, "the groups")
    return replace(
        a,
        summary=replace(a.summary, groups=typed),
        groups=pd.DataFrame(groups).rename(columns={"name": "group"}).set_index("group"),
        group_pairs=pd.DataFrame(pairs).set_index(["a", "b"]),
    )


def _chosen(labels: Labels, latents: LatentSet) -> Int[np.ndarray, " g"]:
    """Numbers of the groups to measure, in their order."""
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=max(len(labels.names), 1))
    large = np.flatnonzero(counts >= FEWEST)
    if len(large) < 2:
        order = np.argsort(-counts, kind="stable")[:4]
        there = ", ".join(f"{labels.names[g]} ({counts[g]:,})" for g in order if counts[g])
        raise ArrayError(
            f"{latents.name}: labels '{labels.name:.40}' have {len(labels.names):,} different values, the most "
            f"frequent {there or 'none'}; groups need two values with at least {FEWEST} vectors each"
        )
    return np.sort(large[np.argsort(-counts[large], kind="stable")[:MOST]])


def _groups(
    u: Float[np.ndarray, "n r"], codes: Int[np.ndarray, " n"], names: list[str], counts: Int[np.ndarray, " g"]
) -> list[dict[str, Any]]:
    """Normality within each group, along the leading axes that its vectors can pay for."""
    rows = []
    for g, (name, count) in enumerate(zip(names, counts, strict=True)):
        x = u[codes == g]
        x = x[:, : max(1, min(u.shape[1], len(x) // PER_AXIS))]
        x = x - x.mean(axis=0)
        few = min(x.shape[1], SKEWNESS_AXES)
        radii, third = Radii.of(_white(x)), ThirdMoments.of(_white(x[:, :few]))
        skewness = third.skewness_test
        scale = radii.scale_variance / radii.scale_variance_error  # Mardia's kurtosis in standard errors
        log10_p = min(skewness.log10_p, _log10_p(scale))
        rows.append(
            {
                "name": name,
                "count": int(count),
                "measured": len(x),
                "axes": x.shape[1],
                "skewness_axes": few,
                "scale_variance": radii.scale_variance,
                "scale_variance_error": radii.scale_variance_error,
                "skewness": json_number(skewness.z),
                "kurtosis": json_number(scale),
                "std": radii.std,
                "normal_std": radii.null.std,
                "ks_distance": radii.distance_to_normal,
                "normal_ks_distance": 0.67 / np.sqrt(radii.n),
                "normal": bool(log10_p >= SURE_LOG10_P - np.log10(2 * len(names))),
            }
        )
    return rows


def _log10_p(z: float) -> float:
    return float((np.log(2) + log_ndtr(-abs(z))) / np.log(10))


def _white(x: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """Centred vectors in units in which their unbiased covariance is the identity."""
    factor = np.linalg.cholesky(x.T @ x / (len(x) - 1))
    return np.linalg.solve(factor, x.T).T


def _pairs(
    u: Float[np.ndarray, "n r"], codes: Int[np.ndarray, " n"], names: list[str], seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Each pair's distances; and of them all what the summary holds."""
    groups = len(names)
    fewest = int(np.bincount(codes).min())
    axes = max(1, min(u.shape[1], (len(u) - groups) // PER_AXIS))
    few = max(1, min(u.shape[1], fewest // PER_AXIS, COVARIANCE_AXES))
    within, inner = Within.of(u[:, :axes], codes, groups), Within.of(u[:, :few], codes, groups)
    many = groups * (groups - 1) // 2 > MANY_PAIRS
    covariances = CovarianceDistances.of(inner, codes, FEWER if many else PERMUTATIONS, seed)
    rows = []
    for k, (a, b) in enumerate(covariances.pairs):
        centres = CentreDistance.of(within, int(a), int(b))
        rows.append(
            {
                "a": names[a],
                "b": names[b],
                "distance": centres.distance,
                "distance_error": json_number(centres.error),
                "distance_p": json_number(centres.p),
                "covariance_distance": float(covariances.excess[k]),
                "covariance_null": float(covariances.null[k]),
                "covariance_z": float(covariances.z[k]),
            }
        )
    distances = [row["distance"] for row in rows]
    return rows, {
        "nearest": rows[int(np.argmin(distances))],
        "farthest": rows[int(np.argmax(distances))],
        "least_alike": rows[int(np.argmax(covariances.z))],
        "covariance_p": covariances.p,
        "covariance_axes": few,
        "centre_axes": axes,
    }


def _gain(
    u: Float[np.ndarray, "n r"], codes: Int[np.ndarray, " n"], groups: int, seed: int
) -> dict[str, Any]:
    """One normal, or a mixture?"""
    axes = max(1, min(u.shape[1], (len(u) - groups) // PER_AXIS))
    gain = mixture_gain(u[:, :axes], codes, groups, seed)
    return {
        "gain": gain.value,
        "shared_gain": gain.shared,
        "chance": gain.chance,
        "gain_beyond": gain.beyond,
        "gain_error": gain.error,
        "held_out": gain.held_out,
    }
