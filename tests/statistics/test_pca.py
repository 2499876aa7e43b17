"""Principal axes against scikit-learn, and their accuracy on the vectors that were measured."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import sklearn.decomposition
from hypothesis import given, settings
from hypothesis import strategies as st

import zpoints.statistics.pca
from support import correlated
from zpoints.statistics.correlation import largest_off_diagonal
from zpoints.statistics.moments import Moments
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


# --- accuracy


def measured(x: np.ndarray) -> PCA:
    moments = Moments.of(x)
    return PCA.of(moments.mean, moments.covariance, moments.n)


def left(pca: PCA, x: np.ndarray) -> float:
    """Largest Pearson coefficient off the diagonal, measured on the transformed vectors."""
    return largest_off_diagonal(Moments.of(pca.transform(x)[:, : pca.rank]).pearson)


def scales(d: int, ratio: float, order: str) -> np.ndarray:
    """Standard deviations of components whose variances differ by up to this ratio."""
    std = np.geomspace(1, np.sqrt(ratio), d)
    return {"rising": std, "falling": std[::-1], "mixed": np.random.default_rng(d).permutation(std)}[order]


def oblique(n: int, d: int, ratio: float) -> np.ndarray:
    """A normal cloud with this ratio of its extreme variances, along axes that are no component's."""
    random = np.random.default_rng(d)
    turn = scipy.stats.ortho_group.rvs(d, random_state=random)
    return random.normal(size=(n, d)) * scales(d, ratio, "falling") @ turn + random.normal(size=d)


@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
@pytest.mark.parametrize("ratio", [1.0, 1e4, 1e8, 1e16, 1e32])
@pytest.mark.parametrize("d", [5, 40, 256])
def test_nothing_is_left_whatever_the_scales_of_the_components(d, ratio, order):
    x = correlated(600, d) * scales(d, ratio, order)
    # Of 256 components with 600 vectors some are nearly dependent, by 1e6 and more; see the docstring.
    mixed = np.linalg.cond(np.corrcoef(x.T))
    pca = measured(x)
    assert pca.rank == d
    assert left(pca, x) < max(1e-12, 1e-17 * mixed)
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(d), atol=1e-13)
    np.testing.assert_allclose(pca.variance, Moments.of(pca.transform(x)).std ** 2, rtol=1e-10)
    refined = pca.refined(Moments.of(pca.transform(x)))
    assert left(refined, x) < 1e-12


@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e4])
@pytest.mark.parametrize("d", [5, 40, 256])
def test_nothing_is_left_along_oblique_axes(d, ratio):
    x = oblique(1500, d, ratio)
    assert left(measured(x), x) < 1e-12


@pytest.mark.parametrize("d", [5, 40, 256])
def test_one_more_pass_where_the_covariance_matrix_knows_no_better(d):
    x = oblique(1500, d, 1e8)
    pca = measured(x)
    assert 1e-12 < left(pca, x) < 1e-8
    refined = pca.refined(Moments.of(pca.transform(x)))
    assert left(refined, x) < 1e-12
    assert refined.rank == d
    np.testing.assert_allclose(refined.axes @ refined.axes.T, np.eye(d), atol=1e-13)
    np.testing.assert_allclose(refined.variance, Moments.of(refined.transform(x)).std ** 2, rtol=1e-10)
    np.testing.assert_allclose(
        refined.inverse_transform(refined.transform(x)), x, atol=1e-11 * np.abs(x).max()
    )


def test_refined_takes_the_leading_columns_too():
    x = correlated(300, 6) * np.array([1, 1e3, 1e-3, 1, 1, 1])
    x[:, 5] = x[:, 0] + 1e-3 * x[:, 1]
    pca = measured(x)
    assert pca.rank == 5
    scores = pca.transform(x)
    a, b = pca.refined(Moments.of(scores)), pca.refined(Moments.of(scores[:, :5]))
    np.testing.assert_allclose(a.axes, b.axes, atol=1e-14)
    assert (a.rank, a.variance[5]) == (5, 0)


def test_tiny_beside_huge():
    """1e-8, 1 and 1e8: each pair of components of one scale keeps its own correlation."""
    u = correlated(500, 6)
    x = u * np.array([1e-8, 1e-8, 1, 1, 1e8, 1e8])
    pca = measured(x)
    assert pca.rank == 6
    assert left(pca, x) < 1e-13
    # The tiny pair, after what the others explain of it, has the variances of its own residuals.
    rest = u[:, :2] - u[:, :2].mean(axis=0)
    others = u[:, 2:] - u[:, 2:].mean(axis=0)
    rest -= others @ np.linalg.lstsq(others, rest, rcond=None)[0]
    expected = 1e-16 * np.linalg.eigvalsh(rest.T @ rest / 499)[::-1]
    np.testing.assert_allclose(pca.variance[4:], expected, rtol=1e-10)


