"""A million vectors of 256 components inside all pairwise ellipses, exactly, beside the other ways to draw them.

python -m benchmarks.ellipse
"""

import os
import platform
import time

import numpy as np

from zpoints.analysis.distribution import Distribution
from zpoints.samplers import Ellipse, Normal, Sampler
from zpoints.statistics.moments import Moments
from zpoints.system.meter import processor_name

N, D, SIGMA = 1_000_000, 256, 3.0


def main() -> None:
    """Measure and print."""
    random = np.random.default_rng(0)
    mix = random.standard_normal((D, D)) / np.sqrt(D)
    distribution = Distribution.of(Moments.of(random.standard_normal((4 * D, D)) @ mix))
    samplers: dict[str, Sampler] = {
        "normal": Normal(),
        "ellipse, exact": Ellipse(SIGMA),
        "ellipse, one component after the other": Ellipse(SIGMA, order="variance"),
    }
    print(f"{N:,} vectors of {D} components, {SIGMA:g} sigma")
    print(f"{processor_name()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name, sampler in samplers.items():
        sampler.fit(distribution).sample(1000, 0)
        started = time.perf_counter()
        z = sampler.sample(N, 0)
        seconds = time.perf_counter() - started
        u = distribution.pca.whiten(z[:20_000])
        squares = np.sort(u**2, axis=1)[:, -2:].sum(axis=1)
        inside = float((squares <= SIGMA**2 * (1 + 1e-5)).mean())
        print(
            f"  {name:<40}{seconds:>7.2f} s{N / seconds:>12,.0f} vectors/s, {100 * inside:.2f} % inside all"
        )
    share = float(np.exp(samplers["ellipse, exact"].law_.log_probability))
    print(f"  by rejection from the normal law: {1 / share:,.0f} normal vectors for each one kept")


if __name__ == "__main__":
    main()
