"""Figures of planes: density contours beside confidence ellipses, coverage, and a map of all planes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from zpoints.analysis.result import Analysis, Basis
from zpoints.errors import UsageError
from zpoints.plots.shown import (
    axis_label,
    check_basis,
    check_components,
    coordinates,
    living_components,
    rows_of_planes,
    vectors_of,
)
from zpoints.plots.style import ACCENT, INK, POINTS, SECOND, hide, new_figure, styled
from zpoints.statistics.contours import PlaneDensity
from zpoints.statistics.ellipses import LEVELS, Ellipses, normal_coverage
from zpoints.statistics.measures import COVERAGE

__all__ = ["against", "agreement_map", "coverage", "plane", "planes"]

MASSES = tuple(normal_coverage(sigma) for sigma in LEVELS)
"""What the ellipses of 1, 2, 2.5 and 3 sigma hold of a normal pair: 39.3, 86.5, 95.6 and 98.9 %."""

AROUND = 4.2  # sigma to either side of the centre


@styled
def plane(
    a: Analysis,
    i: int,
    j: int,
    basis: Basis = "z",
    *,
    latents: Any = None,
    masses: Sequence[float] = MASSES,
    points: int = POINTS,
    seed: int = 0,
) -> Figure:
    r"""One plane of two components: the vectors, density contours (filled) and confidence ellipses (lines).

    Each contour bounds the smallest region that holds one of the masses of the vectors; the ellipse where
    :math:`D^2 = -2 \ln(1 - m)` holds the same mass m of a normal pair. Where both agree, the pair is normal.

    Parameters
    ----------
    a : the analysis.
    i, j : numbers of the components, or principal axes, along the horizontal and the vertical axis.
    basis : ``"z"`` for the latent components, ``"pca"`` for the principal axes; both in the vectors' units.
    latents : the vectors, where the analysis was loaded without them.
    masses : of contours and ellipses, each above 0 and below 1.
    points, seed : dots to scatter, and what they are chosen at random by; the contours are those of all vectors.

    Raises
    ------
    UsageError : there is no such plane, or no vectors. ArrayError : vectors of another number of components.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.plane(a, 0, 2)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    rows = rows_of_planes(a, [(i, j)], basis)
    figure, (panel,) = new_figure(1, 1, 5.2, 5.2)
    _draw(figure, [panel], a, rows, basis, latents, masses, points, seed)
    return figure


