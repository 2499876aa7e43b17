"""Figures of planes: density contours beside confidence ellipses, coverage, and a map of all planes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from zpoints.analysis.result import Analysis
from zpoints.plots.style import ACCENT, INK, POINTS, SECOND, hide, new_figure, styled
from zpoints.statistics.contours import PlaneDensity
from zpoints.statistics.ellipses import LEVELS, Ellipses, normal_coverage
from zpoints.statistics.pca import PCA
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import collect

__all__ = ["against_figure", "coverage_figure", "planes_figure", "planes_map_figure"]

MASSES = tuple(normal_coverage(sigma) for sigma in LEVELS)


@styled
def coverage_figure(planes: pd.DataFrame, columns: tuple[str, ...], n: int) -> Figure:
    """How the measured coverage of all planes spreads, per level, around what a normal pair has."""
    figure, panels = new_figure(1, len(LEVELS), 10.0, 2.5)
    for panel, sigma, column in zip(panels, LEVELS, columns, strict=True):
        exact = normal_coverage(sigma)
        values = planes[column].dropna()
        noise = np.sqrt(exact * (1 - exact) / n)
        panel.hist(values, bins=60, color=ACCENT, alpha=0.6)
        panel.axvspan(exact - 2 * noise, exact + 2 * noise, color=SECOND, alpha=0.18, lw=0)
        panel.axvline(exact, color=SECOND, lw=1.3)
        panel.set_title(f"{sigma:g} sigma (normal: {100 * exact:.1f} %)", fontsize=9)
        panel.tick_params(axis="x", labelsize=8)
        panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.set_yticks([])
    panels[0].set_ylabel(f"{len(planes):,} planes")
    return figure


@styled
def planes_figure(
    latents: LatentSet,
    planes: pd.DataFrame,
    mean: np.ndarray,
    std: np.ndarray,
    columns: int = 4,
    seed: int = 0,
    pca: PCA | None = None,
    masses: Sequence[float] = MASSES,
    points: int = POINTS,
) -> Figure:
    """Density contours (filled) and confidence ellipses (lines) of a few planes, at the same masses.

    Each contour bounds the smallest region that holds one of the masses, by default 39.3, 86.5, 95.6 and 98.9 % of
    the vectors; the ellipses, by default at 1, 2, 2.5 and 3 sigma, hold the same shares of a normal pair. Where both
    agree, the pair is normal.

    Parameters
    ----------
    latents : the vectors. `planes` : the rows of `Analysis.planes` to draw, all of one set of axes.
    mean, std : of all components along these axes.
    pca : the principal axes, if the planes are theirs; None for the latent components.
    masses : of contours and ellipses. points : dots to scatter, chosen at random with this seed.
    """
    columns = min(columns, len(planes))
    lines = -(-len(planes) // columns)
    figure, panels = new_figure(lines, columns, 2.75 * columns, 2.95 * lines)
    used = [int(axis) for axis in sorted({*planes["i"], *planes["j"]})]
    values = _coordinates(latents, used, pca)
    place = {component: number for number, component in enumerate(used)}
    dots = np.random.default_rng(seed).permutation(len(values))[:points]
    levels = [float(np.sqrt(-2 * np.log1p(-mass))) for mass in sorted(masses)]
    ellipses = Ellipses.of(
        std[planes["i"].to_numpy()], std[planes["j"].to_numpy()], planes["r"].to_numpy(np.float64)
    )
    label = "component" if pca is None else "principal axis"
    for number, (panel, row) in enumerate(zip(panels, planes.itertuples(), strict=False)):
        pair = values[:, [place[row.i], place[row.j]]]
        centre, scale = mean[[row.i, row.j]], std[[row.i, row.j]]
        _plane(panel, pair, centre, scale, dots, masses)
        for sigma in levels:
            outline = ellipses.outline(number, sigma) + centre
            panel.plot(outline[:, 0], outline[:, 1], color=SECOND, lw=1.1)
        panel.set(xlabel=f"{label} {row.i}", ylabel=f"{label} {row.j}")
        inside = f"2σ {100 * row.coverage_2:.1f} %, 3σ {100 * row.coverage_3:.1f} %"
        # Along the principal axes r is 0, but for rounding.
        r = f"r = {row.r:+.2f}, " if pca is None or abs(row.r) > 0.005 else ""
        panel.set_title(r + inside, fontsize=8, loc="left")
    hide(panels[len(planes) :])
    handles = [Line2D([], [], color=SECOND, lw=1.2), Line2D([], [], color=ACCENT, lw=4, alpha=0.6)]
    of_ellipses = f"confidence ellipses, {', '.join(f'{sigma:.3g}' for sigma in levels)} sigma"
    shares = ", ".join(f"{100 * mass:.3g}" for mass in sorted(masses))
    labels = [of_ellipses, f"density contours at the same masses, {shares} %"]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(2, columns), fontsize=8.5)
    return figure


def against_figure(
    latents: LatentSet,
    analysis: Analysis,
    first: int = 0,
    count: int = 12,
    axes: str = "pca",
    columns: int = 4,
    seed: int = 0,
    masses: Sequence[float] = MASSES,
    points: int = POINTS,
) -> Figure:
    """Planes of one component against the `count` others of the lowest numbers, as `planes_figure` draws them.

    Parameters
    ----------
    first : the component, or principal axis, that lies along every panel's horizontal axis.
    axes : ``"pca"`` for the principal axes, ``"z"`` for the latent components.
    """
    table = analysis.components[analysis.components["basis"] == axes].sort_values("component")
    planes = analysis.planes[analysis.planes["basis"] == axes]
    planes = planes[(planes["i"] == first) | (planes["j"] == first)].dropna(subset=["coverage_2"])
    if planes.empty:
        raise ValueError(f"no plane of {axes} axes holds component {first}")
    planes = planes.assign(i=first, j=planes["i"] + planes["j"] - first).sort_values("j").head(count)
    pca = analysis.distribution.pca if axes == "pca" else None
    return planes_figure(
        latents, planes, table["mean"].to_numpy(), table["std"].to_numpy(), columns, seed, pca, masses, points
    )


@styled
def planes_map_figure(planes: pd.DataFrame) -> Figure:
    """All planes in one square: agreement of contours and ellipses above the diagonal, |r| below it.

    `planes` are the rows of `Analysis.planes` of one set of axes.
    """
    i, j = planes["i"].to_numpy(), planes["j"].to_numpy()
    d = int(j.max()) + 1
    upper, lower = np.full((2, d, d), np.nan)
    if "agreement" in planes:
        upper[i, j] = planes["agreement"]
    lower[j, i] = planes["r"].abs()
    figure, (axes,) = new_figure(1, 1, 8.6, 6.6)
    shown = upper[np.isfinite(upper)]
    # A few planes far off would leave all the others in one colour.
    least = float(np.quantile(shown, 0.01)) if len(shown) else 0.0
    above = axes.imshow(upper, cmap="viridis", vmin=least, vmax=max(1.0, least), interpolation="nearest")
    largest = float(np.nanmax(lower)) or 1.0
    below = axes.imshow(lower, cmap="magma_r", vmin=0, vmax=largest, interpolation="nearest")
    axes.set(xlabel="component", ylabel="component")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(9, integer=True))
    bar = figure.colorbar(above, ax=axes, shrink=0.8, pad=0.02, extend="min")
    bar.set_label("agreement of contours and ellipses (above the diagonal)")
    bar = figure.colorbar(below, ax=axes, shrink=0.8, pad=0.02)
    bar.set_label("|r| (below the diagonal)")
    return figure


def _coordinates(latents: LatentSet, used: list[int], pca: PCA | None) -> np.ndarray:
    """Values along the axes that are used, and along no other."""
    if pca is None:
        return latents.columns(used)
    axes = (pca.axes[used] / pca.scale).T
    return collect(latents, lambda block: (block - pca.mean) @ axes)


def _plane(
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
    low, high = centre - 4.2 * scale, centre + 4.2 * scale
    panel.set_xlim(low[0], high[0])
    panel.set_ylim(low[1], high[1])
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.yaxis.set_major_locator(MaxNLocator(4))
