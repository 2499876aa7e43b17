"""Figures of single components and axes: number densities, moments, and the variance that each explains."""

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

from zpoints.analysis.distribution import Distribution
from zpoints.analysis.result import Analysis, Basis
from zpoints.errors import UsageError
from zpoints.plots.shown import axis_label, check_basis, check_components, living_components
from zpoints.plots.style import ACCENT, INK, PALE, SECOND, hide, new_figure, styled
from zpoints.statistics.histograms import Histograms

__all__ = ["components", "densities", "density_pairs", "overview", "spectrum"]

SHARES = (0.80, 0.90, 0.95)
NAMED = 5


@styled
def densities(
    a: Analysis,
    chosen: Iterable[int] | None = None,
    basis: Basis = "z",
    *,
    count: int = 8,
    columns: int = 4,
) -> Figure:
    r"""Number densities of single components, each with the Gaussian that fits it best.

    The density is the histogram over :math:`n` times the width of a bin; the area under it is 1.

    Parameters
    ----------
    a : the analysis.
    chosen, count : numbers of components, or of principal axes; by default the `count` with the largest standard
        deviation.
    basis : ``"z"`` for the latent components, ``"pca"`` for the principal axes.
    columns : panels in a row.

    Raises
    ------
    UsageError : there is no such component.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.densities(a, [0, 2])  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    numbers = _chosen(a, chosen, basis, count)
    columns = min(columns, len(numbers))
    rows = -(-len(numbers) // columns)
    figure, panels = new_figure(rows, columns, max(2.5 * columns, 3.0), max(1.95 * rows, 2.2))
    table, histograms = a.components_of(basis), a.histograms[basis]
    for panel, number in zip(panels, numbers, strict=False):
        row = table.loc[number]
        _with_fit(panel, row, histograms, number, ACCENT, SECOND)
        panel.set_title(f"{axis_label(basis)} {number}", loc="left")
        panel.text(
            0.98,
            0.97,
            f"FWHM {row['fwhm']:.3g}\nexcess kurtosis {row['excess_kurtosis']:+.2f}",
            transform=panel.transAxes,
            ha="right",
            va="top",
            fontsize=7.5,
        )
        panel.set_xlim(row["mean"] - 4.5 * row["std"], row["mean"] + 4.5 * row["std"])
        panel.set_ylim(0, 1.42 * panel.dataLim.y1)
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(4))
    hide(panels[len(numbers) :])
    return figure


@styled
def density_pairs(
    a: Analysis,
    pairs: Sequence[tuple[int, int]] | None = None,
    basis: Basis = "z",
    *,
    count: int = 6,
    columns: int = 3,
) -> Figure:
    """Number densities of two components in one panel, each with its fitted Gaussian; a panel per pair.

    Parameters
    ----------
    a : the analysis.
    pairs, count : of components, or of principal axes; by default `count` pairs of neighbours in the order of their
        standard deviations, the largest first.
    basis : ``"z"`` or ``"pca"``. columns : panels in a row.

    Raises
    ------
    UsageError : there is no such component, or there are no two.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.density_pairs(a, [(0, 1), (0, 2)])  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    if pairs is None:
        largest = _chosen(a, None, basis, 2 * count)
        pairs = list(zip(largest[::2], largest[1::2], strict=False))
    check_components(a, (number for pair in pairs for number in pair), basis)
    if not pairs:
        raise UsageError("no pair of components to show")
    columns = min(columns, len(pairs))
    rows = -(-len(pairs) // columns)
    figure, panels = new_figure(rows, columns, 3.3 * columns, 2.3 * rows)
    table = a.components_of(basis)
    for panel, pair in zip(panels, pairs, strict=False):
        for number, colour in zip(pair, (ACCENT, SECOND), strict=True):
            _with_fit(panel, table.loc[number], a.histograms[basis], number, colour, colour)
        rows_of_pair = table.loc[list(pair)]
        reach = 4.5 * rows_of_pair["std"]
        panel.set_xlim((rows_of_pair["mean"] - reach).min(), (rows_of_pair["mean"] + reach).max())
        panel.set_ylim(0, 1.35 * panel.dataLim.y1)
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(5))
        handles = [Line2D([], [], color=colour, lw=2.5) for colour in (ACCENT, SECOND)]
        names = [f"{axis_label(basis)} {number}" for number in pair]
        panel.legend(handles, names, loc="upper right", fontsize=8, handlelength=1.2)
    hide(panels[len(pairs) :])
    return figure


