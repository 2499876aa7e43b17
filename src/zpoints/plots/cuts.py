"""Figures of the cut of outer vectors: how many it leaves, and how the contours turn without them."""

import functools
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from zpoints.analysis.cuts import turns
from zpoints.analysis.readings import cut
from zpoints.analysis.result import Analysis
from zpoints.errors import UsageError
from zpoints.plots.shown import vectors_of
from zpoints.plots.style import ACCENT, INK, PALE, POINTS, SECOND, hide, new_figure, styled
from zpoints.statistics.contours import PlaneDensity
from zpoints.statistics.cuts import fwhm_reach
from zpoints.statistics.ellipses import normal_coverage
from zpoints.statistics.pca import PCA
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import Through, reduce, rows

__all__ = ["contours_after_cut", "most_turned_plane", "survivors"]

INNER = normal_coverage(1)
ROUND = 0.8  # minor over major axis: of rounder ellipses a turn means nothing
VIEW = 2.1  # sigma of the larger axis, to either side


@styled
def survivors(a: Analysis) -> Figure:
    """Share of the vectors that the cut leaves, by its factor, beside what normal clouds would have left.

    The cut drops a vector if any of its components lies farther from its centre than a factor times its full width at
    half maximum (FWHM).

    Parameters
    ----------
    a : the analysis.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.survivors(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    rows = pd.DataFrame([row.to_dict() for row in a.summary.trimming.survivors])
    figure, (axes,) = new_figure(1, 1, 5.6, 3.2)
    axes.plot(rows["factor"], rows["independent_share"], ":", color=INK, lw=1.2, label="normal, independent")
    axes.plot(
        rows["factor"], rows["normal_share"], "s--", ms=4, color=SECOND, label="normal, these correlations"
    )
    axes.plot(rows["factor"], rows["share"], "o-", ms=4.5, color=ACCENT, label="measured")
    axes.set(xlabel="factor of the FWHM", ylabel="vectors left", ylim=(0, 1.04))
    axes.set_xticks(rows["factor"])
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(axis="y", color=PALE, lw=0.5)
    axes.legend(loc="best", fontsize=8.5)
    return figure


def most_turned_plane(a: Analysis) -> tuple[int, int] | None:
    """The plane of leading axes whose inner contour is turned most with no cut, of those whose ellipse is not round.

    Parameters
    ----------
    a : the analysis.

    Returns
    -------
    (i, j) : numbers of two principal axes; None where no plane was followed.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> len(zp.plots.most_turned_plane(a))
    2
    """
    trimming = a.trimming
    whole = trimming[np.isinf(trimming["factor"])]
    if whole.empty:
        return None
    elongated = whole[whole["ellipse_ratio"] < ROUND]
    whole = (elongated if len(elongated) else whole).dropna(subset=["turn"])
    if whole.empty:
        return None
    row = whole.loc[whole["turn"].abs().idxmax()]
    return int(row["i"]), int(row["j"])


@styled
def contours_after_cut(
    a: Analysis,
    plane: tuple[int, int] | None = None,
    *,
    latents: Any = None,
    columns: int = 4,
    points: int = POINTS,
    seed: int = 0,
) -> Figure:
    """One plane of the leading principal axes with no cut and with each cut: how its inner contour turns.

    Every panel is drawn along the principal axes of the vectors that are left. Filled: the smallest region that holds
    39 % of them; its own axis, and that of the 1 sigma ellipse.

    Parameters
    ----------
    a : the analysis.
    plane : numbers of two of the ten leading principal axes; the plane of `most_turned_plane` by default.
    latents : the vectors, where the analysis was loaded without them.
    columns : panels in a row. points, seed : dots to scatter, and what they are chosen at random by.

    Raises
    ------
    UsageError : the plane was not followed, or there are no vectors.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.contours_after_cut(a, (0, 1))  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    plane = plane or most_turned_plane(a)
    if plane is None:
        raise UsageError("no plane of the leading axes was followed: there are too few of them")
    table = a.trimming
    table = table[(table["i"] == plane[0]) & (table["j"] == plane[1])].set_index("factor")
    if table.empty:
        raise UsageError(f"plane {tuple(plane)} was not followed; a.trimming lists those of the leading axes")
    found = _left(vectors_of(a, latents), a, plane)
    found = [(factor, std, pair) for factor, std, pair in found if factor in table.index]
    columns = min(columns, len(found))
    lines = -(-len(found) // columns)
    figure, panels = new_figure(lines, columns, 2.6 * columns, 2.75 * lines + 0.3)
    reach = VIEW * max(found[0][1])
    random = np.random.default_rng(seed)
    for number, (panel, (factor, std, pair)) in enumerate(zip(panels, found, strict=False)):
        row = table.loc[factor]
        share = points * len(pair) / len(found[0][2])  # as many dots as vectors are left
        dots = pair[random.permutation(len(pair))[: max(1, round(share))]]
        _inner(panel, pair, dots, std, float(row["turn"]))
        cut_at = "no cut" if np.isinf(factor) else f"{factor:g} FWHM, {100 * row['kept']:.1f} % left"
        panel.set_title(f"{cut_at}\nturn {row['turn']:+.1f}°", fontsize=8.5, loc="left")
        panel.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        panel.tick_params(labelsize=8, labelleft=number % columns == 0)
        if number % columns == 0:
            panel.set_ylabel(f"principal axis {plane[1]}")
        if number // columns == lines - 1:
            panel.set_xlabel(f"principal axis {plane[0]}")
    hide(panels[len(found) :])
    handles = [
        Line2D([], [], color=ACCENT, lw=5, alpha=0.5),
        Line2D([], [], color=INK, lw=1.4),
        Line2D([], [], color=SECOND, lw=1.4),
    ]
    labels = ["inner contour, 39 %", "its axis", "1 sigma ellipse and its axis"]
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8.5)
    return figure


