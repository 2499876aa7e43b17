"""Small pictures of results, for the HTML of a notebook."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zpoints.analysis.distribution import Distribution
from zpoints.analysis.result import Analysis
from zpoints.comparison.result import Comparison
from zpoints.images.sheets import contact_sheet, interleaved
from zpoints.models.pca import PCACodec
from zpoints.plots.compared import draw_differences
from zpoints.plots.marginals import draw_overview, draw_spectrum
from zpoints.plots.style import ACCENT, SECOND, new_figure, png, styled
from zpoints.statistics.pca import PCA

__all__ = ["picture"]

DPI = 90
AXES, DEVIATIONS = 8, 2.0  # leading axes of a linear codec, and how far along each
WIDTH = 560  # pixels of their sheet


def picture(result: object) -> bytes | None:
    """A small PNG (below 60 kB) of an analysis, a distribution, a comparison or a linear codec; else None.

    Nothing is read for it: it shows what was measured.

    Parameters
    ----------
    result : what a notebook shows.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.picture(a)[1:4]
    b'PNG'
    """
    if isinstance(result, Analysis):
        return png(_analysis(result), DPI)
    if isinstance(result, Distribution):
        return png(_distribution(result), DPI)
    if isinstance(result, Comparison):
        return png(_comparison(result), DPI)
    if isinstance(result, PCACodec) and "variances" in result.details:
        return _axes(result)
    return None


def _axes(codec: PCACodec) -> bytes:
    """Two standard deviations to both sides of the mean picture along the leading axes, one a column."""
    std = np.sqrt(codec.details["variances"][:AXES])
    z = DEVIATIONS * np.eye(len(std), codec.dimension) * std[:, None]
    sheet = contact_sheet(interleaved(codec.decode(z), codec.decode(-z), len(std)), len(std))
    sheet = sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


@styled
def _analysis(a: Analysis) -> Figure:
    figure, (left, middle, right) = new_figure(1, 3, 9.0, 2.4)
    draw_overview(left, a, "z", 120, standardised=True)
    left.set_title("number densities", loc="left")
    draw_spectrum(middle, a.distribution.pca.explained_variance_ratio[: a.distribution.pca.rank])
    middle.set_title("variance", loc="left")
    _leading_plane(right, a.distribution)
    return figure


@styled
def _distribution(distribution: Distribution) -> Figure:
    figure, (left, right) = new_figure(1, 2, 6.6, 2.4)
    draw_spectrum(left, distribution.pca.explained_variance_ratio[: distribution.pca.rank])
    _leading_plane(right, distribution)
    return figure


def _leading_plane(panel: Axes, distribution: Distribution) -> None:
    """Ellipses of the two leading axes at 1, 2 and 3 sigma, and of the core; the origin, where it is near."""
    pca, axes = distribution.pca, distribution.pca.axes[:2] / distribution.pca.scale
    if pca.rank < 2:
        panel.set_visible(False)
        return
    t = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(t), np.sin(t)])
    clouds = [(distribution.mean, distribution.covariance, ACCENT, "all vectors")]
    if distribution.core is not None:
        clouds.append((distribution.core.mean, distribution.core.covariance, SECOND, "core"))
    for mean, covariance, colour, label in clouds:
        projected = axes @ covariance @ axes.T
        root = np.linalg.cholesky(projected + 1e-12 * np.trace(projected) * np.eye(2))
        for sigma in (1, 2, 3):
            x, y = (axes @ (mean - pca.mean))[:, None] + sigma * root @ circle
            panel.plot(x, y, color=colour, lw=1.1, label=label if sigma == 1 else None)
    _mark_origin(panel, pca)
    panel.set(xlabel="principal axis 0", ylabel="principal axis 1")
    panel.set_title("1, 2, 3 sigma", loc="left")
    panel.legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1, 1), handlelength=1.2)


def _mark_origin(panel: Axes, pca: PCA) -> None:
    x, y = (-pca.mean / pca.scale) @ pca.axes[:2].T
    (low, high), (bottom, top) = panel.get_xlim(), panel.get_ylim()
    if low <= x <= high and bottom <= y <= top:
        panel.plot(x, y, "+", ms=8, mew=1.5, color="black", label="origin")


@styled
def _comparison(c: Comparison) -> Figure:
    figure, panels = new_figure(1, 2, 6.4, 2.3)
    for panel, kind in zip(panels, ("mean", "spread"), strict=True):
        draw_differences(panel, c, kind)
        panel.set_title(f"{kind}: difference, standard errors", loc="left", fontsize=9)
        panel.set_xlabel("component")
    return figure
