"""What all samplers promise: one body of tests, run over every one of them."""

import numpy as np
import pytest
import scipy.stats

import zpoints
from support import correlated, line
from zpoints.distribution import Distribution
from zpoints.errors import ArrayError, UsageError
from zpoints.samplers import Ellipse, Independent, Normal, by_name
from zpoints.statistics.moments import Moments

SAMPLERS = {"normal": Normal, "ellipse": Ellipse, "independent": Independent}

pytestmark = pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)


def distribution_of(x: np.ndarray) -> Distribution:
    return Distribution.of(Moments.of(x))


def test_shape_and_type(make, cloud):
    z = make().fit(cloud).sample(17)
    assert z.shape == (17, 5)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()


def test_fit_returns_self_and_leaves_the_vectors_alone(make, cloud):
    sampler, before = make(), cloud.copy()
    assert sampler.fit(cloud) is sampler
    np.testing.assert_array_equal(cloud, before)


def test_the_same_seed_gives_the_same_vectors(make, cloud):
    sampler = make().fit(cloud)
    np.testing.assert_array_equal(sampler.sample(50, seed=3), sampler.sample(50, seed=3))
    np.testing.assert_array_equal(sampler.sample(50, seed=3), make().fit(cloud).sample(50, seed=3))
    assert (sampler.sample(50, seed=3) != sampler.sample(50, seed=4)).all()


def test_no_vector_comes_twice(make, cloud):
    z = make().fit(cloud).sample(20_000)  # more than the block that is drawn at a time
    assert len(np.unique(z[:, 0])) > 19_000
    assert len(np.unique(z, axis=0)) == 20_000


def test_all_sources_give_the_same(make, cloud, tmp_path):
    analysis = zpoints.analyse(cloud)
    analysis.save(tmp_path)
    np.save(tmp_path / "z.npy", cloud)
    sources = [
        analysis,
        analysis.distribution,
        tmp_path / "distribution.npz",
        str(tmp_path / "distribution.npz"),
        cloud,
        tmp_path / "z.npy",
        str(tmp_path / "z.npy"),
    ]
    first, *others = (make().fit(source) for source in sources)
    for other in others:
        np.testing.assert_array_equal(other.sample(40, seed=1), first.sample(40, seed=1))
        np.testing.assert_array_equal(other.score_samples(cloud[:9]), first.score_samples(cloud[:9]))


def test_moments_of_a_large_sample_are_those_of_the_law(make):
    x = correlated(1000, 6)
    n = 100_000
    z = make().fit(x).sample(n, seed=2).astype(float)
    covariance = np.cov(x.T)
    std = np.sqrt(np.diagonal(covariance))
    assert (np.abs(z.mean(axis=0) - x.mean(axis=0)) < 5 * std / np.sqrt(n)).all()
    if make is Ellipse:  # its law has a closed form of its own, tested in test_ellipse.py
        values, vectors = np.linalg.eigh(covariance)
        along = (z - x.mean(axis=0)) @ vectors / np.sqrt(values)
        assert (along.std(axis=0) < 0.97).all()
        assert (along.std(axis=0) > 0.9).all()
        assert np.abs(np.corrcoef(along.T) - np.eye(6)).max() < 0.02
        return
    expected = np.diag(std**2) if make is Independent else covariance
    error = np.cov(z.T) - expected
    assert (np.abs(error) < 6 * np.outer(std, std) / np.sqrt(n)).all()
    assert np.abs(scipy.stats.kurtosis(z)).max() < 0.1
    assert np.abs(scipy.stats.skew(z)).max() < 0.05


def test_one_component(make):
    x = np.random.default_rng(0).normal(5, 2, size=(500, 1))
    sampler = make().fit(x)
    z = sampler.sample(20_000)
    assert z.shape == (20_000, 1)
    assert z.mean() == pytest.approx(5, abs=0.3)
    assert z.std() == pytest.approx(2, rel=0.1)
    inside = np.linspace(0, 10, 4001)[:, None]
    assert np.exp(sampler.score_samples(inside)).sum() * (10 / 4000) == pytest.approx(0.99, abs=0.015)


