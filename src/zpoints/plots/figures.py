"""The figures of the report. Each function returns a Matplotlib figure and can be used alone, in a notebook."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from zpoints.plots.components import (
    density_figure,
    explained_variance_figure,
    overview_figure,
    pairs_figure,
)
from zpoints.plots.cuts import most_turned_plane, survivors_figure, trimming_figure
from zpoints.plots.planes import against_figure, coverage_figure, planes_figure, planes_map_figure
from zpoints.plots.shape import ellipsoid_figure, normality_figure
from zpoints.plots.style import ACCENT, PALE, SECOND, new_figure, styled

__all__ = [
    "against_figure",
    "coverage_figure",
    "density_figure",
    "ellipsoid_figure",
    "explained_variance_figure",
    "learning_figure",
    "most_turned_plane",
    "normality_figure",
    "overview_figure",
    "pairs_figure",
    "planes_figure",
    "planes_map_figure",
    "survivors_figure",
    "trimming_figure",
]


@styled
def learning_figure(history: pd.DataFrame) -> Figure:
    """Training and validation loss by epoch, on a logarithmic scale."""
    figure, (axes,) = new_figure(1, 1, 7.2, 3.4)
    axes.plot(history["epoch"], history["train_loss"], "o-", ms=3.5, color=ACCENT, label="training")
    if history["validation_loss"].notna().any():
        axes.plot(
            history["epoch"], history["validation_loss"], "s-", ms=3.5, color=SECOND, label="validation"
        )
    axes.set(xlabel="epoch", ylabel="loss per pixel", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(history["epoch"].min() - 0.5, history["epoch"].max() + 0.5)
    axes.grid(axis="y", color=PALE, lw=0.5)
    axes.legend()
    return figure
