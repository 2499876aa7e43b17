"""Principal axes against scikit-learn."""

import numpy as np
import pytest
import sklearn.decomposition
from hypothesis import given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.pca import PCA


def pca_of(x: np.ndarray) -> PCA:
    return PCA.of(x.mean(axis=0), np.atleast_2d(np.cov(x.T)), len(x))


@given(st.integers(1, 8), st.integers(0, 2**32))
@settings(max_examples=40)
def test_axes_are_orthonormal_and_the_round_trip_returns(d, seed):
    x = correlated(50, d, seed)
    pca = pca_of(x)
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(d), atol=1e-12)
    np.testing.assert_allclose(pca.inverse_transform(pca.transform(x)), x, atol=1e-10)
    assert (np.diff(pca.variance) <= 0).all()
    assert pca.variance.sum() == pytest.approx(x.var(axis=0, ddof=1).sum(), rel=1e-10)
    assert pca.rank == d


@pytest.mark.parametrize("d", [2, 5, 40])
def test_equals_scikit_learn(d):
    x = correlated(500, d)
    pca, peer = pca_of(x), sklearn.decomposition.PCA(svd_solver="full").fit(x)
    np.testing.assert_allclose(pca.variance, peer.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(pca.explained_variance_ratio, peer.explained_variance_ratio_, rtol=1e-9)
    signs = np.sign((pca.axes * peer.components_).sum(axis=1))
    np.testing.assert_allclose(pca.axes, peer.components_ * signs[:, None], atol=1e-7)
    np.testing.assert_allclose(pca.transform(x), peer.transform(x) * signs, atol=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8, 0.9, 0.95, 0.999])
def test_components_for_a_share_of_the_variance(share):
    x = correlated(500, 30)
    assert (
        pca_of(x).components_for(share)
        == sklearn.decomposition.PCA(share, svd_solver="full").fit(x).n_components_
    )


def test_components_for_by_hand():
    pca = PCA.of(np.zeros(4), np.diag([1.0, 5.0, 3.0, 1.0]), 100)
    assert [pca.components_for(share) for share in (0.4, 0.5, 0.51, 0.8, 0.81, 0.9, 0.91, 1.0)] == [
        1, 1, 2, 2, 3, 3, 4, 4,
    ]  # fmt: skip


def test_the_scores_are_uncorrelated_with_the_stated_variance():
    x = correlated(1000, 10)
    pca = pca_of(x)
    covariance = np.cov(pca.transform(x).T)
    np.testing.assert_allclose(covariance, np.diag(pca.variance), atol=1e-10)
    np.testing.assert_allclose(pca.transform(x).mean(axis=0), 0, atol=1e-10)


def test_the_largest_entry_of_each_axis_is_positive():
    pca = pca_of(correlated(300, 12))
    assert (pca.axes[np.arange(12), np.abs(pca.axes).argmax(axis=1)] > 0).all()
    mirrored = PCA.of(np.zeros(2), np.array([[1.0, -0.9], [-0.9, 2.0]]), 10)
    np.testing.assert_allclose(mirrored.axes[0][1], np.abs(mirrored.axes[0]).max())


@pytest.mark.parametrize(("n", "d", "rank"), [(2, 5, 1), (5, 20, 4), (20, 20, 19), (21, 20, 20)])
def test_few_vectors_span_few_dimensions(n, d, rank):
    x = correlated(n, d)
    pca = pca_of(x)
    assert pca.rank == rank == np.linalg.matrix_rank(x - x.mean(axis=0))
    assert (pca.variance >= 0).all()
    assert pca.axes.shape == (d, d)


def test_rank_of_dependent_components():
    x = correlated(200, 4)
    assert pca_of(np.column_stack([x, x[:, 0], x @ [1, 2, 3, 4]])).rank == 4


def test_the_axes_follow_the_scale_of_the_data():
    x = correlated(300, 4)
    np.testing.assert_allclose(pca_of(1e-6 * x).variance, 1e-12 * pca_of(x).variance, rtol=1e-9)
    assert pca_of(1e-6 * x).rank == 4