def _inner(panel: Axes, pair: np.ndarray, dots: np.ndarray, std: np.ndarray, turn: float) -> None:
    density = PlaneDensity.of(pair[:, 0] / std[0], pair[:, 1] / std[1])
    level = density.level(INNER)
    x, y = density.centres * std[0], density.centres * std[1]
    panel.plot(dots[:, 0], dots[:, 1], ".", ms=1.7, color=INK, alpha=0.35, mew=0, zorder=0)
    panel.contourf(
        x, y, density.density.T, [level, 1.01 * density.density.max()], colors=[ACCENT], alpha=0.45
    )
    t = np.linspace(0, 2 * np.pi, 200)
    panel.plot(std[0] * np.cos(t), std[1] * np.sin(t), color=SECOND, lw=1.1)
    # The leading axis has the larger variance: the ellipse's major axis is horizontal.
    length = 1.6 * std[0]
    panel.plot([-length, length], [0, 0], color=SECOND, lw=1.1)
    if np.isfinite(turn):
        i, j = np.nonzero(density.density >= level)
        centre = np.array([x[i].mean(), y[j].mean()])
        step = length * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
        ends = np.stack([centre - step, centre + step])
        panel.plot(ends[:, 0], ends[:, 1], color=INK, lw=1.3)


def _left(
    latents: LatentSet, a: Analysis, plane: tuple[int, int]
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """What each cut leaves, along two of its own principal axes: factor, standard deviations, coordinates."""
    living = a.distribution.living
    latents = latents if living.whole else latents.of_components(living.numbers)
    centre, fwhm = (a.components[name].to_numpy()[living.numbers] for name in ("fit_centre", "fwhm"))
    factors = tuple(row.factor for row in a.summary.trimming.survivors)
    cut_moments = reduce(latents, cut(centre, fwhm, factors))
    moments = functools.reduce(add, [ring for ring in cut_moments.rings if ring is not None])
    _, cuts = turns(cut_moments, PCA.of_moments(moments))
    axes = list(plane)

    def left(factor: float, pca: PCA) -> Through:
        def of(block: np.ndarray) -> np.ndarray:
            kept = block[fwhm_reach(block, centre, fwhm) <= factor]
            return (kept - pca.mean) @ (pca.axes[axes] / pca.scale).T

        return rows(of)

    found = reduce(latents, tuple(left(*each) for each in cuts))
    return [
        (factor, np.sqrt(pca.variance[axes]), part.array())
        for (factor, pca), part in zip(cuts, found, strict=True)
    ]
