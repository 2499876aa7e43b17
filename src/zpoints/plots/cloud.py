"""Figures of the cloud as a whole: is it normal in all dimensions, and what does its core look like."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from scipy.stats import chi2

from zpoints.analysis.result import Analysis
from zpoints.analysis.summary import NormalitySummary, RadiiSummary
from zpoints.errors import UsageError
from zpoints.plots.shown import vectors_of
from zpoints.plots.style import ACCENT, INK, PALE, POINTS, SECOND, new_figure, styled
from zpoints.vectors.reduce import collect

__all__ = ["ellipsoid", "mahalanobis", "normality"]

SIGMAS = (1.0, 2.0, 3.0)
FAR = 8.0  # a direction so many times farther out than the random ones needs a scale of its own


@styled
def mahalanobis(a: Analysis) -> Figure:
    r"""Quantiles of the squared Mahalanobis distance beside those of normal samples, which keep to the line.

    :math:`D^2 = (z - \mu)^T \Sigma^{-1} (z - \mu)` of all vectors, along all axes in which they vary; of n normal
    vectors it has a beta law, :math:`n D^2 / (n - 1)^2 \sim \mathrm{Beta}(d / 2, (n - d - 1) / 2)`.

    Parameters
    ----------
    a : the analysis.

    References
    ----------
    R. Gnanadesikan, J. Kettenring, Robust estimates, residuals, and outlier detection with multiresponse data (1972),
    https://doi.org/10.2307/2528963

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.mahalanobis(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    figure, (panel,) = new_figure(1, 1, 4.6, 3.8)
    _quantiles(panel, a.summary.normality.radii, a.summary.n)
    return figure


@styled
def normality(a: Analysis) -> Figure:
    """Squared distances beside those of a normal sample, and skewness and kurtosis along directions, in one row.

    Bars: from the least to the largest of the random directions, the thick part one standard deviation around their
    mean; band: two standard errors of a normal sample; crosses: the least normal directions that a search found.

    Parameters
    ----------
    a : the analysis.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.normality(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    figure, (radii, skewness, kurtosis) = new_figure(1, 3, 10.4, 3.3)
    _quantiles(radii, a.summary.normality.radii, a.summary.n)
    for panel, name, title in (
        (skewness, "skewness", "skewness"),
        (kurtosis, "excess_kurtosis", "excess kurtosis"),
    ):
        _directions(panel, a.summary.normality, name)
        panel.set_title(title, loc="left")
    kurtosis.tick_params(labelleft=False)
    return figure


def _quantiles(panel: Axes, radii: RadiiSummary, n: int) -> None:
    normal, measured = (np.array(radii.quantiles[name]) for name in ("normal", "measured"))
    # Below a share of 1 / n and above 1 - 1 / n, n vectors have no quantiles.
    share = chi2.cdf(normal, radii.dimension)
    told = (share >= 1 / n) & (share <= 1 - 1 / n)
    if told.sum() > 2:
        normal, measured = normal[told], measured[told]
    ends = np.array([min(normal.min(), measured.min()), max(normal.max(), measured.max())])
    inner = [normal.min(), normal.max()]
    panel.plot(inner, inner, color=SECOND, lw=1.2, label="normal law")
    panel.plot(normal, measured, "o-", ms=3, lw=0.8, color=ACCENT, label="measured")
    if ends[0] > 0 and ends[1] > 20 * ends[0]:
        panel.set(xscale="log", yscale="log")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if ends[1] < 300 * ends[0] else (1,)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
        if normal.max() < 10 * normal.min():  # too narrow for decades
            panel.xaxis.set_major_locator(MaxNLocator(4))
    else:
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.set(xlabel="normal quantile of $D^2$", ylabel="measured quantile")
    panel.set_title(f"squared distance, {radii.dimension} axes", loc="left")
    panel.legend(loc="upper left", fontsize=8)


def _directions(panel: Axes, normality: NormalitySummary, name: str) -> None:
    random, found = normality.random_directions, normality.least_normal_directions.found
    spread, error = random[name], random[f"{name}_error"]
    if error is not None and np.isfinite(error):
        panel.axvspan(-2 * error, 2 * error, color=SECOND, alpha=0.15, lw=0)
    panel.axvline(0, color=SECOND, lw=1.0)
    panel.plot([spread.least, spread.largest], [1, 1], color=ACCENT, lw=3, alpha=0.35)
    middle = np.array([spread.mean - spread.std, spread.mean + spread.std])
    panel.plot(middle, [1, 1], color=ACCENT, lw=12, alpha=0.6, solid_capstyle="butt")
    panel.plot(spread.median, 1, "|", ms=14, color=INK)
    values = np.array([row[name] for row in found])
    # A little apart in height, so that none hides another.
    panel.plot(values, 0.18 * (np.arange(len(values)) % 3 - 1), "x", ms=6, mew=1.4, color=INK)
    near = max(abs(spread.least), abs(spread.largest), 2 * (error or 0.0))
    if len(values) and np.abs(values).max() > FAR * near:
        panel.set_xscale("symlog", linthresh=near, linscale=0.7)
        farthest = np.floor(np.log10(np.abs(values).max()))
        decades = 10.0 ** np.arange(np.ceil(np.log10(2 * near)), farthest + 1)
        panel.set_xticks([*-decades[::-1], 0.0, *decades])
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.axvline(-near, color=PALE, lw=0.6, ls=":")
        panel.axvline(near, color=PALE, lw=0.6, ls=":")
    if not len(values):
        panel.text(0.5, 0.14, "not searched for", transform=panel.transAxes, ha="center", fontsize=8)
    panel.set(ylim=(-0.6, 1.6), yticks=[0, 1], yticklabels=["least\nnormal", f"{random.count:,}\nrandom"])
    panel.set_xlabel("along directions")


@styled
def ellipsoid(a: Analysis, *, latents: Any = None, points: int = POINTS, seed: int = 0) -> Figure:
    """The three leading principal axes, with a scatter of the vectors and the ellipsoids at 1, 2 and 3 sigma.

    In three dimensions a normal law has 19.9, 73.9 and 97.1 % inside; the legend says how many of the vectors are.

    Parameters
    ----------
    a : the analysis.
    latents : the vectors, where the analysis was loaded without them.
    points, seed : dots to scatter, and what they are chosen at random by; the shares are those of all vectors.

    Raises
    ------
    UsageError : the vectors vary along fewer than three axes, or there are no vectors.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.ellipsoid(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    pca = a.distribution.pca
    if pca.rank < 3:
        raise UsageError(f"{pca.rank} principal axes have variance; this figure needs three")
    table, vectors = a.principal_components, vectors_of(a, latents)
    mean, std = (table.loc[[0, 1, 2], name].to_numpy() for name in ("mean", "std"))
    scores = collect(vectors, lambda block: pca.transform(block, 0, 3))
    shown = scores[np.random.default_rng(seed).permutation(len(scores))[:points]]
    shown = shown[(np.abs(shown - mean) <= 4.5 * std).all(axis=1)]
    figure = Figure(figsize=(7.4, 5.6))
    axes: Any = figure.add_axes((0.0, 0.06, 0.98, 0.94), projection="3d")
    axes.scatter(*shown.T, s=5, color=INK, alpha=0.4, lw=0, depthshade=False)
    around, up = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0, np.pi, 13))
    sphere = np.stack([np.cos(around) * np.sin(up), np.sin(around) * np.sin(up), np.cos(up)])
    for sigma, colour, alpha in zip(SIGMAS, (SECOND, ACCENT, ACCENT), (0.9, 0.5, 0.3), strict=True):
        surface = mean[:, None, None] + sigma * std[:, None, None] * sphere
        axes.plot_wireframe(*surface, color=colour, lw=0.7, alpha=alpha)
    axes.set(xlabel="principal axis 0", ylabel="principal axis 1", zlabel="principal axis 2")
    reach = np.maximum(3.2 * std, 0.6 * std[0])
    axes.set(**{f"{name}lim": (m - r, m + r) for name, m, r in zip("xyz", mean, reach, strict=True)})
    axes.set_box_aspect(tuple(reach), zoom=1.08)
    axes.view_init(elev=22, azim=-55)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_pane_color((1, 1, 1, 0))
        axis._axinfo["grid"].update(color=PALE, linewidth=0.5)
    handles = [
        Line2D([], [], color=colour, lw=1.4, alpha=alpha)
        for colour, alpha in zip((SECOND, ACCENT, ACCENT), (0.9, 0.7, 0.4), strict=True)
    ]
    # What a normal law holds within k sigma in three dimensions: 19.9, 73.9 and 97.1 %.
    inside = [(((scores - mean) / std) ** 2).sum(axis=1) <= sigma * sigma for sigma in SIGMAS]
    normal = (0.1987, 0.7385, 0.9707)
    labels = [
        f"{sigma:g} sigma: {100 * within.mean():.1f} % (normal {100 * exact:.1f} %)"
        for sigma, within, exact in zip(SIGMAS, inside, normal, strict=True)
    ]
    figure.legend(
        handles, labels, loc="lower center", ncols=3, fontsize=8, handlelength=1.2, columnspacing=1.2
    )
    return figure
