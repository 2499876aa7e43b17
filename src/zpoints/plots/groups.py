"""Figures of groups: how far their centres lie apart, and how normal each is."""

import numpy as np
from matplotlib.figure import Figure

from zpoints.analysis.result import Analysis
from zpoints.errors import UsageError
from zpoints.plots.style import ACCENT, INK, SECOND, new_figure, styled

__all__ = ["groups"]

WRITTEN = 10  # groups up to which the squares hold their numbers


@styled
def groups(a: Analysis) -> Figure:
    """Left: distances of the groups' centres, in standard deviations. Right: variance of each vector's squared scale.

    Right: 0 for a normal group; bars are two standard errors of a normal sample, the line is all vectors together.

    Parameters
    ----------
    a : the analysis, made with labels.

    Raises
    ------
    UsageError : it has no groups.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)), by=np.arange(500) % 3)
    >>> zp.plots.groups(a)  # doctest: +ELLIPSIS
    <Figure size ...>
    """
    if a.groups is None or a.group_pairs is None:
        raise UsageError("this analysis was made without labels: give some, analyse(..., by=...)")
    names = [str(name) for name in a.groups.index]
    count = len(names)
    square = np.full((count, count), np.nan)
    place = {name: k for k, name in enumerate(a.groups.index)}
    for (first, second), distance in a.group_pairs["distance"].items():
        i, j = place[first], place[second]
        square[i, j] = square[j, i] = distance
    figure, (left, right) = new_figure(1, 2, 9.2, max(2.6, 1.4 + 0.26 * count))
    shown = left.imshow(square, cmap="viridis", vmin=0)
    figure.colorbar(shown, ax=left, pad=0.02, aspect=25).set_label("standard deviations")
    if count <= WRITTEN:
        for i, j in np.argwhere(np.isfinite(square)):
            dark = square[i, j] < 0.6 * np.nanmax(square)
            left.text(
                j, i, f"{square[i, j]:.2f}", ha="center", va="center", fontsize=8, color="w" if dark else INK
            )
    short = [name if len(name) <= 14 else f"{name[:13]}…" for name in names]
    turned = count > 4 or max(map(len, short)) > 8
    left.set_xticks(range(count), short, rotation=45 if turned else 0, ha="right" if turned else "center")
    left.set_yticks(range(count), short)
    left.set_title("distance of centres", loc="left")
    for side in ("top", "right"):
        left.spines[side].set_visible(True)
    table = a.groups
    right.errorbar(
        table["scale_variance"],
        range(count),
        xerr=2 * table["scale_variance_error"],
        fmt="o",
        ms=5,
        color=ACCENT,
    )
    right.axvline(0, color=INK, lw=0.8, ls=":")
    if (whole := a.summary.normality.radii.scale_variance) is not None:
        right.axvline(whole, color=SECOND, lw=1.2, label="all together")
        right.legend(fontsize=8)
    right.set_yticks(range(count), [f"{name} ({n:,})" for name, n in zip(short, table["count"], strict=True)])
    right.set(ylim=(count - 0.4, -0.6), xlabel="variance of each vector's squared scale")
    right.set_title("within groups", loc="left")
    return figure