@given(st.integers(2, 7), st.integers(0, 2**32))
@settings(max_examples=60)
def test_rank_on_every_scale(d, seed):
    random = np.random.default_rng(seed)
    x = correlated(60, d, seed) * 10.0 ** random.uniform(-8, 8, d)
    assert measured(x).rank == d
    twice = np.column_stack([x, 3.0 * x[:, 0], 1e-9 * x[:, d - 1]])
    pca = measured(twice)
    assert pca.rank == d
    assert (pca.variance[:d] > 0).all()
    assert (pca.variance[d:] == 0).all()
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(d + 2), atol=1e-13)
    if np.linalg.cond(np.corrcoef(x.T)) < 1e3:
        assert left(pca, twice) < 1e-11


def test_rank_of_many_vectors_in_many_blocks():
    x = correlated(20_000, 10)
    x = np.hstack([x, x @ np.random.default_rng(0).normal(size=(10, 20))])
    parts = [Moments.of(block) for block in np.array_split(x, 13)]
    moments = sum(parts[1:], parts[0])
    assert PCA.of(moments.mean, moments.covariance, moments.n).rank == 10


@pytest.mark.parametrize(("d", "seed"), [(8, 141), (8, 142), (8, 305), (17, 179), (17, 242)])
def test_rank_where_rounding_errors_add_up(d, seed):
    """Sums in which large terms nearly cancel: what rounding leaves of them is far above the precision."""
    x, random = correlated(200, d, seed), np.random.default_rng(seed)
    sums = (x / x.std(axis=0)) @ random.normal(size=(d, 2))
    assert measured(np.hstack([x, sums])[:, random.permutation(d + 2)]).rank == d


def test_a_constant_component_has_no_variance():
    x = np.column_stack([correlated(50, 3), np.full(50, 4.0)])
    for pca in (measured(x), PCA.of_pearson(x.mean(axis=0), np.cov(x.T), 50)):
        assert pca.rank == 3
        np.testing.assert_allclose(pca.axes[3], [0, 0, 0, 1], atol=1e-14)
        np.testing.assert_allclose(pca.inverse_transform(pca.transform(x)), x, atol=1e-12)
        assert np.isfinite(pca.whiten(x)).all()


def test_one_vector_has_no_axis():
    pca = PCA.of(np.zeros(3), np.zeros((3, 3)), 1)
    assert pca.rank == 0
    np.testing.assert_array_equal(pca.axes, np.eye(3))
    assert pca.whiten(np.ones((2, 3))).shape == (2, 0)


def test_values_without_number_are_refused():
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN"):
            PCA.of(np.zeros(2), np.array([[1.0, wrong], [wrong, 1.0]]), 10)


def test_extreme_units():
    x = correlated(100, 4)
    for unit in (1e-70, 1e70):
        a, b = measured(x), measured(unit * x)
        np.testing.assert_allclose(b.axes, a.axes, atol=1e-12)
        np.testing.assert_allclose(b.variance / unit**2, a.variance, rtol=1e-12)


def test_above_a_certain_rank_by_a_plain_eigendecomposition(monkeypatch):
    x = correlated(200, 12)
    fine = measured(x)
    monkeypatch.setattr(zpoints.statistics.pca, "LARGE", 11)
    plain = measured(x)
    np.testing.assert_allclose(plain.axes, fine.axes, atol=1e-9)
    np.testing.assert_allclose(plain.variance, fine.variance, rtol=1e-10)
    assert plain.rank == fine.rank == 12
    assert measured(x[:5]).rank == 4


def test_more_components_than_vectors():
    x = correlated(30, 400)
    pca = measured(x)
    assert pca.rank == 29
    assert left(pca, x) < 1e-12
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(400), atol=1e-12)
    np.testing.assert_allclose(pca.transform(x)[:, 29:], 0, atol=1e-11)
    np.testing.assert_allclose((pca.whiten(x) ** 2).sum(axis=1), 29 * 29 / 30, rtol=1e-9)


# --- the Pearson matrix


