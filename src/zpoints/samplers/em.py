"""Expectation and maximisation: from k-means to a mixture of normals, pass by pass."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from zpoints.samplers.base import restored
from zpoints.statistics.mixtures import Mixture as Law
from zpoints.statistics.mixtures import MixtureSums
from zpoints.vectors.reduce import reduce

__all__ = ["BLOCK", "climb", "joint_bytes", "law_of", "passes", "start_of", "state_of"]

SETTLED = 1e-3  # gain of an iteration in nats a vector, from which on it goes no further
BLOCK = 4096


def passes(x: Float[np.ndarray, "m r"]) -> Callable[[Law], MixtureSums]:
    """Passes over whitened vectors in memory."""
    return lambda law: reduce(x, partial(MixtureSums.of, mixture=law), size=BLOCK, besides=joint_bytes(law))


def joint_bytes(law: Law) -> int:
    """Memory of a block's distances from all components."""
    return 8 * BLOCK * law.means.size


def climb(
    one_pass: Callable[[Law], MixtureSums], law: Law, prior: float, iterations: int
) -> tuple[Law, float]:
    """Expectation and maximisation in turn until little is gained; also the last mean log-likelihood."""
    last = -np.inf
    for _ in range(iterations):
        sums = one_pass(law)
        gain, last = sums.mean_log_likelihood - last, sums.mean_log_likelihood
        law = sums.mixture(prior)
        if gain < SETTLED:
            break
    return law, last


def start_of(x: Float[np.ndarray, "m r"], std: Float[np.ndarray, " r"], k: int, seed: int) -> MixtureSums:
    """Sums of one component per cluster of k-means; in the vectors' own units, where clusters lie apart."""
    from sklearn.cluster import KMeans

    if k == 1:
        label = np.zeros(len(x), np.int64)
    else:
        label = KMeans(k, n_init=1, max_iter=20, random_state=seed).fit_predict(x * std)
    members = [x[label == c] for c in range(k)]
    return MixtureSums(
        len(x),
        0.0,
        np.array([len(m) for m in members], np.float64),
        np.stack([m.sum(axis=0) for m in members]),
        np.stack([m.T @ m for m in members]),
    )


def state_of(law: Law) -> dict[str, np.ndarray]:
    """The arrays of a mixture in a sampler's file."""
    return {
        "mixture_weights": law.weights,
        "mixture_means": law.means,
        "mixture_covariances": law.covariances,
    }


def law_of(arrays: dict[str, np.ndarray], rank: int) -> Law:
    """The mixture in a sampler's file."""
    k = arrays["mixture_weights"].size
    shapes = {"weights": (k,), "means": (k, rank), "covariances": (k, rank, rank)}
    return Law(*(restored(arrays, f"mixture_{name}", shape) for name, shape in shapes.items()))
