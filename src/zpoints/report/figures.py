"""The figures of the report. Each function returns a Matplotlib figure and can be used alone, in a notebook."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from zpoints.latents import LatentSet
from zpoints.statistics.contours import PlaneDensity
from zpoints.statistics.ellipses import LEVELS, Ellipses, normal_coverage
from zpoints.statistics.marginals import Histograms

__all__ = [
    "coverage_figure",
    "density_figure",
    "explained_variance_figure",
    "learning_figure",
    "planes_figure",
]

INK, ACCENT, SECOND, PALE = "#1f2933", "#0b7285", "#d9480f", "#ced4da"
POINTS = 4000  # dots in a scatter plot; more of them hide the contours

STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "axes.titlesize": 10,
}


P = ParamSpec("P")


def _styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in our style, whatever the user's own is, and leave the user's alone."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **options: P.kwargs) -> Figure:
        with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
            return draw(*args, **options)

    return wrapped


@_styled
def learning_figure(history: pd.DataFrame) -> Figure:
    """Training and validation loss by epoch, on a logarithmic scale."""
    figure, (axes,) = _figure(1, 1, 7.2, 3.4)
    axes.plot(history["epoch"], history["train_loss"], "o-", ms=3.5, color=ACCENT, label="training")
    if history["validation_loss"].notna().any():
        axes.plot(
            history["epoch"], history["validation_loss"], "s-", ms=3.5, color=SECOND, label="validation"
        )
    axes.set(xlabel="epoch", ylabel="loss per pixel", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=PALE, lw=0.5)
    axes.legend()
    return figure


@_styled
def density_figure(
    components: pd.DataFrame,
    histograms: Histograms,
    chosen: Iterable[int],
    label: str = "component",
    columns: int = 4,
) -> Figure:
    """Number densities of the chosen components, with the Gaussian that fits each best.

    `components` are the rows of one set of axes, in the order of the histograms.
    """
    chosen = list(chosen)
    columns = min(columns, len(chosen))
    figure, panels = _figure(
        -(-len(chosen) // columns), columns, 2.5 * columns, 1.95 * -(-len(chosen) // columns)
    )
    table = components.set_index("component")
    for panel, component in zip(panels, chosen, strict=False):
        row = table.loc[component]
        x = row["mean"] + row["std"] * histograms.centres[component]
        density = histograms.density[component] / row["std"]
        panel.fill_between(x, density, step="mid", color=ACCENT, alpha=0.28, lw=0)
        panel.step(x, density, where="mid", color=ACCENT, lw=0.9)
        u = (x - row["fit_centre"]) / row["fit_sigma"]
        # The fit's height is that of least squares for its area; normalised it differs by little.
        peak = 1 / (row["fit_sigma"] * np.sqrt(2 * np.pi))
        panel.plot(x, peak * np.exp(-0.5 * u**2), color=SECOND, lw=1.2)
        panel.set_title(f"{label} {component}", loc="left")
        panel.text(
            0.98,
            0.97,
            f"FWHM {row['fwhm']:.2f}\nexcess kurtosis {row['excess_kurtosis']:+.2f}",
            transform=panel.transAxes,
            ha="right",
            va="top",
            fontsize=7.5,
        )
        panel.set_xlim(row["mean"] - 4.5 * row["std"], row["mean"] + 4.5 * row["std"])
        panel.set_ylim(0, 1.28 * max(density.max(), peak))
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(4))
    _hide(panels[len(chosen) :])
    return figure


@_styled
def explained_variance_figure(ratio: np.ndarray, needed: dict[str, int]) -> Figure:
    """Share of the variance per principal axis, and the cumulative share with the 80, 90 and 95 % marks."""
    figure, (single, cumulative) = _figure(1, 2, 9.0, 3.2)
    axis = np.arange(1, len(ratio) + 1)
    # Logarithmic, since the first axes would leave nothing to see of the others; rounding errors are left out.
    lowest = max(ratio.min(), 1e-6)
    single.step(axis, ratio, where="mid", color=ACCENT, lw=1.2)
    single.set(xlabel="principal axis", ylabel="explained variance", yscale="log", ylim=(0.7 * lowest, 1))
    single.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    single.grid(axis="y", color=PALE, lw=0.5)
    cumulative.plot(axis, np.cumsum(ratio), color=ACCENT, lw=1.6)
    cumulative.set(xlabel="number of principal axes", ylabel="cumulative", ylim=(0, 1.02))
    cumulative.yaxis.set_major_formatter(PercentFormatter(1))
    for share, count in needed.items():
        cumulative.plot([count, count], [0, float(share)], color=SECOND, lw=0.8, ls=":")
        cumulative.plot([0, count], [float(share)] * 2, color=SECOND, lw=0.8, ls=":")
        label = f" {100 * float(share):.0f} %: {count}"
        cumulative.annotate(
            label, (count, float(share)), xytext=(4, -10), textcoords="offset points", fontsize=8
        )
    for panel in (single, cumulative):
        panel.set_xlim(0, len(ratio) + 1)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@_styled
def coverage_figure(planes: pd.DataFrame, columns: tuple[str, ...], n: int) -> Figure:
    """How the measured coverage of all planes spreads, per level, around what a normal pair has."""
    figure, panels = _figure(1, len(LEVELS), 10.0, 2.5)
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


@_styled
def planes_figure(
    latents: LatentSet,
    planes: pd.DataFrame,
    mean: np.ndarray,
    std: np.ndarray,
    columns: int = 4,
    seed: int = 0,
) -> Figure:
    """Density contours (filled) and confidence ellipses (lines) of a few planes, at the same masses.

    Each contour bounds the smallest region that holds 39.3, 86.5, 95.6 or 98.9 % of the vectors; the ellipses at
    1, 2, 2.5 and 3 sigma hold the same shares of a normal pair. Where both agree, the pair is normal.

    Parameters
    ----------
    latents : the vectors. `planes` : the rows of `Analysis.planes` to draw, in the original axes.
    mean, std : of all components.
    """
    columns = min(columns, len(planes))
    lines = -(-len(planes) // columns)
    figure, panels = _figure(lines, columns, 2.75 * columns, 2.95 * lines)
    used = sorted({*planes["i"], *planes["j"]})
    values = latents.columns([int(c) for c in used])
    place = {component: number for number, component in enumerate(used)}
    dots = np.random.default_rng(seed).permutation(len(values))[:POINTS]
    ellipses = Ellipses.of(
        std[planes["i"].to_numpy()], std[planes["j"].to_numpy()], planes["r"].to_numpy(np.float64)
    )
    for number, (panel, row) in enumerate(zip(panels, planes.itertuples(), strict=False)):
        pair = values[:, [place[row.i], place[row.j]]]
        centre, scale = mean[[row.i, row.j]], std[[row.i, row.j]]
        _plane(panel, pair, centre, scale, dots)
        for sigma in LEVELS:
            outline = ellipses.outline(number, sigma) + centre
            panel.plot(outline[:, 0], outline[:, 1], color=SECOND, lw=1.1)
        panel.set(xlabel=f"component {row.i}", ylabel=f"component {row.j}")
        inside = f"2σ {100 * row.coverage_2:.1f} %, 3σ {100 * row.coverage_3:.1f} %"
        panel.set_title(f"r = {row.r:+.2f}, {inside}", fontsize=8, loc="left")
    _hide(panels[len(planes) :])
    handles = [Line2D([], [], color=SECOND, lw=1.2), Line2D([], [], color=ACCENT, lw=4, alpha=0.6)]
    labels = ["confidence ellipses, 1, 2, 2.5, 3 sigma", "density contours at the same masses"]
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def _plane(panel: Axes, pair: np.ndarray, centre: np.ndarray, scale: np.ndarray, dots: np.ndarray) -> None:
    u = (pair - centre) / scale
    density = PlaneDensity.of(u[:, 0], u[:, 1])
    levels = sorted({density.level(normal_coverage(sigma)) for sigma in LEVELS})
    x, y = (centre[axis] + scale[axis] * density.centres for axis in (0, 1))
    panel.plot(pair[dots, 0], pair[dots, 1], ".", ms=1.2, color=INK, alpha=0.25, mew=0, zorder=0)
    colours = [(0.043, 0.447, 0.522, alpha) for alpha in (0.14, 0.3, 0.48, 0.7)][-len(levels) :]
    panel.contourf(x, y, density.density.T, [*levels, density.density.max() * 1.01], colors=colours)
    low, high = centre - 4.2 * scale, centre + 4.2 * scale
    panel.set_xlim(low[0], high[0])
    panel.set_ylim(low[1], high[1])
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.yaxis.set_major_locator(MaxNLocator(4))


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    return figure, list(panels.ravel())


def _hide(panels: Iterable[Axes]) -> None:
    for panel in panels:
        panel.set_visible(False)
