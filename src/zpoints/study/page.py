"""The page of a study: one HTML file with everything inside it."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from zpoints.files.atomic import atomic_path
from zpoints.plots.study import against, by_level
from zpoints.plots.style import png
from zpoints.study.comparisons import (
    Effect,
    comparisons,
    condition_means,
    curves,
    effects,
    predictions,
)
from zpoints.study.figures import GENERATION, OF_CARD, is_about, words_of
from zpoints.study.plan import Block, Plan
from zpoints.study.sentences import differences_seen, no_differences, number, predictions_seen, with_error
from zpoints.study.table import figures_in

__all__ = ["write_page"]

SHOWN_PAIRS = 6
"""Panels of figures against generation."""


def write_page(plan: Plan, table: pd.DataFrame, failed: Mapping[str, str], path: Path) -> None:
    """Write the page of a table, finished or not."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("zpoints.study"), PackageLoader("zpoints.report")]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    page = environment.get_template("study.html").render(_content(plan, table, failed))
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _content(plan: Plan, table: pd.DataFrame, failed: Mapping[str, str]) -> dict[str, Any]:
    known = figures_in(table, plan)
    chosen = [name for name in plan.figures if name in known]
    compared = comparisons(plan, table, chosen)
    predicted = predictions(table, OF_CARD, GENERATION)
    every, undone = effects(plan, table, known), _undone(table, known)
    return {
        "name": plan.name,
        "cells": len(plan.cells),
        "finished": int((table["error"] == "").sum() - undone),
        "undone": undone,
        "sources": [source for source in dict.fromkeys(cell.source for cell in plan.cells) if source],
        "seeds": len({cell.seed for cell in plan.cells}),
        "seconds": float(table["seconds.all"].sum()) if "seconds.all" in table else 0.0,
        "failed": dict(failed),
        "absent": [name for name in plan.figures if name not in known],
        "differences": differences_seen(compared),
        "none": no_differences(compared),
        "comparisons": sum(c.p == c.p for c in compared),  # NaN is a comparison without an error
        "unrepeated": sum(c.p != c.p for c in compared),
        "predictions": predictions_seen(predicted),
        "scatter": _scatter(table, [(p.figure, p.of) for p in predicted]),
        "blocks": [_block(plan, table, block, chosen, every) for block in plan.blocks],
        "rows": _rows(plan, table),
    }


def _undone(table: pd.DataFrame, known: Sequence[str]) -> int:
    """Cells that have neither figures nor an error."""
    there = table[[*known]].notna().any(axis=1) if known else pd.Series(False, index=table.index)
    return int((~there & (table["error"] == "")).sum())


def _block(
    plan: Plan, table: pd.DataFrame, block: Block, chosen: Sequence[str], every: Sequence[Effect]
) -> dict[str, Any]:
    name, factors = block.name, []
    for factor in (factor for factor in block.factors if factor != "seed"):
        found = [effect for effect in every if (effect.block, effect.factor) == (name, factor)]
        shown = [figure for figure in chosen if figure in [effect.figure for effect in found]]
        if not found:
            continue
        panels = {
            words_of(figure): {
                line: {level: (value.mean, value.error) for level, value in curve.items()}
                for line, curve in curves(plan, table, name, factor, figure).items()
            }
            for figure in shown
        }
        factors.append(
            {
                "name": factor,
                "levels": block.factors[factor],
                "others": [other for other in block.factors if other not in (factor, "seed")],
                "figure": _embed(by_level(panels, factor, block.factors[factor])) if panels else None,
                "rows": [
                    _effect(effect, block.factors[factor]) for effect in found if effect.figure in shown
                ],
                "more": [
                    _effect(effect, block.factors[factor])
                    for effect in found
                    if effect.figure not in shown and not is_about(effect.figure)
                ],
            }
        )
    return {"name": name, "cells": len(block.cells), "factors": factors}


def _effect(effect: Effect, levels: Sequence[str]) -> list[str]:
    cells = [
        with_error(effect.levels[level].mean, effect.levels[level].error) if level in effect.levels else ""
        for level in levels
    ]
    return [words_of(effect.figure), *cells]


def _scatter(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> str | None:
    if not pairs:
        return None
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    means = condition_means(table, names)
    return _embed(against(means, pairs[:SHOWN_PAIRS], {name: words_of(name) for name in names}))


def _rows(plan: Plan, table: pd.DataFrame) -> dict[str, Any]:
    """A line for each cell: its factors, what kind of law it has, and the figures that are drawn."""
    factors = [name for name in ("source", "variant") if table[name].astype(bool).any()]
    texts = [name for name in ("analysis.kind", "judge.best") if name in table.columns]
    figures = [name for name in plan.figures if name in table.columns]
    names = [*factors, *plan.settings, "seed", *texts, *figures]
    heads = [words_of(name) if name in figures else name.rpartition(".")[2] for name in names]
    return {
        "heads": heads,
        "lines": [[_cell(row[name]) for name in names] for row in table.to_dict("records")],
    }


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else number(value)
    return "" if value is None else str(value)


def _embed(figure: Figure) -> str:
    return "data:image/png;base64," + base64.b64encode(png(figure, dpi=120)).decode("ascii")
