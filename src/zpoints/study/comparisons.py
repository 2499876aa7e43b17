"""Each figure against each factor: means with errors from the seeds, differences, and what may be said of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from zpoints.statistics.replicates import (
    Difference,
    Level,
    RankAgreement,
    difference,
    holm,
    mean_over,
    rank_agreement,
)
from zpoints.study.plan import Block, Plan

__all__ = [
    "Comparison",
    "Effect",
    "Prediction",
    "comparisons",
    "condition_means",
    "curves",
    "effects",
    "predictions",
]

FEWEST_POINTS = 5
UNPAIRED = ("source", "images.")
"""Factors that change the pictures: seeds then share nothing."""


@dataclass(frozen=True)
class Effect:
    """One figure by the levels of one factor of a block, all else of the block equal."""

    block: str
    factor: str
    figure: str
    levels: dict[str, Level]


@dataclass(frozen=True)
class Comparison:
    """A level beside the first one of its factor.

    Attributes
    ----------
    first, second : levels. found : second less first. p : corrected by Holm's method for all comparisons of the page.
    seeds : fewest repeats of a condition.
    """

    block: str
    factor: str
    figure: str
    first: str
    second: str
    found: Difference
    p: float
    seeds: int


@dataclass(frozen=True)
class Prediction:
    """How far the order of the cells by one figure is that by another one.

    Attributes
    ----------
    over_all : every two conditions are compared. within : only those of the same source; None where no source has
        two.
    """

    figure: str
    of: str
    over_all: RankAgreement
    within: RankAgreement | None


def effects(plan: Plan, table: pd.DataFrame, figures: Sequence[str]) -> list[Effect]:
    """Means of figures at each level of each factor, over the block's other factors, with errors from the seeds."""
    found = []
    for block, factor, rows in _factors(plan, table):
        others = [name for name in block.factors if name not in (factor, "seed")]
        for figure in figures:
            by_level = {
                level: _repeats(rows.loc[rows[f"by {factor}"] == level], others, figure)
                for level in block.factors[factor]
            }
            levels = _common(by_level)
            if len(levels) > 1:
                found.append(Effect(block.name, factor, figure, levels))
    return found


def _common(by_level: dict[str, dict[tuple[str, ...], np.ndarray]]) -> dict[str, Level]:
    """Means over the conditions that all levels have: others would make levels differ that do not."""
    known = {level: found for level, found in by_level.items() if found}
    shared = set.intersection(*map(set, known.values())) if known else set()
    return {
        level: mean_over([values for condition, values in found.items() if condition in shared or not shared])
        for level, found in known.items()
    }


def comparisons(plan: Plan, table: pd.DataFrame, figures: Sequence[str]) -> list[Comparison]:
    """Each level beside the first one of its factor; p values are corrected for the number of all of these."""
    raw: list[Comparison] = []
    for block, factor, rows in _factors(plan, table):
        first, *rest = block.factors[factor]
        for figure in figures:
            raw += [
                c for level in rest if (c := _compared(block, factor, rows, figure, first, level)) is not None
            ]
    corrected = holm(np.array([c.found.p for c in raw], np.float64))
    return [
        Comparison(c.block, c.factor, c.figure, c.first, c.second, c.found, float(p), c.seeds)
        for c, p in zip(raw, corrected, strict=True)
    ]


def _compared(
    block: Block, factor: str, rows: pd.DataFrame, figure: str, first: str, second: str
) -> Comparison | None:
    others = [name for name in block.factors if name not in (factor, "seed")]
    paired = not factor.startswith(UNPAIRED)
    sides = [_by_seed(rows.loc[rows[f"by {factor}"] == level], others, figure) for level in (first, second)]
    pairs = []
    for condition in sides[0].keys() & sides[1].keys():
        a, b = sides[0][condition], sides[1][condition]
        if paired:
            shared = a.index.intersection(b.index)
            a, b = a[shared], b[shared]
        if len(a) > 1 and len(b) > 1:
            pairs.append((a.to_numpy(np.float64), b.to_numpy(np.float64)))
    if not pairs:
        return None
    found = difference(pairs, paired)
    seeds = min(min(len(a), len(b)) for a, b in pairs)
    return Comparison(block.name, factor, figure, first, second, found, np.nan, seeds)


