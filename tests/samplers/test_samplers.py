"""What all samplers promise: one body of tests, run over every one of them."""

import numpy as np
import pytest
import scipy.stats

import zpoints
from support import correlated, line
from zpoints.analysis.distribution import Distribution
from zpoints.errors import ArrayError, UsageError
from zpoints.samplers import SAMPLERS, Ellipse, EllipsePairs, Kernel, Sampler, by_name
from zpoints.statistics.moments import Moments

NEURAL = {"flow", "flow-matching"}
WITHOUT_DENSITY = {"ellipse-pairs", "resample", "flow-matching"}
QUICK = {  # trained for seconds, not minutes
    "flow": {"steps": 40, "width": 32, "transforms": 2, "batch": 64},
    "flow-matching": {"steps": 40, "width": 32, "blocks": 1, "batch": 64},
}
KEEP_THE_COVARIANCE = {"normal", "mixture", "kernel", "copula", "elliptical", "resample"}
IGNORE_THE_SPAN = {"uniform", "interval", "independent", "ellipse-pairs"}
NEED_MARGINS = {"uniform", "interval", "copula", "elliptical"}


def made(name: str, **settings: object) -> Sampler:
    return SAMPLERS[name](**({"random_state": 0} | QUICK.get(name, {}) | settings))


every = pytest.mark.parametrize("name", SAMPLERS)
with_density = pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in WITHOUT_DENSITY])


@pytest.fixture(scope="module")
def analysis():
    return zpoints.analyse(correlated(1500, 5).astype(np.float32))


@every
def test_shape_and_type(name, cloud):
    z = made(name).fit(cloud).sample(17)
    assert z.shape == (17, 5)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()


@every
def test_fit_returns_self_and_leaves_the_vectors_alone(name, cloud):
    sampler, before = made(name), cloud.copy()
    assert sampler.fit(cloud) is sampler
    np.testing.assert_array_equal(cloud, before)


@every
def test_the_same_seed_gives_the_same_vectors(name, analysis):
    sampler = made(name).fit(analysis)
    np.testing.assert_array_equal(sampler.sample(50, seed=3), sampler.sample(50, seed=3))
    np.testing.assert_array_equal(sampler.sample(50, seed=3), made(name).fit(analysis).sample(50, seed=3))
    assert (sampler.sample(50, seed=3) != sampler.sample(50, seed=4)).any(axis=1).mean() > 0.9


@every
def test_no_vector_comes_twice(name, analysis):
    if name == "resample":
        pytest.skip("it draws given vectors, and some of them again")
    z = made(name).fit(analysis).sample(20_000)  # more than the block that is drawn at a time
    assert len(np.unique(z, axis=0)) == 20_000


@pytest.mark.slow
@every
def test_all_sources_give_the_same(name, cloud, tmp_path):
    analysis = zpoints.analyse(cloud)
    analysis.save(tmp_path)
    np.save(tmp_path / "z.npy", cloud)
    sources = [
        (analysis, None),
        (analysis.distribution, cloud),
        (tmp_path / "distribution.npz", tmp_path / "z.npy"),
        (str(tmp_path / "distribution.npz"), cloud),
        (zpoints.Analysis.load(tmp_path), cloud),
        (cloud, None),
        (tmp_path / "z.npy", None),
    ]
    first, *others = (made(name).fit(source, vectors=vectors) for source, vectors in sources)
    for other in others:
        np.testing.assert_array_equal(other.sample(40, seed=1), first.sample(40, seed=1))
        if name not in WITHOUT_DENSITY:
            np.testing.assert_array_equal(other.score_samples(cloud[:9]), first.score_samples(cloud[:9]))


@every
def test_moments_of_a_large_sample_are_those_of_the_law(name):
    if name in NEURAL:
        pytest.skip("their own files: this takes a longer training")
    x, n = correlated(4000, 6), 60_000
    z = made(name).fit(x).sample(n, seed=2).astype(float)
    mean, covariance = x.mean(axis=0), np.cov(x.T)
    std = np.sqrt(np.diagonal(covariance))
    if name == "uniform":  # around the origin, and as long as the vectors
        assert np.abs(z.mean(axis=0)).max() < 5 * z.std() / np.sqrt(n)
        assert np.linalg.norm(z, axis=1).mean() == pytest.approx(np.linalg.norm(x, axis=1).mean(), rel=0.01)
        return
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.08 * std.max())
    relative = (np.cov(z.T) - covariance) / np.outer(std, std)
    if name in KEEP_THE_COVARIANCE:
        assert np.abs(relative).max() < 0.05
    elif name in ("interval", "independent"):
        assert np.abs(np.diagonal(relative)).max() < 0.1
        assert np.abs(np.corrcoef(z.T) - np.eye(6)).max() < 5 / np.sqrt(n)
    else:  # cores of the cloud: narrower, and correlated as it is
        assert (np.diagonal(relative) < -0.02).all()
        assert (
            np.corrcoef(np.corrcoef(z.T)[0, 1:], np.corrcoef(x.T)[0, 1:])[0, 1] > 0.9
        )  # 0.949 for pairs, by rejection


