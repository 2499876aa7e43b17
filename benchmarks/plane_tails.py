"""How far do the planes of normal clouds deviate? The tails from which `analysis.planes.TAILS` was made.

python -m benchmarks.plane_tails
"""

import numpy as np

from zpoints.statistics.measures import Noise
from zpoints.statistics.moments import Moments
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, bins_for, standardise
from zpoints.statistics.statistic import PlaneMeasures, columns_of

D, BLOCK = 24, 16_384
RUNS = {20: 600, 25: 600, 40: 600, 70: 500, 100: 500, 200: 400, 300: 400, 500: 400}
RUNS |= {1000: 300, 2000: 200, 5000: 150, 20_000: 60, 60_000: 20, 170_000: 8}


def deviations(n: int, seed: int, noise: Noise) -> np.ndarray:
    """Of the 276 planes of one normal cloud; every other one is correlated."""
    random = np.random.default_rng([seed, n])
    x = random.standard_normal((n, D))
    if seed % 2:
        x = x @ random.standard_normal((D, D))
    moments = Moments.of(x)
    counts = PlaneCounts.empty(PlaneGroup(0, D - 1, D), bins_for(n))
    for start in range(0, n, BLOCK):
        block = x[start : start + BLOCK].astype(np.float32)
        counts.count(standardise(block, moments.mean, moments.std), moments.pearson)
    return noise.largest_defect(columns_of(PlaneMeasures(counts), noise.statistics))


def main() -> None:
    """Deviations that 1 in 100, 1,000 and 10,000 planes pass, and the largest ones."""
    for n, runs in RUNS.items():
        noise = Noise.simulate(n)
        found = np.sort(np.concatenate([deviations(n, seed, noise) for seed in range(runs)]))
        passed = [found[int(len(found) * (1 - share))] for share in (1e-2, 1e-3, 1e-4)]
        print(
            f"{n:7,d}: {len(found):7,d} planes, {np.round(passed, 2)}, most {np.round(found[-3:], 2)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