def _factors(plan: Plan, table: pd.DataFrame) -> Iterator[tuple[Block, str, pd.DataFrame]]:
    """Each factor of each block but the seed, with the block's rows and their levels in columns ``by FACTOR``."""
    for block in plan.blocks:
        rows = table.loc[table["cell"].isin(list(block.cells))].copy()
        for factor in block.factors:
            rows[f"by {factor}"] = [block.cells[cell][factor] for cell in rows["cell"]]
        for factor in block.factors:
            if factor != "seed":
                yield block, factor, rows


def _by_seed(rows: pd.DataFrame, others: Sequence[str], figure: str) -> dict[tuple[str, ...], pd.Series]:
    """Values by seed, of each condition: a level of each of the other factors."""
    found: dict[tuple[str, ...], pd.Series] = {}
    known = rows.loc[rows[figure].notna()]
    if not others:
        return {(): known.set_index("seed")[figure].sort_index()} if len(known) else {}
    for condition, part in known.groupby([f"by {name}" for name in others], sort=True):
        found[tuple(condition)] = part.set_index("seed")[figure].sort_index()
    return found


def _repeats(rows: pd.DataFrame, others: Sequence[str], figure: str) -> dict[tuple[str, ...], np.ndarray]:
    return {
        condition: values.to_numpy(np.float64) for condition, values in _by_seed(rows, others, figure).items()
    }


def curves(
    plan: Plan, table: pd.DataFrame, block_name: str, factor: str, figure: str
) -> dict[str, dict[str, Level]]:
    """Means by level of a factor, a curve for each source where the block has several, else one without a name."""
    block, _, rows = next(
        found for found in _factors(plan, table) if (found[0].name, found[1]) == (block_name, factor)
    )
    several = "source" in block.factors and factor != "source"
    lines = block.factors["source"] if several else ("",)
    others = [
        name for name in block.factors if name not in (factor, "seed", *(["source"] if several else []))
    ]
    found: dict[str, dict[str, Level]] = {}
    for line in lines:
        part = rows.loc[rows["by source"] == line] if several else rows
        levels = _common(
            {
                level: _repeats(part.loc[part[f"by {factor}"] == level], others, figure)
                for level in block.factors[factor]
            }
        )
        if levels:
            found[line] = levels
    return found


def condition_means(table: pd.DataFrame, figures: Sequence[str]) -> pd.DataFrame:
    """A row for each condition: its source, and each figure's mean over the seeds and its standard error."""
    groups = table.groupby("condition", sort=False)
    means = groups[[*figures]].mean()
    errors = groups[[*figures]].sem().add_suffix(" error")
    return pd.concat([groups["source"].first(), means, errors], axis=1)


def predictions(table: pd.DataFrame, figures: Sequence[str], of: Sequence[str]) -> list[Prediction]:
    """Rank correlations over conditions: seeds are averaged first, since they are no cells of their own."""
    known = [name for name in (*figures, *of) if name in table.columns]
    means = condition_means(table, known)
    found = []
    for target in (name for name in of if name in known):
        for figure in (name for name in figures if name in known):
            points = means.loc[means[figure].notna() & means[target].notna()]
            if len(points) < FEWEST_POINTS:
                continue
            x, y = (points[name].to_numpy(np.float64) for name in (figure, target))
            groups = pd.factorize(points["source"])[0]
            several = points["source"].nunique() > 1 and points["source"].duplicated().any()
            within = rank_agreement(x, y, groups) if several else None
            found.append(Prediction(figure, target, rank_agreement(x, y), within))
    return found
