"""The table of a study: a row for each cell, with its factors and all its figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from zpoints.study.cell import Outcome
from zpoints.study.figures import with_excess
from zpoints.study.plan import Cell, Plan

__all__ = ["figures_in", "is_timing", "table_of"]

ABOUT = ("cell", "condition", "source", "variant", "seed", "grids", "error")
"""Columns that are no figures, beside the settings that are factors."""


def table_of(plan: Plan, done: Mapping[str, Outcome]) -> pd.DataFrame:
    """A row for each cell, in the plan's order; cells that failed have their `error`, and those not done no figures.

    Columns: cell, condition (the same for all seeds), source, variant, seed, grids (the blocks that it is in), the
    settings that are factors, error, and the figures of `study.figures.row_of`.
    """
    rows = []
    for cell in plan.cells:
        outcome = done.get(cell.name, Outcome(cell.name))
        rows.append(
            {
                "cell": cell.name,
                "condition": cell.condition,
                "source": cell.source,
                "variant": cell.variant,
                "seed": cell.seed,
                "grids": ", ".join(block.name for block in plan.blocks if cell.name in block.cells),
                **{name: setting_of(cell, name) for name in plan.settings},
                "error": outcome.error,
                **with_excess(outcome.row or {}),
            }
        )
    table = pd.DataFrame(rows)
    # A figure that is nowhere defined is a column of numbers all the same.
    for name in table.columns:
        if table[name].isna().all():
            table[name] = table[name].astype(np.float64)
    for name in plan.settings:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].astype(str)
    return table


def setting_of(cell: Cell, name: str) -> Any:
    """The value of one setting; lists as text."""
    value: Any = cell.settings.model_dump()
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else value


def figures_in(table: pd.DataFrame, plan: Plan) -> list[str]:
    """Names of the columns that are figures: numbers that some cell has, and no setting."""
    left = {*ABOUT, *plan.settings}
    return [
        str(name)
        for name in table.columns
        if name not in left
        and pd.api.types.is_numeric_dtype(table[name])
        and not pd.api.types.is_bool_dtype(table[name])
        and table[name].notna().any()
    ]


def is_timing(name: str) -> bool:
    """Whether a column depends on the machine's speed; all others are the same each time."""
    return name.startswith("seconds")
