"""The flow finds laws that no normal distribution has, knows their density, and needs zuko, which it asks for."""

import numpy as np
import pytest
import scipy.stats
import torch

from support import correlated, line
from zpoints.errors import UsageError
from zpoints.samplers import Flow, FlowMatching, Sampler, neural

QUICK = {"steps": 1500, "width": 64, "transforms": 6, "batch": 256, "dropout": 0.0}


def banana(n: int, seed: int = 0) -> np.ndarray:
    """x normal, y normal around x squared: its density is known."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    return np.stack([x, 0.5 * x**2 + 0.3 * random.normal(size=n)], axis=1)


def banana_log_density(z: np.ndarray) -> np.ndarray:
    return scipy.stats.norm.logpdf(z[:, 0]) + scipy.stats.norm.logpdf(z[:, 1], 0.5 * z[:, 0] ** 2, 0.3)


@pytest.fixture(scope="module")
def fitted() -> Flow:
    return Flow(**QUICK, random_state=0).fit(banana(20_000))


def test_the_density_is_nearly_that_of_the_law(fitted):
    z = banana(4000, 1)
    gap = banana_log_density(z).mean() - fitted.score_samples(z).mean()  # the Kullback-Leibler divergence
    normal = scipy.stats.multivariate_normal(z.mean(axis=0), np.cov(z.T)).logpdf(z).mean()
    assert -0.02 < gap < 0.1
    assert gap < 0.2 * (banana_log_density(z).mean() - normal)


def test_the_vectors_follow_the_law(fitted):
    z, expected = fitted.sample(20_000), banana(20_000, 2)
    residual, theirs = z[:, 1] - 0.5 * z[:, 0] ** 2, expected[:, 1] - 0.5 * expected[:, 0] ** 2
    assert scipy.stats.ks_2samp(z[:, 0], expected[:, 0]).statistic < 0.05
    assert scipy.stats.ks_2samp(residual, theirs).statistic < 0.1


def test_both_ways_are_one_map(fitted):
    noise = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        transform = fitted.network_().transform
        again = transform(transform.inv(noise))
    np.testing.assert_allclose(again.numpy(), noise.numpy(), atol=1e-4)


@pytest.mark.slow
def test_held_out_vectors_decide_where_it_stops():
    x = np.random.default_rng(1).normal(size=(60, 4))
    short = Flow(steps=600, width=64, transforms=4, batch=64, rate=1e-3, dropout=0.0, random_state=0).fit(x)
    assert short.best_step_ < 300
    # What it learnt of 57 normal vectors is no worse than the normal law by much.
    z = np.random.default_rng(2).normal(size=(2000, 4))
    truth = scipy.stats.norm.logpdf(z).sum(axis=1).mean()
    assert truth - short.score_samples(z).mean() < 2
    # Steps so large that the first look comes too late leave the normal law.
    rash = Flow(steps=2000, width=64, transforms=4, batch=64, rate=3e-3, dropout=0.0, random_state=0).fit(x)
    assert truth - rash.score_samples(z).mean() < 2


@pytest.mark.parametrize("make", [Flow, FlowMatching])
def test_what_is_not_installed_is_asked_for(make, monkeypatch, tmp_path):
    sampler = make(steps=5, width=16, random_state=0).fit(correlated(100, 3))
    sampler.save(tmp_path / "sampler.npz")
    package = list(make.packages)[-1]
    monkeypatch.setattr(neural, "find_spec", lambda name: None if name == package else object())
    for act in (
        lambda: make().fit(correlated(100, 3)),
        lambda: Sampler.load(tmp_path / "sampler.npz"),
    ):
        with pytest.raises(UsageError) as refused:
            act()
        assert f"needs {package}" in line(refused.value)
        assert "pip install" in line(refused.value)


def test_training_leaves_the_global_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Flow(steps=5, width=16).fit(correlated(100, 3))
    np.testing.assert_array_equal(torch.rand(3).numpy(), expected.numpy())


@pytest.mark.parametrize("settings", [{"transforms": 0}, {"width": 0}, {"dropout": 1.0}, {"rate": -1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError) as refused:
        Flow(**settings).fit(correlated(50, 3))
    assert "Flow" in line(refused.value)
