"""The figure of a training."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from zpoints.plots.style import ACCENT, PALE, SECOND, new_figure, styled

__all__ = ["learning_curve"]


@styled
def learning_curve(history: pd.DataFrame | str | Path) -> Figure:
    """Training and validation loss by epoch, on a logarithmic scale.

    Parameters
    ----------
    history : a table with columns epoch, train_loss and validation_loss (NaN where nothing was held out), or the path
        of one: ``runs/NAME/model/history.csv``. Losses are means per pixel value in 0..1.

    Examples
    --------
    >>> import pandas as pd, zpoints as zp
    >>> zp.plots.learning_curve(pd.DataFrame(
    ...     {"epoch": [1, 2], "train_loss": [0.02, 0.01], "validation_loss": [0.021, 0.013]}
    ... ))  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    table = history if isinstance(history, pd.DataFrame) else pd.read_csv(history)
    figure, (axes,) = new_figure(1, 1, 7.2, 3.4)
    axes.plot(table["epoch"], table["train_loss"], "o-", ms=3.5, color=ACCENT, label="training")
    if table["validation_loss"].notna().any():
        axes.plot(table["epoch"], table["validation_loss"], "s-", ms=3.5, color=SECOND, label="validation")
    axes.set(xlabel="epoch", ylabel="loss per pixel", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(table["epoch"].min() - 0.5, table["epoch"].max() + 0.5)
    axes.grid(axis="y", color=PALE, lw=0.5)
    axes.legend()
    return figure
