"""The figure of latent arrays with a shape: what their channels and positions have."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from zpoints.analysis.result import Analysis
from zpoints.errors import UsageError
from zpoints.plots.style import ACCENT, INK, PALE, SECOND, styled

__all__ = ["channels"]

SINGLE = 64  # channels that are drawn with a mark each
WITHIN = 2  # standard errors that the thin bars show


@styled
def channels(a: Analysis) -> Figure:
    """Mean and standard deviation of each channel, and at each position.

    The bars show two standard errors, which take the values of one latent array as dependent. Positions are shown as
    a map where they have two axes, and as a line where they have one.

    Parameters
    ----------
    a : an analysis of latent arrays with a shape, as (n, 4, 32, 32).

    Raises
    ------
    UsageError : the latents are vectors.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3, 4, 4)))
    >>> zp.plots.channels(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    if a.channels is None or a.positions is None:
        raise UsageError(
            "the latents are vectors, which have no channels: there is no figure 'channels' of them"
        )
    axes = a.positions.index.nlevels
    with_positions = axes <= 2 and len(a.positions) > 1
    figure = Figure(figsize=(10.5 if with_positions else 6.0, 4.6), layout="constrained")
    grid = GridSpec(2, 2 if with_positions else 1, figure, width_ratios=[2, 1] if with_positions else None)
    top, below = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    _by_channel(top, a.channels, "mean", ACCENT)
    _by_channel(below, a.channels, "std", SECOND)
    top.set(ylabel="mean")
    below.set(ylabel="standard deviation", xlabel="channel")
    below.set_ylim(bottom=0)
    if with_positions:
        draw = _as_map if axes == 2 else _as_line
        for row, (column, words) in enumerate((("mean", "mean"), ("std", "standard deviation"))):
            draw(figure.add_subplot(grid[row, 1]), a.positions[column], f"{words} at each position")
    return figure


def _by_channel(axes: Axes, table: pd.DataFrame, column: str, colour: str) -> None:
    numbers, values = table.index.to_numpy(), table[column].to_numpy()
    error = WITHIN * table[f"{column}_error"].to_numpy()
    if len(table) <= SINGLE:
        axes.errorbar(
            numbers, values, yerr=error, fmt="o", ms=3.5, color=colour, ecolor=INK, elinewidth=0.8, capsize=2
        )
    else:
        axes.fill_between(numbers, values - error, values + error, color=PALE, lw=0)
        axes.plot(numbers, values, color=colour, lw=0.8)
    axes.axhline(0 if column == "mean" else values.mean(), color=PALE, lw=0.8, zorder=0)
    axes.margins(x=0.5 / max(len(table), 2))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _as_map(axes: Axes, values: pd.Series, title: str) -> None:
    shown = axes.imshow(values.unstack().to_numpy(), cmap="viridis", interpolation="nearest")
    axes.set_title(title, loc="left")
    axes.spines[:].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    bar = axes.get_figure().colorbar(shown, ax=axes, shrink=0.9)  # type: ignore[union-attr]
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4)
    bar.update_ticks()


def _as_line(axes: Axes, values: pd.Series, title: str) -> None:
    axes.plot(np.arange(len(values)), values.to_numpy(), color=ACCENT, lw=1)
    axes.set_title(title, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
