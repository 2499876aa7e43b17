"""Figures of single components and axes: number densities, and the variance that each explains."""

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from zpoints.plots.style import ACCENT, PALE, SECOND, hide, new_figure, styled
from zpoints.statistics.histograms import Histograms

__all__ = ["density_figure", "explained_variance_figure", "overview_figure", "pairs_figure"]


@styled
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
    figure, panels = new_figure(
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
    hide(panels[len(chosen) :])
    return figure


@styled
def overview_figure(
    components: pd.DataFrame, histograms: Histograms, count: int = 120, standardised: bool = True
) -> Figure:
    """Number densities of up to `count` components in one panel, those with the largest standard deviation.

    Parameters
    ----------
    components : the rows of one set of axes, in the order of the histograms.
    standardised : in standard deviations from each component's mean, beside the normal density; or else in the units
        of the data.
    """
    table = components.sort_values("std", ascending=False).head(count)
    figure, (axes,) = new_figure(1, 1, 9.0, 4.2)
    colours = mpl.colormaps["viridis"]
    rank = Normalize(1, max(2, len(table)))
    alpha = float(np.clip(20 / len(table), 0.3, 0.8))
    highest = 0.0
    # The largest last, on top of the many others.
    for place, row in reversed(list(enumerate(table.itertuples(), start=1))):
        x, density = histograms.centres[row.component], histograms.density[row.component]
        if not standardised:
            x, density = row.mean + row.std * x, density / row.std
        axes.plot(x, density, color=colours(rank(place)), lw=0.7, alpha=alpha)
        highest = max(highest, density.max())
    if standardised:
        x = np.linspace(-5, 5, 401)
        normal = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
        axes.plot(x, normal, color=SECOND, lw=1.5, ls="--", label="normal density")
        axes.legend(loc="upper right", fontsize=8.5)
        axes.set(xlim=(-4.5, 4.5), xlabel="standard deviations from the mean")
    else:
        low, high = (table["mean"] - 4 * table["std"]).min(), (table["mean"] + 4 * table["std"]).max()
        axes.set(xlim=(low, high), xlabel="component")
    axes.set(ylabel="number density", ylim=(0, 1.05 * highest))
    bar = figure.colorbar(ScalarMappable(rank, colours), ax=axes, pad=0.01, aspect=30)
    bar.set_label("rank of standard deviation (1: largest)")
    bar.locator = MaxNLocator(6, integer=True)
    bar.update_ticks()
    return figure


@styled
def pairs_figure(
    components: pd.DataFrame,
    histograms: Histograms,
    pairs: Sequence[tuple[int, int]],
    label: str = "component",
    columns: int = 3,
) -> Figure:
    """Number densities of two components in one panel, each with its fitted Gaussian; a panel per pair.

    `components` are the rows of one set of axes, in the order of the histograms.
    """
    columns = min(columns, len(pairs))
    rows = -(-len(pairs) // columns)
    figure, panels = new_figure(rows, columns, 3.3 * columns, 2.3 * rows)
    table = components.set_index("component")
    for panel, pair in zip(panels, pairs, strict=False):
        for component, colour in zip(pair, (ACCENT, SECOND), strict=True):
            _with_fit(panel, table.loc[component], histograms, component, colour)
        chosen = table.loc[list(pair)]
        low, high = chosen["mean"] - 4.5 * chosen["std"], chosen["mean"] + 4.5 * chosen["std"]
        panel.set_xlim(low.min(), high.max())
        panel.set_ylim(0, 1.35 * panel.dataLim.y1)
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(5))
        handles = [Line2D([], [], color=colour, lw=2.5) for colour in (ACCENT, SECOND)]
        names = [f"{label} {component}" for component in pair]
        panel.legend(handles, names, loc="upper right", fontsize=8, handlelength=1.2)
    hide(panels[len(pairs) :])
    return figure


def _with_fit(panel: Axes, row: pd.Series, histograms: Histograms, component: int, colour: str) -> None:
    x = row["mean"] + row["std"] * histograms.centres[component]
    panel.stairs(
        histograms.density[component] / row["std"],
        row["mean"] + row["std"] * histograms.edges[component],
        fill=True,
        color=colour,
        alpha=0.28,
        lw=0,
    )
    u = (x - row["fit_centre"]) / row["fit_sigma"]
    panel.plot(x, np.exp(-0.5 * u * u) / (row["fit_sigma"] * np.sqrt(2 * np.pi)), color=colour, lw=1.3)


@styled
def explained_variance_figure(ratio: np.ndarray, needed: dict[str, int]) -> Figure:
    """Share of the variance per principal axis, and the cumulative share with the 80, 90 and 95 % marks."""
    figure, (single, cumulative) = new_figure(1, 2, 9.0, 3.2)
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
