"""The statistics of every plane, and what a true normal sample of the same size gives for each of them.

A figure means nothing without its noise: the agreement of a contour with its ellipse is 0.97 for a perfectly normal
pair of 170,000 vectors, and 0.80 for one of 500. So the same code also measures planes of simulated normal vectors.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Float32

from zpoints.statistics.ellipses import LEVELS
from zpoints.statistics.moments import Moments, joined
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, bins_for, standardise
from zpoints.statistics.radii import RadiusNull
from zpoints.statistics.statistic import PlaneMeasures, Statistic, Values, columns_of

__all__ = ["COVERAGE", "FEWEST", "MASS_NAMES", "STATISTICS", "Noise"]

COVERAGE = ("coverage_1", "coverage_2", "coverage_2_5", "coverage_3")
"""Names of the coverages at `ellipses.LEVELS`."""

MASS_NAMES = ("39", "68", "86", "95")
"""Names of `regions.MASSES`, in percent."""

FEWEST = 20
"""With fewer vectors there is no noise to compare with: no contour is worth the name."""

SIMULATED = 24  # components, so 276 planes: as these share components, their spread is known to 4 to 10 %
SIMULATED_BLOCK = 16_384


def _coverage(k: int) -> Callable[[PlaneMeasures], Values]:
    return lambda planes: planes.coverage[:, k]


def _normal_coverage(sigma: float) -> Callable[[int], float]:
    """Exact for n vectors and their own ellipse (Beta law, `radii.RadiusNull`); near `ellipses.normal_coverage`."""
    return lambda n: float(RadiusNull(n, 2).share_within(np.array([sigma**2]))[0])


def _of_region(what: str, k: int) -> Callable[[PlaneMeasures], Values]:
    return lambda planes: np.asarray(getattr(planes.regions, what)[:, k])


def _regional(mass: str, k: int) -> list[Statistic]:
    """Where the region of one mass lies, how far it is from round, how well it agrees with its ellipse."""
    return [
        Statistic(f"shift_{mass}", _of_region("shift", k), side="above", deviation_shown=False),
        # In the units of the data it is the turn and the ratio of the axes, which the table has instead.
        Statistic(
            f"stretch_{mass}",
            _of_region("roundness_defect", k),
            side="above",
            shown=False,
            deviation_shown=False,
        ),
        Statistic(f"agreement_{mass}", _of_region("agreement", k), side="below", deviation_shown=False),
    ]


STATISTICS: tuple[Statistic, ...] = (
    *(
        Statistic(name, _coverage(k), side="both", normal=_normal_coverage(sigma))
        for k, (name, sigma) in enumerate(zip(COVERAGE, LEVELS, strict=True))
    ),
    Statistic(
        "mutual_information_excess",
        lambda planes: planes.information,
        side="above",
        centred=True,
        deviation_shown=False,
    ),
    # Its null law is skewed: with linear standard errors, normal planes would stand out.
    Statistic(
        "henze_zirkler",
        lambda planes: planes.regions.henze_zirkler,
        side="above",
        scale="log",
        deviation_shown=False,
    ),
    *(statistic for k, mass in enumerate(MASS_NAMES) for statistic in _regional(mass, k)),
    Statistic(
        "agreement",
        lambda planes: planes.regions.agreement.mean(axis=1),
        side="below",
        deviation_shown=False,
    ),
)
"""The statistics of every plane that zpoints brings along, in the order of the table's columns."""


@dataclass(frozen=True, eq=False)
class Noise:
    """Mean and spread of every figure over planes of a normal sample of `n` vectors.

    Attributes
    ----------
    n : number of vectors of the sample.
    statistics : which figures.
    mean, std : by their names; the mean is exact where a statistic says what a normal pair has.
    law : by their names, mean and standard deviation on the scale on which each is judged.
    stretch_error : standard deviation of one component of a region's stretch, by mass.

    Examples
    --------
    >>> noise = Noise.simulate(1000)
    >>> round(noise.mean["coverage_1"], 4), round(noise.std["coverage_1"], 2)
    (0.3933, 0.01)
    >>> noise.deviations({"coverage_1": np.array([noise.mean["coverage_1"]])})["coverage_1"].tolist()
    [0.0]
    """

    n: int
    statistics: tuple[Statistic, ...]
    mean: dict[str, float]
    std: dict[str, float]
    law: dict[str, tuple[float, float]]
    stretch_error: Float[np.ndarray, " masses"]

    @classmethod
    def simulate(cls, n: int, seed: int = 0, statistics: Sequence[Statistic] = STATISTICS) -> Self:
        """Measure 276 planes of independent normal components, standardised by their own moments.

        It serves correlated pairs and principal axes too: in round coordinates every normal pair is that one.
        """
        total: Moments | None = None
        for block in _normal_blocks(n, seed):
            total = joined(total, Moments.of(block))
        assert total is not None
        counts = PlaneCounts.empty(PlaneGroup(0, SIMULATED - 1, SIMULATED), bins_for(n))
        for block in _normal_blocks(n, seed):
            counts.count(standardise(block, total.mean, total.std), total.pearson)
        planes = PlaneMeasures(counts)
        columns = columns_of(planes, statistics)
        mean = {name: float(np.mean(values)) for name, values in columns.items()}
        std = {name: float(np.std(values, ddof=1)) for name, values in columns.items()}
        mean |= {s.name: exact for s in statistics if (exact := s.normal_of(n)) is not None}
        law = {}
        for s in statistics:
            scaled = s.scaled(columns[s.name])
            centre = float(np.mean(scaled))
            if s.normal is not None:
                centre = float(s.scaled(np.array([mean[s.name]]))[0])
            law[s.name] = (centre, float(np.std(scaled, ddof=1)))
        return cls(n, tuple(statistics), mean, std, law, planes.regions.stretch.std(axis=(0, 2)))

    def deviations(self, columns: dict[str, Values]) -> dict[str, Values]:
        """How many standard errors each figure lies off that of a normal pair; a region that cannot be: infinity."""
        found = {}
        for s in self._among(columns):
            values, (mean, spread) = columns[s.name], self.law[s.name]
            scaled = s.scaled(values)
            with np.errstate(divide="ignore", invalid="ignore"):
                off = np.where(scaled == mean, 0.0, (scaled - mean) / spread)
            # A region that the grid cannot hold lies as far from the ellipse as can be, if a normal one can be held.
            found[s.name] = np.where(np.isnan(values) & np.isfinite(spread), np.inf, off)
        return found

    def largest_defect(self, columns: dict[str, Values]) -> Values:
        """Of each plane, the largest deviation to the side of a defect, over the judged statistics.

        A statistic that not even the simulated planes have is left out.
        """
        deviations, defects = self.deviations(columns), []
        for s in self._among(columns):
            if s.judged and np.isfinite(self.law[s.name]).all():
                off = deviations[s.name]
                # What a plane cannot have is a defect on either side.
                defects.append(np.where(np.isnan(columns[s.name]), off, s.defect(off)))
        return np.max(np.stack(defects), axis=0)

    def _among(self, columns: dict[str, Values]) -> list[Statistic]:
        return [s for s in self.statistics if s.name in columns]


def _normal_blocks(n: int, seed: int) -> Iterator[Float32[np.ndarray, "m d"]]:
    random = np.random.default_rng(seed)
    for start in range(0, n, SIMULATED_BLOCK):
        rows = min(SIMULATED_BLOCK, n - start)
        yield random.standard_normal((rows, SIMULATED), dtype=np.float32)
