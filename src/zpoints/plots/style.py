"""How all figures look, and how they are laid out."""

import functools
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = [
    "ACCENT",
    "INK",
    "PALE",
    "POINTS",
    "SECOND",
    "hide",
    "new_figure",
    "png",
    "shown_in_notebooks",
    "styled",
]

INK, ACCENT, SECOND, PALE = "#1f2933", "#0b7285", "#d9480f", "#ced4da"
NOTEBOOK_DPI = 110
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


def png(figure: Figure, dpi: float = 150) -> bytes:
    """The figure as a PNG of at most 256 colours, which are enough for a figure, at a third of the size.

    Parameters
    ----------
    figure : as any function of `zpoints.plots` gives it. dpi : dots per inch.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> zp.plots.png(a.plot.spectrum())[1:4]
    b'PNG'
    """
    small, before = io.BytesIO(), figure.dpi
    # ``savefig`` would draw twice, and write a large PNG only to have it read again.
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(dpi)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    figure.set_dpi(before)
    drawn.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def shown_in_notebooks() -> None:
    """Tell a notebook how it shows a figure; without this it does so only where the user has imported pyplot."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["image/png"]
    try:
        formatter.lookup_by_type(Figure)
    except KeyError:
        formatter.for_type(Figure, functools.partial(png, dpi=NOTEBOOK_DPI))
