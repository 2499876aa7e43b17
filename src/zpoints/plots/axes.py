"""Figures of the axes that matter: variances beside the edge of noise, and what one sigma does to a picture."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from zpoints.analysis.axes_summaries import EdgeSummary
from zpoints.analysis.pictures import VISIBLE
from zpoints.analysis.result import Analysis, Basis
from zpoints.errors import UsageError
from zpoints.plots.style import ACCENT, INK, PALE, SECOND, new_figure, styled

__all__ = ["pixels", "signal"]


@styled
def signal(a: Analysis) -> Figure:
    """Variances along the principal axes beside the edge of noise: of the covariance, and of the correlations.

    Left: the shaded axes hold 95 % of the variance; the line is the edge, with what noise alone exceeds once in 1,000
    clouds; it is missing where the variances have no floor. Right: the same of the correlation matrix, beside the
    edge of independent components.

    Parameters
    ----------
    a : the analysis.

    Raises
    ------
    UsageError : an analysis that an older zpoints saved, without these figures.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 12)) * np.sqrt([9] + 11 * [1]))
    >>> zp.plots.signal(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    found = a.summary.spectrum
    if found is None:
        raise UsageError(
            "this analysis was made before the edge of noise was measured; analyse the vectors anew"
        )
    distribution = a.distribution
    both = found.correlation is not None
    figure, panels = new_figure(1, 1 + both, 4.6 * (1 + both), 3.2)
    pca = distribution.pca
    held = min(pca.components_for(0.95), pca.rank)
    panels[0].axvspan(-0.5, held - 0.5, color=PALE, alpha=0.35, lw=0)
    _variances(panels[0], pca.variance[: pca.rank], found.covariance)
    panels[0].set_title(f"covariance: {_count(found.covariance)}; {held} hold 95 %", loc="left")
    if found.correlation is not None:
        alive = np.diagonal(distribution.covariance) > 0
        living = distribution.covariance[np.ix_(alive, alive)]
        std = np.sqrt(np.diagonal(living))
        unit = np.linalg.eigvalsh(living / std / std[:, None])[::-1][: found.axes]
        _variances(panels[1], unit, found.correlation)
        panels[1].set_title(f"correlations: {_count(found.correlation)}", loc="left")
    return figure


@styled
def pixels(a: Analysis) -> Figure:
    """By how many grey levels one sigma along each axis changes the decoded picture: principal axes, and components.

    Bars: two standard errors over the base points. Line: one grey level.

    Parameters
    ----------
    a : the analysis, made with a model.

    Raises
    ------
    UsageError : no model was asked.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> from zpoints.models.pca import PCACodec
    >>> codec = PCACodec((1, 2, 1), np.array([0.5, 0.5]), np.array([[0.05, 0.0], [0.0, 0.1]]))
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 2)), codec=codec)
    >>> zp.plots.pixels(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    if a.summary.pictures is None:
        raise UsageError("this analysis was made without a model: give one, analyse(..., codec=...)")
    figure, panels = new_figure(1, 2, 9.2, 3.2)
    bases: tuple[tuple[Basis, str], ...] = (("pca", "principal axes"), ("z", "components"))
    for panel, (basis, name) in zip(panels, bases, strict=True):
        table = a.components_of(basis).dropna(subset=["pixels_per_sigma"])
        change, error = table["pixels_per_sigma"], 2 * table["pixels_per_sigma_error"].fillna(0.0)
        shown = np.maximum(change, 1e-2)
        low = np.minimum(error, shown - 0.5e-2)
        size = 3.0 if len(table) > 60 else 4.5
        bars: dict[str, Any] = {
            "fmt": "o",
            "ms": size,
            "lw": 0.8,
            "color": ACCENT,
            "mew": 0,
            "ecolor": ACCENT,
        }
        panel.errorbar(table.index, shown, yerr=[low, error], **bars)
        panel.axhline(VISIBLE, color=SECOND, lw=1.0)
        panel.set(
            xlabel=name.removesuffix("s").replace("axe", "axis"), ylabel="grey levels per sigma", yscale="log"
        )
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        panel.set_title(f"{name}: {int((change > VISIBLE).sum()):,} of {len(table):,} above 1", loc="left")
    return figure


def _count(edge: EdgeSummary) -> str:
    return "no floor of noise" if edge.limit is None else f"{edge.axes:,} stand out"


def _variances(panel: Axes, variance: np.ndarray, edge: EdgeSummary) -> None:
    """One spectrum, what stands out in another colour, and the edge."""
    axis, lowest = np.arange(len(variance)), max(float(variance.max()) * 1e-8, 1e-300)
    size = 3.5 if len(variance) > 60 else 6
    out = variance > edge.limit if edge.limit is not None else np.zeros(len(variance), bool)
    for chosen, colour in ((~out, ACCENT), (out, SECOND)):
        panel.plot(axis[chosen], np.maximum(variance[chosen], lowest), ".", ms=size, color=colour, mew=0)
    if edge.limit is not None:
        panel.axhline(edge.limit, color=INK, lw=0.9, ls="--")
        at_right: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "ha": "right",
            "va": "bottom",
            "fontsize": 8,
        }
        panel.annotate(
            "edge of noise", (0.99, edge.limit), xytext=(0, 2), textcoords="offset points", **at_right
        )
    panel.set(xlabel="principal axis", ylabel="variance", yscale="log")
    panel.set_xlim(-0.03 * len(variance) - 0.5, 1.03 * len(variance) - 0.5)
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
