"""How all figures look, and how they are laid out."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["ACCENT", "INK", "PALE", "POINTS", "SECOND", "hide", "new_figure", "styled"]

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


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in our style, whatever the user's own is, and leave the user's alone."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **options: P.kwargs) -> Figure:
        with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
            return draw(*args, **options)

    return wrapped


def new_figure(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches, and its panels, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    return figure, list(panels.ravel())


def hide(panels: Iterable[Axes]) -> None:
    """Leave places without a panel empty."""
    for panel in panels:
        panel.set_visible(False)