@styled
def planes(
    a: Analysis,
    pairs: Iterable[tuple[int, int]] | None = None,
    basis: Basis = "z",
    *,
    count: int = 8,
    latents: Any = None,
    columns: int = 4,
    masses: Sequence[float] = MASSES,
    points: int = POINTS,
    seed: int = 0,
) -> Figure:
    """Several planes, each as `plane` draws it.

    Parameters
    ----------
    a : the analysis.
    pairs, count : numbers (i, j) of components, as the index of ``a.planes.sort_values("agreement").head(8)``; by
        default the `count` least normal planes, those of the lowest rank.
    basis, latents, masses, points, seed : as for `plane`. columns : panels in a row.

    Raises
    ------
    UsageError : there is no such plane, or no vectors. ArrayError : vectors of another number of components.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.planes(a, [(0, 1), (0, 2)])  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    check_basis(basis)
    if pairs is None:
        table = a.planes_of(basis)
        pairs = list(table["rank"].nsmallest(count).index) if len(table) else []
    rows = rows_of_planes(a, pairs, basis)
    if rows.empty:
        raise UsageError("no plane to show")
    columns = min(columns, len(rows))
    lines = -(-len(rows) // columns)
    figure, panels = new_figure(lines, columns, 2.75 * columns, 2.95 * lines)
    _draw(figure, panels, a, rows, basis, latents, masses, points, seed)
    hide(panels[len(rows) :])
    return figure


def against(
    a: Analysis,
    first: int = 0,
    basis: Basis = "pca",
    *,
    count: int = 12,
    latents: Any = None,
    columns: int = 4,
    masses: Sequence[float] = MASSES,
    points: int = POINTS,
    seed: int = 0,
) -> Figure:
    """Planes of one component against the `count` others of the lowest numbers.

    Parameters
    ----------
    a : the analysis.
    first : the component, or principal axis, along every panel's horizontal axis.
    count : of others at most.
    basis, latents, columns, masses, points, seed : as for `planes`.

    Raises
    ------
    UsageError : there is no such component, no other one, or no vectors.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.against(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    check_components(a, [first], basis)
    others = [int(number) for number in living_components(a, basis).index if number != first]
    pairs = [(first, number) for number in others[:count]]
    if not pairs:
        raise UsageError(f"no plane holds {axis_label(basis)} {first}: there is no other one")
    return planes(a, pairs, basis, latents=latents, columns=columns, masses=masses, points=points, seed=seed)


@styled
def coverage(a: Analysis, basis: Basis = "z") -> Figure:
    r"""How the measured coverage of all planes spreads, per level, around what a normal pair has.

    A normal pair has :math:`1 - e^{-k^2 / 2}` of the vectors inside its ellipse at k sigma, whatever its correlation:
    the line. Band: two standard errors of as many vectors.

    Parameters
    ----------
    a : the analysis. basis : ``"z"`` for planes of latent components, ``"pca"`` for those of principal axes.

    Raises
    ------
    UsageError : there is no plane.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.coverage(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    table = _table(a, basis)
    figure, panels = new_figure(1, len(LEVELS), 10.0, 2.5)
    for panel, sigma, column in zip(panels, LEVELS, COVERAGE, strict=True):
        exact = normal_coverage(sigma)
        values = table[column].dropna()
        noise = np.sqrt(exact * (1 - exact) / a.summary.n)
        panel.hist(values, bins=60, color=ACCENT, alpha=0.6)
        panel.axvspan(exact - 2 * noise, exact + 2 * noise, color=SECOND, alpha=0.18, lw=0)
        panel.axvline(exact, color=SECOND, lw=1.3)
        panel.set_title(f"{sigma:g} sigma (normal: {100 * exact:.1f} %)", fontsize=9)
        panel.tick_params(axis="x", labelsize=8)
        panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=1, symbol=" %"))
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.set_yticks([])
    panels[0].set_ylabel(f"{len(table):,} planes")
    return figure


@styled
def agreement_map(a: Analysis, basis: Basis = "z") -> Figure:
    """All planes in one square: agreement of contours and ellipses above the diagonal, \\|r\\| below it.

    A row or column that stands out is a component that spoils its planes.

    Parameters
    ----------
    a : the analysis. basis : ``"z"`` for planes of latent components, ``"pca"`` for those of principal axes.

    Raises
    ------
    UsageError : there is no plane.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.agreement_map(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    table = _table(a, basis)
    i, j = (table.index.get_level_values(name).to_numpy() for name in ("i", "j"))
    d = int(j.max()) + 1
    upper, lower = np.full((2, d, d), np.nan)
    if "agreement" in table:
        upper[i, j] = table["agreement"]
    lower[j, i] = table["r"].abs()
    figure, (axes,) = new_figure(1, 1, 8.6, 6.6)
    shown = upper[np.isfinite(upper)]
    # A few planes far off would leave all the others in one colour.
    least = float(np.quantile(shown, 0.01)) if len(shown) else 0.0
    above = axes.imshow(upper, cmap="viridis", vmin=least, vmax=max(1.0, least), interpolation="nearest")
    largest = float(np.nanmax(lower)) or 1.0
    below = axes.imshow(lower, cmap="magma_r", vmin=0, vmax=largest, interpolation="nearest")
    axes.set(xlabel=axis_label(basis), ylabel=axis_label(basis))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(9, integer=True))
    bar = figure.colorbar(above, ax=axes, shrink=0.8, pad=0.02, extend="min")
    bar.set_label("agreement of contours and ellipses (above the diagonal)")
    bar = figure.colorbar(below, ax=axes, shrink=0.8, pad=0.02)
    bar.set_label("|r| (below the diagonal)")
    return figure


def _table(a: Analysis, basis: Basis) -> pd.DataFrame:
    check_basis(basis)
    table = a.planes_of(basis)
    if table.empty:
        raise UsageError(f"there is no plane of {axis_label(basis)}s to show")
    return table


def _draw(
    figure: Figure,
    panels: Sequence[Axes],
    a: Analysis,
    rows: pd.DataFrame,
    basis: Basis,
    latents: Any,
    masses: Sequence[float],
    points: int,
    seed: int,
) -> None:
    """A panel per row of planes, and a legend for all of them."""
    if not (len(masses) and all(0 < mass < 1 for mass in masses)):
        raise UsageError(f"masses {list(masses)}: give shares above 0 and below 1")
    used = sorted({*rows["i"].tolist(), *rows["j"].tolist()})
    values = coordinates(a, vectors_of(a, latents), used, basis)
    place = {number: column for column, number in enumerate(used)}
    dots = np.random.default_rng(seed).permutation(len(values))[:points]
    levels = [float(np.sqrt(-2 * np.log1p(-mass))) for mass in sorted(masses)]
    table = a.components_of(basis)
    mean, std = table["mean"].to_numpy(), table["std"].to_numpy()
    i, j = rows["i"].to_numpy(), rows["j"].to_numpy()
    ellipses = Ellipses.of(std[i], std[j], rows["r"].to_numpy(np.float64))
    for number, (panel, row) in enumerate(zip(panels, rows.itertuples(), strict=False)):
        pair = values[:, [place[row.i], place[row.j]]]
        centre = mean[[row.i, row.j]]
        _contours(panel, pair, centre, std[[row.i, row.j]], dots, masses)
        for sigma in levels:
            outline = ellipses.outline(number, sigma) + centre
            panel.plot(outline[:, 0], outline[:, 1], color=SECOND, lw=1.1)
        panel.set(xlabel=f"{axis_label(basis)} {row.i}", ylabel=f"{axis_label(basis)} {row.j}")
        panel.set_title(_title(row, basis), fontsize=8, loc="left")
    few = len(rows) == 1
    shares = ", ".join(f"{100 * mass:.3g}" for mass in sorted(masses))
    labels = [
        f"confidence ellipses, {', '.join(f'{sigma:.3g}' for sigma in levels)} sigma",
        f"density contours at the same masses, {shares} %",
    ]
    handles = [Line2D([], [], color=SECOND, lw=1.2), Line2D([], [], color=ACCENT, lw=4, alpha=0.6)]
    columns = 1 if few else min(2, len(panels))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8.5)


