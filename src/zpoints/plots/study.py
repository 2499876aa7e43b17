"""Figures of a study: means with errors by the levels of a factor, and one figure against another."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from zpoints.plots.style import ACCENT, PALE, hide, new_figure, styled

__all__ = ["against", "by_level"]

COLUMNS = 3
WIDE = 8.0
"""Largest over smallest level, from which on the levels are drawn on a logarithmic scale."""
RANGE = 20.0
"""Likewise of the figures' values."""
LABEL = 36  # letters in a line of an axis's words
Curves = Mapping[str, Mapping[str, tuple[float, float]]]
"""(mean, standard error) by curve and level."""


@styled
def by_level(panels: Mapping[str, Curves], factor: str, levels: Sequence[str]) -> Figure:
    """A panel for each figure: its mean at each level of a factor, with standard errors, a curve for each source.

    Parameters
    ----------
    panels : by the words of a figure. factor : its words. levels : numbers make an axis, other words a line
        each, in this order.

    Examples
    --------
    >>> by_level({"kappa": {"faces": {"16": (0.4, 0.02), "64": (0.6, 0.03)}}}, "latent", ["16", "64"])
    ... # doctest: +ELLIPSIS
    <Figure size ...>
    """
    numeric = all(_is_number(level) for level in levels) and len(levels) > 1
    levels = sorted(levels, key=float) if numeric else levels
    rows = -(-len(panels) // COLUMNS)
    columns = min(COLUMNS, len(panels))
    height = 2.6 if numeric else 0.9 + 0.26 * len(levels)
    figure, axes = new_figure(rows, columns, 3.6 * columns, height * rows)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = _colours(names)
    for panel, (title, curves) in zip(axes, panels.items(), strict=False):
        for place, (name, curve) in enumerate(curves.items()):
            shift = (place - (len(curves) - 1) / 2) * 0.5 / max(1, len(curves))
            _curve(panel, curve, levels, numeric, colours[name], name, shift)
        panel.set_title(fill(title, 44), loc="left", fontsize=8.5)
        means = [mean for curve in curves.values() for mean, _ in curve.values()]
        _scale(panel, "y" if numeric else "x", means)
        if numeric:
            _number_axis(panel, [float(level) for level in levels], factor)
        else:
            panel.set_yticks(range(len(levels)), levels)
            panel.set_ylim(len(levels) - 0.5, -0.5)
            panel.grid(axis="x", color=PALE, lw=0.5)
    hide(axes[len(panels) :])
    if len(names) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(names)), fontsize=8)
    return figure


def _curve(
    panel: Axes,
    curve: Mapping[str, tuple[float, float]],
    levels: Sequence[str],
    numeric: bool,
    colour: str,
    name: str,
    shift: float,
) -> None:
    known = [level for level in levels if level in curve]
    means = np.array([curve[level][0] for level in known])
    errors = np.nan_to_num(np.array([curve[level][1] for level in known]))
    if numeric:
        x = [float(level) for level in known]
        panel.errorbar(x, means, errors, fmt="o-", ms=3.5, lw=1.1, capsize=2, color=colour, label=name)
    else:
        y = [levels.index(level) + shift for level in known]
        panel.errorbar(means, y, xerr=errors, fmt="o", ms=4, capsize=2, color=colour, label=name)


def _scale(panel: Axes, axis: str, values: Sequence[float]) -> None:
    """A logarithmic axis where values of several sizes are to be seen."""
    if len(values) and min(values) > 0 and max(values) / min(values) >= RANGE:
        getattr(panel, f"set_{axis}scale")("log")
        getattr(panel, f"{axis}axis").set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        getattr(panel, f"{axis}axis").set_minor_formatter(NullFormatter())


def _number_axis(panel: Axes, numbers: list[float], factor: str) -> None:
    if min(numbers) > 0 and max(numbers) / min(numbers) >= WIDE:
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticks(numbers, [f"{number:g}" for number in numbers])
    panel.set_xlabel(factor)
    panel.grid(axis="y", color=PALE, lw=0.5)


@styled
def against(means: pd.DataFrame, pairs: Sequence[tuple[str, str]], words: Mapping[str, str]) -> Figure:
    """A panel for each pair of figures: a point for each condition, with standard errors, coloured by source.

    Parameters
    ----------
    means : a row for each condition: ``source``, the figures, and their errors in columns ``NAME error``.
    pairs : names of the figures across and up. words : of each name.

    Examples
    --------
    >>> means = pd.DataFrame({"source": ["a", "b"], "x": [1.0, 2.0], "x error": 0.1, "y": [1.0, 3.0], "y error": 0.2})
    >>> against(means, [("x", "y")], {"x": "kappa", "y": "ratio"})  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    columns = min(COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    figure, axes = new_figure(rows, columns, 3.6 * columns, 3.0 * rows)
    names = list(dict.fromkeys(means["source"]))
    colours = _colours(names)
    for panel, (x, y) in zip(axes, pairs, strict=False):
        for name in names:
            part = means.loc[means["source"] == name]
            errors = [part[f"{one} error"].fillna(0.0) for one in (x, y)]
            panel.errorbar(
                part[x], part[y], xerr=errors[0], yerr=errors[1], fmt="o", ms=4, lw=0.7, color=colours[name],
                label=name,
            )  # fmt: skip
        panel.set_xlabel(fill(words[x], LABEL), fontsize=8)
        panel.set_ylabel(fill(words[y], LABEL), fontsize=8)
        for axis, name in (("x", x), ("y", y)):
            _scale(panel, axis, means[name].dropna().tolist())
        panel.grid(color=PALE, lw=0.4)
    hide(axes[len(pairs) :])
    if len(names) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(names)), fontsize=8)
    return figure


def _colours(names: Sequence[str]) -> dict[str, str]:
    if len(names) == 1:
        return {names[0]: ACCENT}
    from matplotlib.colors import to_hex

    table = colormaps["tab10" if len(names) <= 10 else "tab20"]
    return {name: to_hex(table(place % table.N)) for place, name in enumerate(names)}


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
