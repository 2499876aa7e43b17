"""Flow matching finds laws that no normal distribution has, and stops before it learns its vectors by heart."""

import copy

import numpy as np
import pytest

from support import correlated, line
from zpoints.errors import UsageError
from zpoints.samplers import FlowMatching

QUICK = {"steps": 600, "width": 96, "blocks": 2, "batch": 256}


def ring(n: int = 6000) -> np.ndarray:
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, n)
    radius = 5 + 0.3 * random.normal(size=n)
    return np.stack([radius * np.cos(angle) + 2, radius * np.sin(angle) - 1], axis=1)


@pytest.fixture(scope="module")
def fitted() -> FlowMatching:
    return FlowMatching(**QUICK, random_state=0).fit(ring())


def test_a_ring_stays_a_ring(fitted):
    z = fitted.sample(4000).astype(float) - [2, -1]
    radius = np.linalg.norm(z, axis=1)
    assert np.median(radius) == pytest.approx(5, abs=0.3)
    assert (radius < 3).mean() < 0.06
    assert np.abs(z.mean(axis=0)).max() < 0.5


def test_mean_and_covariance_of_a_normal_cloud():
    x = correlated(4000, 4)
    z = FlowMatching(**QUICK, random_state=0).fit(x).sample(20_000)
    std = x.std(axis=0)
    np.testing.assert_allclose(z.mean(axis=0), x.mean(axis=0), atol=0.15 * std.max())
    np.testing.assert_allclose(z.std(axis=0), std, rtol=0.12)
    np.testing.assert_allclose(np.corrcoef(z.T), np.corrcoef(x.T), atol=0.12)


@pytest.mark.slow
def test_held_out_vectors_decide_where_it_stops(fitted):
    assert 200 <= fitted.best_step_ <= 600
    assert 0 < fitted.held_out_loss_ < 2
    # Of 40 vectors much can be learnt by heart, and nothing more.
    x = np.random.default_rng(1).normal(size=(40, 3))
    short = FlowMatching(steps=4000, width=128, blocks=2, batch=64, dropout=0.0, random_state=0).fit(x)
    assert short.best_step_ < 2000


def test_no_more_than_so_many_vectors_are_learnt_from():
    few = FlowMatching(**(QUICK | {"steps": 20}), most=500, random_state=0).fit(ring())
    assert np.isfinite(few.sample(10)).all()


@pytest.mark.parametrize("settings", [{"steps": 0}, {"rate": 0.0}, {"dropout": 1.0}, {"most": 1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError) as refused:
        FlowMatching(**settings).fit(correlated(50, 3))
    assert "FlowMatching" in line(refused.value)


def test_untrained_it_draws_from_the_normal_law_exactly():
    """Of a normal law the velocity is known, and its path: x(t) = x(0) ((1 - t)^2 + t^2)^(1/2)."""
    torch = pytest.importorskip("torch")
    from zpoints.samplers.velocity import Velocity, flow

    network = Velocity(5, 32, 1, 0.0).eval()
    noise = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(flow(network, noise, 10), noise, rtol=0.01, atol=0)
        torch.testing.assert_close(flow(network, noise, 100), noise, rtol=1e-4, atol=0)
        for t in (0.2, 0.5, 0.9):
            scale = ((1 - t) ** 2 + t**2) ** 0.5
            x, step = noise * scale, 1e-3
            later = noise * ((1 - t - step) ** 2 + (t + step) ** 2) ** 0.5
            velocity = network(x, torch.full((200,), t))
            torch.testing.assert_close((later - x) / step, velocity, rtol=0.05, atol=2e-2)


def test_the_steps_of_the_default_integration_are_enough(fitted):
    z = fitted.sample(500, random_state=3)
    fine = copy.copy(fitted)
    fine.integration = 200
    assert np.sqrt(((fine.sample(500, random_state=3) - z) ** 2).mean()) < 0.05 * z.std()
