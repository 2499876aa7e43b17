"""Figures: each a function that returns a Matplotlib figure, which a notebook shows and ``savefig`` writes.

The first argument is what a figure shows, as a rule an `Analysis`; ``a.plot.NAME(...)`` is ``zp.plots.NAME(a, ...)``.
Figures are drawn in one style, whatever the user's own is, and leave that alone.
"""

from zpoints.plots.axes import pixels, signal
from zpoints.plots.card import card, history
from zpoints.plots.channels import channels
from zpoints.plots.cloud import ellipsoid, mahalanobis, normality
from zpoints.plots.compared import differences
from zpoints.plots.cuts import contours_after_cut, most_turned_plane, survivors
from zpoints.plots.groups import groups
from zpoints.plots.marginals import components, densities, density_pairs, overview, spectrum
from zpoints.plots.pairs import against, agreement_map, coverage, plane, planes
from zpoints.plots.pictures import picture
from zpoints.plots.style import png, shown_in_notebooks
from zpoints.plots.training import learning_curve

__all__ = [
    "FIGURES",
    "against",
    "agreement_map",
    "card",
    "channels",
    "components",
    "contours_after_cut",
    "coverage",
    "densities",
    "density_pairs",
    "differences",
    "ellipsoid",
    "groups",
    "history",
    "learning_curve",
    "mahalanobis",
    "most_turned_plane",
    "normality",
    "overview",
    "picture",
    "pixels",
    "plane",
    "planes",
    "png",
    "signal",
    "spectrum",
    "survivors",
]

FIGURES: dict[str, tuple[str, ...]] = {
    "Analysis": (
        "overview",
        "densities",
        "density_pairs",
        "components",
        "spectrum",
        "signal",
        "pixels",
        "plane",
        "planes",
        "against",
        "agreement_map",
        "coverage",
        "mahalanobis",
        "normality",
        "survivors",
        "contours_after_cut",
        "ellipsoid",
        "channels",
        "groups",
    ),
    "Distribution": ("spectrum",),
    "Comparison": ("differences",),
}
"""The figures of each class of results, in the order of a report: what ``a.plot`` offers."""

shown_in_notebooks()
