"""The figure of a comparison."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zpoints.comparison.components import KINDS
from zpoints.comparison.result import Comparison
from zpoints.plots.style import ACCENT, INK, SECOND, new_figure, styled

__all__ = ["differences"]

NAMED = 3


@styled
def differences(c: Comparison) -> Figure:
    """How far every component's mean, spread, skewness and tails differ between two clouds, in standard errors.

    Band: differences that may be chance, as many components as there are. The clearest ones beyond it are named.

    Parameters
    ----------
    c : the comparison.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> c = zp.compare(random.normal(size=(400, 3)), random.normal(size=(400, 3)))
    >>> zp.plots.differences(c)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    figure, panels = new_figure(1, len(KINDS), 10.4, 2.8)
    for panel, kind in zip(panels, KINDS, strict=True):
        draw_differences(panel, c, kind)
        panel.set_title(kind, loc="left")
        panel.set_xlabel("component")
    panels[0].set_ylabel("difference, standard errors")
    return figure


def draw_differences(panel: Axes, c: Comparison, kind: str) -> None:
    """One kind of difference of all components; logarithmic beyond the band where one is far off."""
    table = c.components.set_index("component").sort_index()
    z, limit = table[f"z_{kind}"], c.summary.components.limit
    panel.axhspan(-limit, limit, color=SECOND, alpha=0.15, lw=0)
    panel.axhline(0, color=SECOND, lw=1.0)
    panel.plot(z.index, z, ".", ms=4 if len(z) > 40 else 7, color=ACCENT, alpha=0.8, mew=0)
    largest = float(np.abs(z).max())
    if largest > 8 * limit:
        panel.set_yscale("symlog", linthresh=limit)
    else:
        panel.set_ylim(-1.15 * max(largest, limit), 1.15 * max(largest, limit))
    off = z.abs()
    for number in off[off > limit].nlargest(NAMED).index:
        panel.annotate(
            str(number),
            (number, z[number]),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=7.5,
            color=INK,
        )
    panel.set_xlim(-0.03 * len(z) - 0.5, 1.03 * len(z) - 0.5)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