@styled
def overview(a: Analysis, basis: Basis = "z", *, count: int = 120, standardised: bool = True) -> Figure:
    """Number densities of many components in one panel, those with the largest standard deviation.

    Parameters
    ----------
    a : the analysis.
    basis : ``"z"`` for the latent components, ``"pca"`` for the principal axes.
    count : components at most.
    standardised : in standard deviations from each component's mean, beside the normal density; or else in the units
        of the vectors.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.overview(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    check_basis(basis)
    figure, (axes,) = new_figure(1, 1, 9.0, 4.2)
    colours, rank = draw_overview(axes, a, basis, count, standardised)
    if standardised:
        axes.legend(loc="upper right", fontsize=8.5)
    bar = figure.colorbar(ScalarMappable(rank, colours), ax=axes, pad=0.01, aspect=30)
    bar.set_label("rank of standard deviation (1: largest)")
    bar.locator = MaxNLocator(6, integer=True)
    bar.update_ticks()
    return figure


def draw_overview(
    axes: Axes, a: Analysis, basis: Basis, count: int, standardised: bool
) -> tuple[mpl.colors.Colormap, Normalize]:
    """The panel of `overview`; returns what its colours mean."""
    table = living_components(a, basis).sort_values("std", ascending=False).head(count)
    histograms = a.histograms[basis]
    colours = mpl.colormaps["viridis"]
    rank = Normalize(1, max(2, len(table)))
    alpha = float(np.clip(20 / len(table), 0.3, 0.8))
    highest = 0.0
    # The largest last, on top of the many others.
    for place, row in reversed(list(enumerate(table.itertuples(), start=1))):
        x, density = histograms.centres[row.Index], histograms.density[row.Index]
        if not standardised:
            x, density = row.mean + row.std * x, density / row.std
        axes.plot(x, density, color=colours(rank(place)), lw=0.7, alpha=alpha)
        highest = max(highest, density.max())
    if standardised:
        x = np.linspace(-5, 5, 401)
        normal = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
        axes.plot(x, normal, color=SECOND, lw=1.5, ls="--", label="normal density")
        axes.set(xlim=(-4.5, 4.5), xlabel="standard deviations from the mean")
    else:
        low, high = (table["mean"] - 4 * table["std"]).min(), (table["mean"] + 4 * table["std"]).max()
        axes.set(xlim=(low, high), xlabel=f"value along the {axis_label(basis)}")
    axes.set(ylabel="number density", ylim=(0, 1.05 * highest))
    return colours, rank


@styled
def components(a: Analysis, basis: Basis = "z") -> Figure:
    r"""Standard deviation, skewness and excess kurtosis of every component, beside those of normal samples.

    Bands: two standard errors of a normal sample of as many vectors, about :math:`\sqrt{6 / n}` for the skewness and
    :math:`\sqrt{24 / n}` for the excess kurtosis. The components farthest from 0 are named.

    Parameters
    ----------
    a : the analysis. basis : ``"z"`` for the latent components, ``"pca"`` for the principal axes.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.components(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    check_basis(basis)
    table, d = living_components(a, basis), len(a.components_of(basis))
    figure, panels = new_figure(1, 3, 10.4, 3.1)
    titles = {
        "std": "standard deviation",
        "skewness": "skewness",
        "excess_kurtosis": "excess kurtosis",
    }
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        values = table[name]
        if name == "std":
            panel.set_ylim(0, 1.08 * values.max())
        else:
            error = table[f"{name}_error"].iloc[0]
            if np.isfinite(error):
                panel.axhspan(-2 * error, 2 * error, color=SECOND, alpha=0.18, lw=0)
            panel.axhline(0, color=SECOND, lw=1.0)
            _name_farthest(panel, values, 2 * error)
        panel.plot(table.index, values, ".", ms=4 if len(table) > 40 else 7, color=ACCENT, alpha=0.8, mew=0)
        panel.set_title(title, loc="left")
        panel.set(xlabel=axis_label(basis), xlim=(-0.03 * d - 0.5, 1.03 * d - 0.5))
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def _name_farthest(panel: Axes, values: pd.Series, noise: float) -> None:
    off = values.abs()
    for number in off[off > noise].nlargest(NAMED).index:
        panel.annotate(
            str(number),
            (number, values[number]),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=7.5,
            color=INK,
        )


@styled
def spectrum(a: Analysis | Distribution) -> Figure:
    """Share of the variance per principal axis, and the cumulative share with the 80, 90 and 95 % marks.

    Parameters
    ----------
    a : an analysis, or its distribution alone.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)) * [1, 2, 4])
    >>> zp.plots.spectrum(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    figure, (single, cumulative) = new_figure(1, 2, 9.0, 3.2)
    pca = (a.distribution if isinstance(a, Analysis) else a).pca
    ratio = pca.explained_variance_ratio[: pca.rank]
    axis = np.arange(len(ratio))
    draw_spectrum(single, ratio)
    # So many axes hold so much: the first point is one axis.
    cumulative.plot(
        axis + 1, np.cumsum(ratio), color=ACCENT, lw=1.6, marker="o" if len(ratio) < 30 else "", ms=3
    )
    cumulative.set(xlabel="number of principal axes", ylabel="cumulative", ylim=(0, 1.03))
    cumulative.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    for share in SHARES:
        count = pca.components_for(share)
        cumulative.plot([count, count], [0, share], color=SECOND, lw=0.8, ls=":")
        cumulative.plot([0, count], [share] * 2, color=SECOND, lw=0.8, ls=":")
    text = "\n".join(f"{100 * share:.0f} %: {pca.components_for(share)}" for share in SHARES)
    cumulative.text(0.97, 0.06, text, transform=cumulative.transAxes, ha="right", fontsize=8.5, color=SECOND)
    cumulative.set_xlim(0, len(ratio) + 1)
    cumulative.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def draw_spectrum(panel: Axes, ratio: np.ndarray) -> None:
    """Share of the variance per axis, logarithmic: the first axes would leave nothing to see of the others."""
    axis = np.arange(len(ratio))
    lowest = max(ratio.min(), 1e-6)  # below that there are rounding errors
    panel.step(axis, ratio, where="mid", color=ACCENT, lw=1.2)
    if len(ratio) < 30:
        panel.plot(axis, ratio, "o", ms=3.5, color=ACCENT)
    panel.set(xlabel="principal axis", ylabel="explained variance", yscale="log", ylim=(0.7 * lowest, 1))
    panel.set_xlim(-0.03 * len(ratio) - 0.5, 1.03 * len(ratio) - 0.5)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.grid(axis="y", color=PALE, lw=0.5)


def _chosen(a: Analysis, chosen: Iterable[int] | None, basis: Basis, count: int) -> list[int]:
    """The numbers asked for, or those of the components with the largest standard deviation."""
    check_basis(basis)
    if chosen is None:
        chosen = living_components(a, basis)["std"].nlargest(count).index
    numbers = check_components(a, chosen, basis)
    if not numbers:
        raise UsageError(f"no {axis_label(basis)} to show")
    return numbers


def _with_fit(
    panel: Axes, row: pd.Series, histograms: Histograms, number: int, colour: str, line: str
) -> None:
    """One number density, and the Gaussian of the fitted centre and width."""
    density = histograms.density[number] / row["std"]
    edges = row["mean"] + row["std"] * histograms.edges[number]
    panel.stairs(density, edges, fill=True, color=colour, alpha=0.28, lw=0)
    panel.stairs(density, edges, color=colour, lw=0.8, alpha=0.7)
    x = np.linspace(row["mean"] - 4.5 * row["std"], row["mean"] + 4.5 * row["std"], 400)
    u = (x - row["fit_centre"]) / row["fit_sigma"]
    # The fit's height is that of least squares for its area; normalised it differs by little.
    panel.plot(x, np.exp(-0.5 * u * u) / (row["fit_sigma"] * np.sqrt(2 * np.pi)), color=line, lw=1.3)
