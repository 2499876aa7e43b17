"""The statistics that every plane gets: those of zpoints, and those of packages that are installed beside it.

A package adds one by an entry point, and it is a column of the table of planes from then on::

    [project.entry-points."zpoints.plane_statistics"]
    quadrants = "my_package.quadrants:QUADRANTS"

where QUADRANTS is a `Statistic` of the same name. Its noise comes from the same simulated planes as all others'.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from zpoints.errors import UsageError, reason
from zpoints.statistics.measures import MASS_NAMES, STATISTICS
from zpoints.statistics.statistic import PlaneMeasures, Statistic, Values
from zpoints.system.registry import Registry

__all__ = ["PLANE_STATISTICS", "plane_statistics"]

PLANE_STATISTICS: Registry[Statistic] = Registry(
    "plane statistic",
    "zpoints.plane_statistics",
    {statistic.name: statistic for statistic in STATISTICS},
)
"""All statistics of planes by name; `PLANE_STATISTICS.add` adds one for this process, in a notebook or a script."""

TAKEN = {
    *("basis", "i", "j", "r", "rank_correlation", "angle", "half_axis_major", "half_axis_minor"),
    *(f"{what}_{mass}" for what in ("turn", "turn_error", "axis_ratio") for mass in MASS_NAMES),
    *("deviation", "rank"),
}
"""Other columns of the table."""


def plane_statistics() -> tuple[Statistic, ...]:
    """All statistics, in the order of the table's columns: the built-in ones first.

    Those of others are watched: what they raise, and results that are not one number per plane, become one line that
    says whose they are.

    Raises
    ------
    UsageError : a member is not a `Statistic`, has another name than it is registered by, or the name of a column.
    """
    return tuple(
        PLANE_STATISTICS[name] if name in PLANE_STATISTICS.built_in else _foreign(name)
        for name in PLANE_STATISTICS
    )


def _foreign(name: str) -> Statistic:
    statistic, whose = PLANE_STATISTICS[name], f"plane statistic '{name}' of {PLANE_STATISTICS.origin(name)}"
    if not isinstance(statistic, Statistic):
        raise UsageError(
            f"{whose} is of type {type(statistic).__name__}; "
            "it must be a zpoints.statistics.statistic.Statistic"
        )
    if statistic.name != name:
        raise UsageError(f"{whose} calls itself '{statistic.name:.100}'; both names must be the same")
    if name in TAKEN or name.endswith("_deviation"):
        raise UsageError(f"{whose} has the name of another column of the table of planes; choose another one")
    return replace(statistic, function=_watched(whose, statistic.function))


def _watched(whose: str, function: Callable[[PlaneMeasures], Values]) -> Callable[[PlaneMeasures], Values]:
    def measure(planes: PlaneMeasures) -> Values:
        try:
            values = np.asarray(function(planes), np.float64)
        except Exception as error:  # whatever the code of others does
            raise UsageError(f"{whose} failed ({reason(error)}); mend or remove it") from error
        if values.shape != (len(planes.counts.group),):
            raise UsageError(
                f"{whose} gives an array of shape {values.shape} for {len(planes.counts.group)} planes; "
                "it must give one number per plane"
            )
        return values

    return measure