@every
def test_one_component(name):
    x = np.random.default_rng(0).normal(5, 2, size=(500, 1))
    sampler = made(name).fit(x)
    z = sampler.sample(20_000)
    assert z.shape == (20_000, 1)
    assert z.mean() == pytest.approx(0 if name == "uniform" else 5, abs=0.3)
    if name in WITHOUT_DENSITY:
        return
    inside = np.linspace(-12, 16, 11201)[:, None]
    mass = np.exp(sampler.score_samples(inside)).sum() * (28 / 11200)
    assert mass == pytest.approx(1, abs=0.01)


@every
@pytest.mark.parametrize(("n", "d"), [(5, 20), (2, 3), (20, 20)])
def test_fewer_vectors_than_components(name, n, d):
    x = correlated(n, d)
    sampler = made(name).fit(x)
    z = sampler.sample(300).astype(float)
    assert np.isfinite(z).all()
    assert z.std(axis=0).min() > 0
    if name in IGNORE_THE_SPAN:
        return
    directions = np.linalg.svd(x - x.mean(axis=0))[2][: n - 1]
    offset = z - x.mean(axis=0)
    outside = offset - offset @ directions.T @ directions
    assert np.abs(outside).max() < 1e-5 * np.abs(offset).max()
    if name in WITHOUT_DENSITY:
        return
    with pytest.raises(ArrayError) as refused:
        sampler.score_samples(x)
    assert f"{n - 1} of {d} dimensions" in line(refused.value)


@every
def test_saved_and_loaded(name, analysis, tmp_path):
    sampler = made(name, temperature=0.7).fit(analysis)
    sampler.save(tmp_path / "sampler.npz")
    loaded = Sampler.load(tmp_path / "sampler.npz")
    assert type(loaded) is type(sampler)
    assert loaded.temperature == 0.7
    np.testing.assert_array_equal(loaded.sample(30, seed=5), sampler.sample(30, seed=5))
    if name not in WITHOUT_DENSITY:
        z = sampler.sample(20).astype(float)
        np.testing.assert_array_equal(loaded.score_samples(z), sampler.score_samples(z))
    with np.load(tmp_path / "sampler.npz", allow_pickle=False) as arrays:
        assert all(arrays[key].dtype != object for key in arrays.files)


@every
def test_a_damaged_file_is_refused(name, analysis, tmp_path):
    path = tmp_path / "sampler.npz"
    made(name).fit(analysis).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    for missing in ("head", "covariance"):
        np.savez(tmp_path / "broken.npz", **{key: value for key, value in arrays.items() if key != missing})
        with pytest.raises(ArrayError) as refused:
            Sampler.load(tmp_path / "broken.npz")
        assert "not a whole sampler" in line(refused.value)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ArrayError):
        Sampler.load(path)


@every
def test_temperature_scales_what_is_drawn(name, analysis):
    if name in NEURAL:  # the noise, not what becomes of it
        cold = made(name, temperature=0.1).fit(analysis).sample(2000)
        assert (cold.std(axis=0) < 0.7 * made(name).fit(analysis).sample(2000).std(axis=0)).all()
        return
    if name == "mixture":  # each component's own width
        cold = made(name, temperature=0.01, components=2).fit(analysis).sample(500)
        assert np.linalg.norm(cold[:, None] - cold[None], axis=2).min(axis=1).max() < 0.2
        return
    warm, cold = made(name).fit(analysis), made(name, temperature=0.5).fit(analysis)
    a, b = warm.sample(2000).astype(float), cold.sample(2000).astype(float)
    np.testing.assert_allclose(b.std(axis=0) / a.std(axis=0), 0.5, rtol=1e-3)


STEPS = 120  # of the integration, along each side


