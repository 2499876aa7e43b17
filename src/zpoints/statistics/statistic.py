"""One figure of a plane: how it is measured, which side of a normal pair is a defect, on which scale it is judged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from zpoints.statistics.information import mutual_information_excess
from zpoints.statistics.planes import PlaneCounts
from zpoints.statistics.regions import Regions

__all__ = ["PlaneMeasures", "Statistic", "columns_of"]

Values = Float[np.ndarray, " p"]


@dataclass(frozen=True, eq=False)
class PlaneMeasures:
    """What a statistic may look at: the counts of a group of planes, and what several statistics share.

    Everything is measured at its first use, and once.

    Attributes
    ----------
    counts : of all planes of the group.

    Examples
    --------
    >>> from zpoints.statistics.planes import standardise
    >>> x = np.random.default_rng(0).normal(size=(5000, 3))
    >>> u = standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1))
    >>> planes = PlaneMeasures(PlaneCounts.of(u, np.corrcoef(x.T), bins=64))
    >>> planes.coverage.shape, planes.information.shape, planes.regions.agreement.shape
    ((3, 4), (3,), (3, 4))
    """

    counts: PlaneCounts

    @cached_property
    def coverage(self) -> Float[np.ndarray, "p 4"]:
        """Share of the vectors in the 1, 2, 2.5 and 3 sigma ellipse."""
        return self.counts.coverage

    @cached_property
    def information(self) -> Values:
        """Mutual information excess in nats (`information`)."""
        return mutual_information_excess(self.counts)

    @cached_property
    def regions(self) -> Regions:
        """Shapes of the contours (`regions`)."""
        return Regions.of(self.counts)


@dataclass(frozen=True)
class Statistic:
    """A figure that every plane has. Its noise comes from planes of simulated normal vectors (`measures.Noise`).

    Attributes
    ----------
    name : of the column in the table of planes.
    function : measures all planes of a group at once, one number per plane; NaN where a plane cannot have the figure.
    side : where a defect lies, beside a normal pair: ``"above"``, ``"below"``, or on ``"both"`` sides.
    scale : ``"linear"``, or ``"log"`` for a positive figure whose logarithm has the more nearly normal law.
    judged : whether it counts in a plane's ``deviation``, the largest of all judged ones.
    normal : what a normal pair has: a number that holds for any number of vectors, or a function of that; None is the
        mean of the simulated planes.
    centred : whether the table shows it less what a normal pair has.
    shown : whether the table shows it.
    deviation_shown : whether the table has a column ``NAME_deviation``, in standard errors, with its sign.

    Raises
    ------
    ValueError : an unknown side or scale.

    Examples
    --------
    How unevenly the four quadrants of a plane's round coordinates are filled; 0 for a normal pair:

    >>> def quadrants(planes):
    ...     half = planes.counts.bins // 2
    ...     parts = planes.counts.joint.reshape(-1, 2, half, 2, half).sum(axis=(2, 4))
    ...     return np.ptp(parts.reshape(-1, 4), axis=1) / planes.counts.n
    >>> Statistic("quadrants", quadrants, side="above").defect(np.array([-1.0, 4.0])).tolist()
    [-1.0, 4.0]
    """

    name: str
    function: Callable[[PlaneMeasures], Values]
    side: str = "both"
    scale: str = "linear"
    judged: bool = True
    normal: float | Callable[[int], float] | None = None
    centred: bool = False
    shown: bool = True
    deviation_shown: bool = True

    def __post_init__(self) -> None:
        for field, value, known in (
            ("side", self.side, ("both", "above", "below")),
            ("scale", self.scale, ("linear", "log")),
        ):
            if value not in known:
                raise ValueError(
                    f"statistic '{self.name}': {field}={value!r:.40}; it must be one of {', '.join(known)}"
                )

    def scaled(self, values: Values) -> Values:
        """On the scale on which it is judged."""
        if self.scale == "linear":
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(values)

    def normal_of(self, n: int) -> float | None:
        """What normal pairs of n vectors have, where that is known exactly."""
        return self.normal(n) if callable(self.normal) else self.normal

    def defect(self, deviation: Values) -> Values:
        """How far a deviation lies on the side of a defect: more agreement than noise allows would be a wonder."""
        return {"both": np.abs, "above": np.positive, "below": np.negative}[self.side](deviation)


def columns_of(planes: PlaneMeasures, statistics: Iterable[Statistic]) -> dict[str, Values]:
    """Measure each statistic in all planes of a group."""
    return {statistic.name: statistic.function(planes) for statistic in statistics}