@pytest.mark.parametrize("d", [1, 3, 30])
def test_pca_of_the_pearson_matrix_is_that_of_the_standardised_vectors(d):
    x = correlated(400, d) * scales(d, 1e12, "mixed")
    mean, covariance = x.mean(axis=0), np.atleast_2d(np.cov(x.T))
    pca, std = PCA.of_pearson(mean, covariance, 400), x.std(axis=0, ddof=1)
    u = (x - mean) / std
    peer = pca_of(u)
    np.testing.assert_allclose(pca.scale, std, rtol=1e-12)
    np.testing.assert_allclose(pca.variance, peer.variance, rtol=1e-9)
    np.testing.assert_allclose(pca.axes, peer.axes, atol=1e-9)
    np.testing.assert_allclose(pca.transform(x), peer.transform(u), atol=1e-8)
    assert pca.variance.sum() == pytest.approx(d)
    assert left(pca, x) < 1e-12
    np.testing.assert_allclose((pca.inverse_transform(pca.transform(x)) - x) / std, 0, atol=1e-11)


def test_whitening_is_the_same_distance_with_either_matrix():
    x = correlated(300, 5) * scales(5, 1e10, "mixed")
    mean, covariance = x.mean(axis=0), np.cov(x.T)
    a, b = (make(mean, covariance, 300).whiten(x) for make in (PCA.of, PCA.of_pearson))
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1), rtol=1e-10)
    for u in (a, b):
        np.testing.assert_allclose(np.cov(u.T), np.eye(5), atol=1e-10)


def test_the_scale_is_one_by_default():
    pca = pca_of(correlated(50, 3))
    same = PCA(pca.mean, pca.axes, pca.variance, pca.rank)
    np.testing.assert_array_equal(same.scale, np.ones(3))
    np.testing.assert_array_equal(pca.scale, np.ones(3))


def test_float32_blocks_are_transformed_in_float64():
    x = correlated(200, 4).astype(np.float32)
    pca = measured(x)
    for result in (pca.transform(x), pca.whiten(x), pca.inverse_transform(x)):
        assert result.dtype == np.float64
    np.testing.assert_array_equal(pca.transform(x), pca.transform(x.astype(np.float64)))


def test_cumulative_variance():
    pca = PCA.of(np.zeros(4), np.diag([1.0, 5.0, 3.0, 1.0]), 100)
    np.testing.assert_allclose(pca.cumulative_variance, [0.5, 0.8, 0.9, 1.0], rtol=1e-15)


# --- angles between two PCAs


def axes_turned(degrees: float, plane: tuple[int, int], d: int) -> PCA:
    """The PCA of variances d, d - 1, ..., turned by an angle in one plane."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(d)
    turn[np.ix_(plane, plane)] = [[c, s], [-s, c]]
    return PCA(np.zeros(d), turn, np.arange(d, 0, -1.0), d)


@pytest.mark.parametrize("degrees", [0.0, 1e-10, 1e-3, 30.0, 89.999, 90.0])
def test_a_known_turn(degrees):
    a, b = axes_turned(0, (0, 1), 5), axes_turned(degrees, (1, 3), 5)
    np.testing.assert_allclose(a.turn(b, 4), [0, degrees, 0, degrees], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(b.turn(a, 4), a.turn(b, 4), rtol=1e-14)
    # Axis 1 leaves the span of the first three; with axis 3 beside it, the plane is the same again.
    np.testing.assert_allclose(a.subspace_angles(b, 3), [degrees, 0, 0], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(a.subspace_angles(b, 4), 0, atol=1e-13)


def test_beyond_a_right_angle_the_other_end_of_the_axis_is_nearer():
    a, b = axes_turned(0, (0, 1), 2), axes_turned(150, (0, 1), 2)
    np.testing.assert_allclose(a.turn(b, 2), 30)


@given(st.integers(2, 8), st.integers(0, 2**32))
@settings(max_examples=40)
def test_turns_of_any_two_clouds(d, seed):
    a, b = pca_of(correlated(50, d, seed)), pca_of(correlated(50, d, seed + 1))
    for count in (1, d):
        turn = a.turn(b, count)
        cosine = np.abs((a.axes * b.axes).sum(axis=1))[:count]
        np.testing.assert_allclose(np.cos(np.radians(turn)), cosine, atol=1e-12)
        expected = np.degrees(scipy.linalg.subspace_angles(a.axes[:count].T, b.axes[:count].T))
        np.testing.assert_allclose(a.subspace_angles(b, count), expected)
    np.testing.assert_allclose(a.turn(b, 1), a.subspace_angles(b, 1), atol=1e-6)


def test_angles_of_axes_without_variance_are_refused():
    a, b = pca_of(correlated(4, 6)), pca_of(correlated(100, 6))
    assert a.turn(b, 3).shape == (3,)
    for count in (0, 4):
        for angles in (a.turn, a.subspace_angles):
            with pytest.raises(ValueError, match="3 and 6"):
                angles(b, count)