@with_density
@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_the_density_is_that_of_the_vectors_drawn(name, temperature):
    """Its mean over two boxes, by the vectors that fall into them and by integration."""
    x = correlated(3000, 2)
    sampler = made(name, temperature=temperature).fit(x)
    z = sampler.sample(200_000, seed=1).astype(float)
    low, high = np.quantile(z, [0.2, 0.8], axis=0)
    for corner in ((low, (low + high) / 2), ((low + high) / 2, high)):
        share = ((z >= corner[0]) & (z < corner[1])).all(axis=1).mean()
        axes = [
            np.linspace(a, b, STEPS + 1)[:-1] + (b - a) / (2 * STEPS) for a, b in zip(*corner, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
        integral = np.exp(sampler.score_samples(grid)).mean() * np.prod(corner[1] - corner[0])
        assert integral == pytest.approx(share, abs=0.01)


@every
@pytest.mark.parametrize("temperature", [0, -1, np.inf, np.nan])
def test_impossible_temperatures_are_refused(name, temperature, analysis):
    with pytest.raises(UsageError) as refused:
        made(name, temperature=temperature).fit(analysis)
    assert "temperature" in line(refused.value)


@every
def test_nan_is_refused(name, cloud):
    x = cloud.copy()
    x[7, 2] = np.nan
    with pytest.raises(ArrayError) as refused:
        made(name).fit(x)
    assert "vector 7, component 2 is nan" in line(refused.value)


@every
def test_a_single_vector_is_refused(name):
    with pytest.raises(ArrayError):
        made(name).fit(np.ones((1, 4)))


@every
def test_sample_before_fit_is_refused(name):
    for act in (
        lambda s: s.sample(3),
        lambda s: s.score_samples(np.zeros((1, 5))),
        lambda s: s.save("x.npz"),
    ):
        with pytest.raises(UsageError) as refused:
            act(made(name))
        assert "fit" in line(refused.value)


@every
@pytest.mark.parametrize("n", [0, -1])
def test_no_vectors_are_refused(name, analysis, n):
    with pytest.raises(UsageError) as refused:
        made(name).fit(analysis).sample(n)
    assert f"n={n}" in line(refused.value)


@every
def test_a_missing_distribution_is_refused(name, tmp_path):
    with pytest.raises(ArrayError) as refused:
        made(name).fit(tmp_path / "distribution.npz")
    assert "distribution.npz: no such file" in line(refused.value)


@every
def test_what_a_distribution_alone_does_not_tell_is_asked_for(name, analysis):
    make = SAMPLERS[name]
    if make.needs_vectors:
        with pytest.raises(UsageError) as refused:
            make().fit(analysis.distribution)
        assert "needs the latent vectors" in line(refused.value)
        return
    make().fit(analysis.distribution).sample(3)
    bare = Distribution.of(Moments.of(correlated(200, 4)))
    if name in NEED_MARGINS:
        with pytest.raises(UsageError) as refused:
            make().fit(bare)
        assert "margins" in line(refused.value)
    else:
        assert make().fit(bare).sample(3).shape == (3, 4)


@every
def test_by_name(name, analysis):
    make = SAMPLERS[name]
    sampler = by_name(name, sigma=2.0, temperature=0.9)
    assert type(sampler) is make
    assert sampler.temperature == 0.9
    assert sampler.random_state == 0
    if make in (Ellipse, EllipsePairs):
        assert sampler.sigma == 2.0


@with_density
def test_the_density_refuses_other_shapes(name, analysis):
    sampler = made(name).fit(analysis)
    for wrong in (np.zeros(5), np.zeros((3, 4))):
        with pytest.raises(ArrayError) as refused:
            sampler.score_samples(wrong)
        assert "(n, 5)" in line(refused.value)


@pytest.mark.parametrize("name", sorted(WITHOUT_DENSITY))
def test_no_density_where_there_is_none(name, analysis):
    with pytest.raises(UsageError) as refused:
        made(name).fit(analysis).score_samples(np.zeros((1, 5)))
    assert "density" in line(refused.value)


@pytest.mark.parametrize("name", ["normal", "independent", "ellipse"])
def test_the_density_is_that_of_scipy(name, cloud):
    x = cloud[:300].astype(float)
    mean, covariance = cloud.astype(float).mean(axis=0), np.cov(cloud.astype(float).T)
    normal = scipy.stats.multivariate_normal(mean, covariance).logpdf(x)
    if name == "ellipse":  # the normal density inside, one constant higher
        found = Ellipse(4.0).fit(cloud).score_samples(x)
        gain = (found - normal)[np.isfinite(found)]
        assert len(gain) > 250
        np.testing.assert_allclose(gain, gain[0], rtol=1e-6)
        assert 0 < gain[0] < 0.1
        return
    if name == "independent":
        normal = scipy.stats.norm.logpdf(x, mean, np.sqrt(np.diagonal(covariance))).sum(axis=1)
    np.testing.assert_allclose(made(name).fit(cloud).score_samples(x), normal, rtol=1e-9)


def test_the_kernel_s_width_does_not_depend_on_the_order_of_the_file():
    """Four classes, one after the other: the vectors that choose the width are from all of them."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(size=(1000, 8)) + 3 * random.normal(size=8) for _ in range(4)])
    widths = [Kernel(random_state=0).fit(z).width_ for z in (x, random.permutation(x))]
    assert abs(widths[0] - widths[1]) < 0.11, widths
    assert widths[0] < 0.6
