"""Kernel distance, density, coverage, recall and Vendi score against their definitions and other libraries."""

import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.distance import pdist, squareform
from scipy.stats import entropy
from sklearn.neighbors import NearestNeighbors

from zpoints.judging import distances
from zpoints.judging.distances import Axes, PictureDistances, PictureSet, vendi_score


def two(n: int = 300, m: int = 260, f: int = 7, shift: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(n, f)) + shift, random.normal(size=(m, f))


def compared(a: np.ndarray, b: np.ndarray) -> PictureDistances:
    return PictureDistances.of(PictureSet.of(a), PictureSet.of(b))


def test_the_kernel_distance_by_its_definition(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 64)
    a, b = two()

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = [(kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1)) for x in (a, b)]
    expected = sum(within) - 2 * kernel(a, b).mean()
    found = compared(a.astype(np.float32), b.astype(np.float32))
    assert found.kernel == pytest.approx(expected, rel=1e-5)
    assert found.kernel_error > 0


def test_the_kernel_distance_of_one_law_is_zero_within_its_error():
    random = np.random.default_rng(1)
    off = []
    for _ in range(60):
        found = compared(random.normal(size=(200, 5)), random.normal(size=(200, 5)))
        off.append(found.kernel / found.kernel_error)
    assert abs(np.mean(off)) < 0.5
    assert 0.2 < np.std(off) < 1.2, "the error is a careful one: for equal laws up to three times too large"


def test_sorted_pictures_do_not_change_the_kernel_distance_s_error():
    """Four classes, far from each other, one after the other or shuffled."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(size=(200, 5)) + 3 * k for k in range(4)])
    y = np.concatenate([random.normal(size=(200, 5)) + 3 * k for k in range(4)])
    found, shuffled = compared(x, y), compared(random.permutation(x), random.permutation(y))
    assert found.kernel == pytest.approx(shuffled.kernel, rel=1e-9)
    assert found.kernel_error == pytest.approx(shuffled.kernel_error, rel=1.0)
    assert found.kernel_error < 3 * shuffled.kernel_error


def test_density_and_coverage_by_their_definition(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 50)
    a, b = two()
    between = np.linalg.norm(a[:, None] - b[None], axis=2)
    among = np.sort(np.linalg.norm(b[:, None] - b[None], axis=2), axis=1)
    inside = between < among[:, 5]
    found = compared(a, b)
    assert found.density == pytest.approx(inside.sum() / (5 * len(a)))
    assert found.coverage == pytest.approx(inside.any(axis=0).mean())


def test_two_samples_of_one_law_have_density_one_and_nearly_full_coverage():
    random = np.random.default_rng(2)
    found = compared(random.normal(size=(2000, 4)), random.normal(size=(2000, 4)))
    assert found.density == pytest.approx(1, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)


def test_recall_is_that_of_scikit_learn_s_neighbours(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 50)
    a, b = two()
    # Each picture is its own nearest neighbour.
    ball = NearestNeighbors(n_neighbors=4).fit(a).kneighbors(a)[0][:, 3]
    near = NearestNeighbors(radius=ball.max()).fit(a).radius_neighbors(b)
    expected = [(d <= ball[i]).any() for d, i in zip(*near, strict=True)]
    assert 0.1 < np.mean(expected) < 0.9
    assert compared(a, b).recall == pytest.approx(np.mean(expected))


def test_a_narrow_set_has_little_recall_and_a_wide_one_much():
    random = np.random.default_rng(4)
    real = random.normal(size=(400, 4))
    narrow, wide = (compared(s * random.normal(size=(400, 4)), real).recall for s in (0.4, 1.5))
    assert narrow < 0.4
    assert wide > 0.8


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (200, 3)])
def test_the_vendi_score_is_the_entropy_of_the_kernel_s_eigenvalues(shape):
    x = np.abs(np.random.default_rng(5).normal(size=shape))
    cosines = 1 - squareform(pdist(x, "cosine"))
    values = np.clip(scipy.linalg.eigvalsh(cosines / len(x)), 0, None)
    assert vendi_score(x.astype(np.float32)) == pytest.approx(np.exp(entropy(values)), rel=1e-5)


def test_the_vendi_score_counts_pictures_that_differ():
    x = np.repeat(np.eye(6), 5, axis=0)
    assert vendi_score(x) == pytest.approx(6)
    assert vendi_score(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])) == pytest.approx(1), (
        "black pictures have no angle"
    )


def test_axes_are_never_more_than_the_pictures_can_tell():
    a, _ = two(n=50)
    assert Axes.of(a, 64).count == 5
    assert Axes.of(two(n=300)[0], 3).count == 3