def _title(row: Any, basis: Basis) -> str:
    inside = f"2σ {100 * row.coverage_2:.1f} %, 3σ {100 * row.coverage_3:.1f} %"
    if not np.isfinite(row.coverage_2):
        inside = "one component twice"
    # Along the principal axes r is 0, but for rounding.
    r = f"r = {row.r:+.2f}, " if basis == "z" or abs(row.r) > 0.005 else ""
    return r + inside


def _contours(
    panel: Axes,
    pair: np.ndarray,
    centre: np.ndarray,
    scale: np.ndarray,
    dots: np.ndarray,
    masses: Sequence[float],
) -> None:
    u = (pair - centre) / scale
    density = PlaneDensity.of(u[:, 0], u[:, 1])
    levels = sorted({density.level(mass) for mass in masses})
    x, y = (centre[axis] + scale[axis] * density.centres for axis in (0, 1))
    panel.plot(pair[dots, 0], pair[dots, 1], ".", ms=1.7, color=INK, alpha=0.35, mew=0, zorder=0)
    colours = [(0.043, 0.447, 0.522, alpha) for alpha in np.linspace(0.14, 0.7, len(levels))]
    panel.contourf(x, y, density.density.T, [*levels, density.density.max() * 1.01], colors=colours)
    low, high = centre - AROUND * scale, centre + AROUND * scale
    panel.set_xlim(low[0], high[0])
    panel.set_ylim(low[1], high[1])
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.yaxis.set_major_locator(MaxNLocator(4))
