"""One EM iteration of a Gaussian mixture, 170,000 x 256, 10 components with full covariances, against scikit-learn.

    python -m benchmarks.mixture

Ours reads float32 vectors from disk and whitens them; scikit-learn has the whitened float64 array in memory.
"""

import os
import platform
import tempfile
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.planes import BLOCK, D, N, correlated_file, interleaved
from zpoints.analysis.readings import moments_of
from zpoints.statistics.mixtures import Mixture, MixtureSums
from zpoints.statistics.pca import PCA
from zpoints.system.meter import processor_name
from zpoints.system.threads import map_ordered

COMPONENTS, ROUNDS = 10, 3


def start() -> Mixture:
    """Ten components around the origin, as after some iterations."""
    random = np.random.default_rng(1)
    means = 0.3 * random.standard_normal((COMPONENTS, D))
    covariances = np.stack([np.eye(D) * scale for scale in np.linspace(0.6, 1.4, COMPONENTS)])
    return Mixture(np.full(COMPONENTS, 1 / COMPONENTS), means, covariances)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        z = correlated_file(Path(folder) / "z.npy")
        pca = PCA.of_moments(moments_of(z, BLOCK))
        mixture = start()
        memory = 8 * BLOCK * (3 * D + COMPONENTS * D)

        def ours() -> None:
            parts = map_ordered(lambda b: MixtureSums.of(pca.whiten(b), mixture), z.blocks(BLOCK), memory)
            reduce(add, parts).mixture(1.0)

        wide = np.concatenate([pca.whiten(block) for block in z.blocks(BLOCK)])
        theirs = GaussianMixture(COMPONENTS)
        theirs.weights_, theirs.means_, theirs.covariances_ = (
            mixture.weights,
            mixture.means,
            mixture.covariances,
        )
        theirs.precisions_cholesky_ = np.linalg.inv(mixture.roots).transpose(0, 2, 1)

        def scikit_learn() -> None:
            _, log_share = theirs._e_step(wide)
            theirs._m_step(wide, log_share)
            theirs.weights_, theirs.means_ = mixture.weights, mixture.means
            theirs.covariances_ = mixture.covariances
            theirs.precisions_cholesky_ = np.linalg.inv(mixture.roots).transpose(0, 2, 1)

        seconds = interleaved(
            {"zpoints, from disk": ours, "scikit-learn, float64 in RAM": scikit_learn}, ROUNDS
        )
    print(f"\none EM iteration, {N:,} x {D}, {COMPONENTS} components, full covariances")
    print(f"{processor_name()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    base = seconds["zpoints, from disk"]
    for name, value in seconds.items():
        print(f"  {name:<34}{value:>8.2f} s{value / base:>8.2f} times as long")


if __name__ == "__main__":
    main()
