"""What is read out of the counts of a plane, and what a true normal sample of the same size gives for each figure.

A figure means nothing without its noise: the agreement of a contour with its ellipse is 0.97 for a perfectly normal
pair of 170,000 vectors, and 0.80 for one of 500. So the same code also measures planes of simulated normal vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Float32

from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.information import mutual_information_excess
from zpoints.statistics.moments import Moments
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, bins_for, standardise
from zpoints.statistics.regions import Regions

__all__ = ["COVERAGE", "FEWEST", "MASS_NAMES", "Noise", "PlaneMeasures"]

COVERAGE = ("coverage_1", "coverage_2", "coverage_2_5", "coverage_3")
"""Names of the coverages at `ellipses.LEVELS`."""

MASS_NAMES = ("39", "68", "86", "95")
"""Names of `regions.MASSES`, in percent."""

FEWEST = 20
"""With fewer vectors there is no noise to compare with: no contour is worth the name."""

SIMULATED = 24  # components, so 276 planes: their spread is known to 4 %
SIMULATED_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class PlaneMeasures:
    """All figures of all planes of a group.

    Attributes
    ----------
    coverage : share of the vectors in the 1, 2, 2.5 and 3 sigma ellipse.
    information : mutual information excess in nats (`information`).
    regions : the contours' shapes (`regions`).
    """

    coverage: Float[np.ndarray, "p 4"]
    information: Float[np.ndarray, " p"]
    regions: Regions

    @classmethod
    def of(cls, counts: PlaneCounts) -> Self:
        """Read everything out of the counts."""
        return cls(counts.coverage, mutual_information_excess(counts), Regions.of(counts))

    @property
    def columns(self) -> dict[str, Float[np.ndarray, " p"]]:
        """Every figure that has a noise of its own, by name."""
        regions = self.regions
        found = dict(zip(COVERAGE, self.coverage.T, strict=True))
        found["mutual_information_excess"] = self.information
        found["henze_zirkler"] = regions.henze_zirkler
        for k, mass in enumerate(MASS_NAMES):
            found[f"shift_{mass}"] = regions.shift[:, k]
            found[f"stretch_{mass}"] = regions.roundness_defect[:, k]
            found[f"agreement_{mass}"] = regions.agreement[:, k]
        found["agreement"] = regions.agreement.mean(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Noise:
    """Mean and spread of every figure over planes of a normal sample of `n` vectors.

    Attributes
    ----------
    mean, std : by the names of `PlaneMeasures.columns`; the coverages' means are the exact ones.
    stretch_error : standard deviation of one component of a region's stretch, by mass.
    log_henze_zirkler : mean and standard deviation of the logarithm of that statistic, whose law is lognormal.
    """

    n: int
    mean: dict[str, float]
    std: dict[str, float]
    stretch_error: Float[np.ndarray, " masses"]
    log_henze_zirkler: tuple[float, float]

    @classmethod
    def simulate(cls, n: int, seed: int = 0) -> Self:
        """Measure 276 planes of independent normal components, standardised by their own moments.

        It serves correlated pairs and principal axes too: in round coordinates every normal pair is that one.
        """
        total: Moments | None = None
        for block in _normal_blocks(n, seed):
            part = Moments.of(block)
            total = part if total is None else total + part
        assert total is not None
        counts = PlaneCounts.empty(PlaneGroup(0, SIMULATED - 1, SIMULATED), bins_for(n))
        for block in _normal_blocks(n, seed):
            counts.count(standardise(block, total.mean, total.std), total.pearson)
        measures = PlaneMeasures.of(counts)
        mean = {name: float(np.mean(values)) for name, values in measures.columns.items()}
        std = {name: float(np.std(values, ddof=1)) for name, values in measures.columns.items()}
        mean |= {name: normal_coverage(sigma) for name, sigma in zip(COVERAGE, LEVELS, strict=True)}
        logarithm = np.log(measures.regions.henze_zirkler)
        law = (float(logarithm.mean()), float(logarithm.std(ddof=1)))
        return cls(n, mean, std, measures.regions.stretch.std(axis=(0, 2)), law)

    def deviations(self, columns: dict[str, Float[np.ndarray, " p"]]) -> dict[str, Float[np.ndarray, " p"]]:
        """How many standard errors each figure lies off that of a normal pair; a region that cannot be: infinity."""
        found = {}
        for name, values in columns.items():
            mean, spread = self.mean[name], self.std[name]
            with np.errstate(divide="ignore", invalid="ignore"):
                if name == "henze_zirkler":
                    # Its null law is skewed: with linear standard errors, normal planes would stand out.
                    mean, spread = self.log_henze_zirkler
                    off = (np.log(values) - mean) / spread
                else:
                    off = (values - mean) / spread
            # A region that the grid cannot hold lies as far from the ellipse as can be, if a normal one can be held.
            found[name] = np.where(np.isnan(values) & np.isfinite(spread), np.inf, off)
        return found


def _normal_blocks(n: int, seed: int) -> Iterator[Float32[np.ndarray, "m d"]]:
    random = np.random.default_rng(seed)
    for start in range(0, n, SIMULATED_BLOCK):
        rows = min(SIMULATED_BLOCK, n - start)
        yield random.standard_normal((rows, SIMULATED), dtype=np.float32)
