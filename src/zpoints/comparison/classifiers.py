"""Vector by vector: distances from a cloud's centre, and classifiers that try to tell the clouds apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest, mannwhitneyu

from zpoints.comparison.clouds import PARTS, Cloud
from zpoints.statistics.fingerprints import deal, fingerprints
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

__all__ = ["CLASSIFIER_AXES", "VECTORS_PER_AXIS", "classifiers", "distances", "tell_apart"]

VECTORS_PER_AXIS = 5  # a fitted normal uses so few axes that it has at least so many vectors for each
CLASSIFIER_AXES, CLASSIFIER_VECTORS = 50, 10_000


class _Normal:
    """A normal fitted to half a cloud, in as many leading axes as that half can pay for."""

    def __init__(self, fitted: Moments) -> None:
        self.pca = PCA.of_moments(fitted)
        self.axes = max(min(self.pca.rank, fitted.n // VECTORS_PER_AXIS), 1)

    def squared(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """Squared Mahalanobis distances."""
        return (self.pca.whiten(x)[:, : self.axes] ** 2).sum(axis=1)


def distances(a: Cloud, b: Cloud) -> dict[str, Any]:
    """Mahalanobis distances under a normal fitted to half of A: of that half, of A's other half, of B."""
    normal = _Normal(a.fitted)
    own = normal.squared(a.sample[a.part < PARTS // 2])
    held_out, other = normal.squared(a.held_out), normal.squared(b.unknown)
    test = mannwhitneyu(other, held_out)
    return {
        "axes": normal.axes,
        "median_a": float(np.sqrt(np.median(own))),
        "median_a_held_out": float(np.sqrt(np.median(held_out))),
        "median_b": float(np.sqrt(np.median(other))),
        "b_farther": float(test.statistic / (len(other) * len(held_out))),
        "p": float(test.pvalue),
    }


def classifiers(a: Cloud, b: Cloud, seed: int) -> list[dict[str, Any]]:
    """Classifiers that try to tell A's vectors from B's, the best one first; see `tell_apart`.

    Axes and normals come from other vectors than those that train and test: a vector lies nearer to a normal
    that it helped to fit, and would give itself away.
    """
    pooled, normals = PCA.of_moments(a.fitted + b.fitted), (_Normal(a.fitted), _Normal(b.fitted))

    def features(x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m f"]:
        return np.column_stack(
            [pooled.whiten(x)[:, :CLASSIFIER_AXES], *(normal.squared(x) for normal in normals)]
        )

    return tell_apart(a.held_out, b.held_out, features, seed)


Features = Callable[[Float[np.ndarray, "m d"]], Float[np.ndarray, "m f"]]


def tell_apart(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"], features: Features, seed: int
) -> list[dict[str, Any]]:
    """Classifier two-sample tests: held-out accuracy of telling A's vectors from B's; 0.5 is guessing.

    Half of at most 10,000 vectors of each train, the other half test; a vector that stands twice, in one cloud or in
    both, stands on one side only. Each row has the classifier's name, its
    accuracy, the standard error of that, the p value of so many right answers by guessing, and their number n.

    D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests (2017), https://arxiv.org/abs/1610.06545
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    (a_train, a_test), (b_train, b_test) = _halves(a, b, seed)
    train, test = features(np.concatenate([a_train, b_train])), features(np.concatenate([a_test, b_test]))
    label, label_of_test = np.repeat([0, 1], len(a_train)), np.repeat([0, 1], len(a_test))
    models = {
        "boosted trees": HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=15, random_state=seed),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    found = []
    with threadpool_limits(1):  # so little work that threads would only wait for each other
        for name, model in models.items():
            right = int((model.fit(train, label).predict(test) == label_of_test).sum())
            accuracy = right / len(test)
            error = float(np.sqrt(max(accuracy * (1 - accuracy), 0.25 / len(test)) / len(test)))
            p = float(binomtest(right, len(test), 0.5, "greater").pvalue)
            found.append({"name": name, "accuracy": accuracy, "error": error, "p": p, "n": len(test)})
    return sorted(found, key=lambda row: -row["accuracy"])


Halves = tuple[Float[np.ndarray, "h d"], Float[np.ndarray, "k d"]]


def _halves(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"], seed: int) -> tuple[Halves, Halves]:
    """Vectors of each that train, and as many that test; equally many of both clouds."""
    dealt = deal(fingerprints(a), fingerprints(b), 2, np.random.default_rng(seed))
    if not any(cloud.tied for cloud in dealt):
        random = np.random.default_rng(seed)
        count = min(len(a), len(b), CLASSIFIER_VECTORS) // 2 * 2
        first, second = (random.permutation(x)[:count] for x in (a, b))
        half = count // 2
        return (first[:half], first[half:]), (second[:half], second[half:])
    orders = [cloud.sample(len(x)) for cloud, x in zip(dealt, (a, b), strict=True)]
    parts = [
        [order[cloud.part[order] == p] for p in (0, 1)] for cloud, order in zip(dealt, orders, strict=True)
    ]
    train, test = (min(len(parts[0][p]), len(parts[1][p]), CLASSIFIER_VECTORS // 2) for p in (0, 1))
    (a0, a1), (b0, b1) = parts
    return (a[a0[:train]], a[a1[:test]]), (b[b0[:train]], b[b1[:test]])
