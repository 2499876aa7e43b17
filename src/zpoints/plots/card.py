"""Figures of cards: one beside normal vectors, and a history of them over epochs."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zpoints.analysis.card_figures import EppsPulleyFigures, Gaussianity
from zpoints.analysis.card_history import history_table
from zpoints.plots.style import ACCENT, INK, PALE, SECOND, new_figure, styled

__all__ = ["card", "history"]


@styled
def card(found: Gaussianity) -> Figure:
    """The card as a small picture: Epps-Pulley statistics beside those of normal vectors, and the figures in words.

    Bars: means over random directions, as it is and whitened, on a logarithmic scale. Band: mean of normal vectors
    and four standard errors to either side.

    Parameters
    ----------
    found : what `zpoints.gaussianity` gives.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> zp.plots.card(zp.gaussianity(np.random.default_rng(0).normal(size=(500, 4))))  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    figure, (left, right) = new_figure(1, 2, 9.0, 3.0)
    bars = {"as it is": found.as_it_is, "whitened": found.whitened}
    if found.sphere is not None:
        bars["on the sphere"] = found.sphere
    for place, one in enumerate(bars.values()):
        _bar(left, place, one)
    left.set_yticks(range(len(bars)), list(bars))
    left.invert_yaxis()
    left.set_xscale("log")
    left.set_xlabel(f"Epps-Pulley, mean of {found.as_it_is.directions} directions")
    left.set_title(f"{found.n:,} vectors, {found.d} components", loc="left")
    right.axis("off")
    right.set_title(found.kind, loc="left")
    for line, (name, value, normal) in enumerate(_lines(found)):
        height = 0.95 - line / 8
        right.text(0, height, name, va="top", transform=right.transAxes)
        right.text(0.62, height, value, va="top", transform=right.transAxes)
        right.text(0.9, height, normal, va="top", color="#868e96", transform=right.transAxes)
    return figure


def _bar(axes: Axes, place: int, one: EppsPulleyFigures) -> None:
    low, high = (max(one.normal_mean + sign * 4 * one.normal_std, one.normal_mean / 4) for sign in (-1, 1))
    axes.barh(place, one.mean, height=0.5, left=0, color=ACCENT if one.z < 4 else SECOND)
    axes.plot([one.normal_mean] * 2, [place - 0.38, place + 0.38], color=INK, lw=1.2)
    axes.fill_betweenx([place - 0.38, place + 0.38], low, high, color=PALE, alpha=0.6, lw=0)


def _lines(found: Gaussianity) -> list[tuple[str, str, str]]:
    s = found.spectrum
    lines = [("effective rank", f"{s.effective_rank:.1f}", f"of {s.axes}")]
    if found.negentropy is not None:
        j = found.negentropy
        lines.append(("negentropy at least", f"{max(j.nats, 0.0):.3g} nats", "0"))
        lines.append(("told from normal draws", f"{100 * j.told_apart:.0f} %", "50 %"))
    if found.kappa is not None:
        lines.append(("kappa", f"{found.kappa:+.3g}", "0"))
    if found.worst:
        lines.append(("least normal: excess kurtosis", f"{found.worst[0].excess_kurtosis:+.2f}", "0"))
    if found.intrinsic_dimension is not None:
        normal = found.normal_intrinsic_dimension
        lines.append(
            ("intrinsic dimension", f"{found.intrinsic_dimension:.1f}", f"{normal:.1f}" if normal else "")
        )
    lines.append(("length, spread", f"{found.mean_length:.3g}", f"{100 * found.length_spread:.0f} %"))
    return lines


@styled
def history(cards: Mapping[float, Gaussianity] | Sequence[Gaussianity] | pd.DataFrame) -> Figure:
    """Cards over epochs: both Epps-Pulley statistics beside those of normal vectors, and the effective rank.

    Parameters
    ----------
    cards : by epoch or step, or one after the other; or the table of a `zpoints.CardHistory`.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> cards = [zp.gaussianity(random.normal(size=(300, 4)) * s) for s in (3.0, 2.0, 1.0)]
    >>> zp.plots.history(cards)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    table = cards if isinstance(cards, pd.DataFrame) else history_table(cards)
    steps, d = table["step"], int(table["dimension"].max())
    figure, (left, right) = new_figure(1, 2, 9.0, 3.2)
    for name, colour in (("as_it_is", SECOND), ("whitened", ACCENT)):
        words = name.replace("_", " ")
        left.plot(steps, table[f"{name}.mean"], color=colour, marker="o", ms=3, label=words)
        normal = table[f"{name}.normal_mean"]
        left.plot(steps, normal, color=colour, ls=":", lw=1, label=f"normal vectors, {words}")
    left.set_yscale("log")
    left.set_title("Epps-Pulley, mean of random directions", loc="left")
    left.legend(fontsize=8)
    right.plot(steps, table["spectrum.effective_rank"], color=INK, marker="o", ms=3)
    right.axhline(d, color=PALE, lw=1)
    right.set_ylim(0, 1.1 * d)
    right.set_title(f"effective rank of {d} components", loc="left")
    for panel in (left, right):
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