@pytest.mark.parametrize(("n", "d"), [(5, 20), (2, 3), (20, 20)])
def test_fewer_vectors_than_components(make, n, d):
    x = correlated(n, d)
    sampler = make().fit(x)
    z = sampler.sample(300).astype(float)
    assert np.isfinite(z).all()
    assert z.std(axis=0).min() > 0
    if make is Independent:  # it knows nothing of the span
        assert np.isfinite(sampler.score_samples(x)).all()
        return
    directions = np.linalg.svd(x - x.mean(axis=0))[2][: n - 1]
    offset = z - x.mean(axis=0)
    outside = offset - offset @ directions.T @ directions
    assert np.abs(outside).max() < 1e-5 * np.abs(offset).max()
    assert np.linalg.matrix_rank(offset, tol=1e-3) == n - 1
    with pytest.raises(ArrayError) as refused:
        sampler.score_samples(x)
    assert f"{n - 1} of {d} dimensions" in line(refused.value)


def test_sample_before_fit_is_refused(make):
    with pytest.raises(UsageError) as refused:
        make().sample(3)
    assert "fit" in line(refused.value)


def test_score_before_fit_is_refused(make):
    with pytest.raises(UsageError) as refused:
        make().score_samples(np.zeros((1, 5)))
    assert "fit" in line(refused.value)


@pytest.mark.parametrize("n", [0, -1])
def test_no_vectors_are_refused(make, cloud, n):
    with pytest.raises(UsageError) as refused:
        make().fit(cloud).sample(n)
    assert f"n={n}" in line(refused.value)


def test_a_missing_distribution_is_refused(make, tmp_path):
    with pytest.raises(ArrayError) as refused:
        make().fit(tmp_path / "distribution.npz")
    assert "distribution.npz: no such file" in line(refused.value)


def test_by_name(make, cloud):
    name = next(name for name, sampler in SAMPLERS.items() if sampler is make)
    sampler = by_name(name, 2.0)
    assert type(sampler) is make
    expected = Ellipse(sigma=2.0) if make is Ellipse else make()
    np.testing.assert_array_equal(sampler.fit(cloud).sample(5), expected.fit(cloud).sample(5))


def test_the_density_of_float32_vectors(make, cloud):
    sampler = make().fit(cloud)
    scores = sampler.score_samples(cloud[:100])
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, sampler.score_samples(cloud[:100].astype(float)))


def test_the_density_is_that_of_scipy(make, cloud):
    x = cloud[:300].astype(float)
    mean, covariance = cloud.astype(float).mean(axis=0), np.cov(cloud.astype(float).T)
    normal = scipy.stats.multivariate_normal(mean, covariance).logpdf(x)
    if make is Ellipse:  # the normal density inside, one constant higher
        found = make(4.0).fit(cloud).score_samples(x)
        gain = (found - normal)[np.isfinite(found)]
        assert len(gain) > 250
        np.testing.assert_allclose(gain, gain[0], rtol=1e-6)
        assert 0 < gain[0] < 0.1
        return
    if make is Independent:
        normal = scipy.stats.norm.logpdf(x, mean, np.sqrt(np.diagonal(covariance))).sum(axis=1)
    np.testing.assert_allclose(make().fit(cloud).score_samples(x), normal, rtol=1e-9)


def test_drawn_vectors_are_where_the_density_is(make):
    sampler = make().fit(correlated(500, 4))
    z = sampler.sample(3000)
    scores = sampler.score_samples(z)
    # A vector on the very border may be rounded over it.
    assert np.isfinite(scores).mean() > 0.999
    shifted = sampler.score_samples(z + 20)
    assert scores[np.isfinite(scores)].min() > shifted.max()
