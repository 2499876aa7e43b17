"""Cards of one training: after each epoch one, a table of all, kept on disk as they come."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zpoints.analysis.card import gaussianity
from zpoints.analysis.card_figures import Gaussianity, markdown_table
from zpoints.errors import ArrayError
from zpoints.files.documents import read_table, write_table
from zpoints.files.records import Record

__all__ = ["CardHistory", "beside", "history_table"]

STEP = "step"
OPTIONAL = ("kappa", "kappa_error", "freedom", "intrinsic_dimension", "normal_intrinsic_dimension", "log10_p")
"""Numbers that a card may lack: their columns stay columns of numbers."""


class CardHistory:
    """A card after each epoch or so many steps: call it with the step and the vectors of a fixed set of inputs.

    Steps may be epochs. What a file holds already stays, but for steps that are measured anew, so that a training
    which was interrupted goes on with the same file.

    Parameters
    ----------
    path : a .parquet file, written whole after each card; None keeps the table in memory.
    directions, seed : as for `gaussianity`; 64 directions do for a training loop.
    show : print each card's line.

    Attributes
    ----------
    cards : by step, those of this session. table : of all steps, one row each (`history_table`).

    Raises
    ------
    ArrayError : the file is there and is not such a table; it is left as it is.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> history = zp.CardHistory(show=False)
    >>> for epoch, spread in enumerate((3.0, 2.0, 1.0)):
    ...     card = history(epoch, random.normal(scale=spread, size=(500, 4)))
    >>> history.table["as_it_is.mean"].is_monotonic_decreasing
    True
    """

    def __init__(
        self, path: Path | str | None = None, *, directions: int = 64, seed: int = 0, show: bool = True
    ) -> None:
        self.path = None if path is None else Path(path)
        if self.path is not None and self.path.suffix != ".parquet":
            raise ArrayError(f"{self.path}: a history of cards is a .parquet file; give it that ending")
        self.directions, self.seed, self.show = directions, seed, show
        self.cards: dict[float, Gaussianity] = {}
        self._before = pd.DataFrame()
        if self.path is not None and self.path.exists():
            self._before = read_table(self.path)
            if STEP not in self._before or "whitened.mean" not in self._before:
                raise ArrayError(f"{self.path}: no history of cards; give the name of another file")

    def __call__(self, step: float, z: Any) -> Gaussianity:
        """The card of these vectors: an array, a tensor on whatever device, whatever `gaussianity` takes."""
        if hasattr(z, "detach"):
            z = z.detach().cpu().float().numpy()
        card = gaussianity(z, directions=self.directions, seed=self.seed)
        self.cards[step] = card
        if self.path is not None:
            write_table(self.path, self.table)
        if self.show:
            print(f"{step:g}  {card.line}", file=sys.stderr, flush=True)
        return card

    @property
    def table(self) -> pd.DataFrame:
        """One row per step, by rising step."""
        new = history_table(self.cards)
        if self._before.empty:
            return new
        kept = self._before[~self._before[STEP].isin(list(self.cards))]
        return pd.concat([kept, new], ignore_index=True).sort_values(STEP, ignore_index=True)


def history_table(cards: Mapping[float, Gaussianity] | Sequence[Gaussianity]) -> pd.DataFrame:
    """The figures of some cards, one row each.

    Columns are the names of the card's attributes, joined by points where they are records of their own, as
    ``whitened.mean``; ``worst.log10_p`` and the like are those of the least normal direction; ``kind`` is the law in
    words. What a card does not have is missing.

    Parameters
    ----------
    cards : by step or epoch, or one after the other: step 0, 1, 2, ...

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> card = zp.gaussianity(np.random.default_rng(0).normal(size=(500, 4)))
    >>> history_table({10: card})[["step", "n", "kind"]].iloc[0].to_list()
    [10.0, 500, 'normal within the noise']
    """
    by = dict(cards) if isinstance(cards, Mapping) else dict(enumerate(cards))
    rows = [{STEP: float(step), **_flat(card), "kind": card.kind} for step, card in sorted(by.items())]
    return pd.DataFrame(rows).infer_objects()


def _flat(record: Record, before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.items():
        if name == "worst" and value:
            value = value[0]
        if isinstance(value, Record):
            found |= _flat(value, f"{before}{name}.")
        elif isinstance(value, (int, float, str)) and name != "version":
            found[before + name] = value
        elif value is None and (name in OPTIONAL or before == "spectrum.covariance."):
            found[before + name] = np.nan
    return found


def beside(cards: Mapping[str, Gaussianity]) -> str:
    """Some cards beside each other, as a table in Markdown: a backbone and its projector, epochs 10 and 100.

    They may have other numbers of vectors and components; what one of them lacks is a dash. Epps-Pulley statistics
    are given over those of normal vectors, since these depend on n and d.

    Parameters
    ----------
    cards : by the name at the head of each column.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> random = np.random.default_rng(0)
    >>> wide, narrow = (zp.gaussianity(random.normal(size=(500, d))) for d in (8, 3))
    >>> print(beside({"backbone": wide, "projector": narrow}).splitlines()[2])
    | vectors, components | 500 x 8 | 500 x 3 |
    """
    columns = [_column(card) for card in cards.values()]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = ((name, *(column.get(name, "-") for column in columns)) for name in names)
    return markdown_table(("figure", *cards), rows)


def _column(card: Gaussianity) -> dict[str, str]:
    found = {"vectors, components": f"{card.n:,} x {card.d}"}
    for name, one in (("as it is", card.as_it_is), ("whitened", card.whitened), ("on a sphere", card.sphere)):
        if one is not None:
            over = one.mean / one.normal_mean
            found[f"Epps-Pulley {name}, over that of normal vectors"] = (
                f"{over:.3g} +/- {one.normal_std / one.normal_mean:.2g}"
            )
    if card.worst:
        worst = card.worst[0]
        found["least normal direction"] = f"{worst.words}, log10 p {worst.log10_p:.1f}"
    if card.negentropy is not None:
        j = card.negentropy
        found["negentropy at least, nats"] = f"{j.nats:.3g} +/- {j.error:.2g} ({j.axes} axes, {j.best})"
        found["told from normal draws"] = f"{100 * j.told_apart:.1f} %"
    if card.kappa is not None:
        found["kappa"] = f"{card.kappa:+.3g} +/- {card.kappa_error or 0:.2g}"
    s = card.spectrum
    found["effective rank (RankMe)"] = f"{s.effective_rank:.1f}"
    found["participation ratio"] = f"{s.participation_ratio:.1f}"
    found["axes above the noise"] = "no floor" if s.covariance.noise is None else f"{s.covariance.axes}"
    if card.intrinsic_dimension is not None:
        normal = card.normal_intrinsic_dimension
        of = "" if normal is None else f" (normal {normal:.1f})"
        found["intrinsic dimension (TwoNN)"] = f"{card.intrinsic_dimension:.1f}{of}"
    found["length: mean, spread"] = f"{card.mean_length:.4g}, {100 * card.length_spread:.1f} %"
    found["law"] = card.kind
    return found
