"""Flow matching finds laws that no normal distribution has, and stops before it learns its vectors by heart."""

import copy

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import ks_2samp, multivariate_normal

from support import correlated, line
from zpoints.errors import UsageError
from zpoints.samplers import FlowMatching
from zpoints.statistics.mixtures import Mixture

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
    assert 0 < fitted.best_step_ <= 600  # it adds something to the mixture that it starts from
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


def mixture(k: int, d: int) -> Mixture:
    random = np.random.default_rng(k)
    root = random.normal(size=(k, d, d)) / np.sqrt(d)
    weights = random.uniform(0.5, 2, k)
    return Mixture(
        weights / weights.sum(),
        2 * random.normal(size=(k, d)),
        root @ root.transpose(0, 2, 1) + 0.1 * np.eye(d),
    )


def test_untrained_it_draws_from_the_normal_law_exactly():
    """Of a normal law the velocity is known, and its path: x(t) = x(0) ((1 - t)^2 + t^2)^(1/2)."""
    torch = pytest.importorskip("torch")
    from zpoints.samplers.velocity import Velocity, flow

    normal = Mixture(np.ones(1), np.zeros((1, 5)), np.eye(5)[None])
    network = Velocity(normal, 32, 1, 0.0).eval()
    noise = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(flow(network, noise, 10), noise, rtol=0.01, atol=0)
        torch.testing.assert_close(flow(network, noise, 100), noise, rtol=1e-4, atol=0)


@pytest.mark.parametrize(("k", "d"), [(1, 3), (3, 2), (4, 6)])
def test_the_mixtures_velocity_follows_from_the_score_of_its_density(k, d):
    """On straight ways from noise v(x, t) = x / t + (1 - t) / t times the gradient of log p_t(x); SciPy's p_t."""
    torch = pytest.importorskip("torch")
    from zpoints.samplers.velocity import MixtureVelocity

    law, random, step = mixture(k, d), np.random.default_rng(1), 1e-4
    times = np.array([0.1, 0.37, 0.7, 0.95])
    x = random.normal(size=(len(times), 5, d))
    wanted = np.empty_like(x)
    for t, points, found in zip(times, x, wanted, strict=True):
        covariances = (1 - t) ** 2 * np.eye(d) + t * t * law.covariances

        def log_density(at, t=t, covariances=covariances):
            each = [
                multivariate_normal(t * m, c).logpdf(at) for m, c in zip(law.means, covariances, strict=True)
            ]
            return logsumexp(each, axis=0, b=law.weights[:, None])

        moves = step * np.eye(d)
        score = np.stack(
            [(log_density(points + e) - log_density(points - e)) / (2 * step) for e in moves], axis=1
        )
        found[:] = points / t + (1 - t) / t * score
    velocity = MixtureVelocity(law)
    known = velocity(torch.from_numpy(x).float(), torch.from_numpy(times).float())
    np.testing.assert_allclose(known, wanted, rtol=2e-3, atol=2e-3)
    one = velocity(torch.from_numpy(x[1:2]).float(), torch.tensor([times[1]]).float())
    np.testing.assert_allclose(one, known[1:2], rtol=1e-5, atol=1e-5)


def test_a_mixtures_velocity_carries_noise_to_the_mixture():
    """Drawn without any training: mean, covariance, and where SciPy's law has its quantiles along a line."""
    torch = pytest.importorskip("torch")
    from zpoints.samplers.velocity import Velocity, flow

    law = mixture(3, 2)
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        z = flow(Velocity(law, 32, 1, 0.0).eval(), noise, 20).numpy()
    drawn = law.draw(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(z.mean(axis=0), law.weights @ law.means, atol=0.06)
    np.testing.assert_allclose(np.cov(z.T), np.cov(drawn.T), atol=0.15)
    for axis in range(2):
        assert ks_2samp(z[:, axis], drawn[:, axis]).statistic < 0.025


def test_parts_of_a_batch_change_nothing(monkeypatch):
    torch = pytest.importorskip("torch")
    from zpoints.samplers import velocity

    known = velocity.MixtureVelocity(mixture(3, 4))
    random = torch.Generator().manual_seed(0)
    x, t = torch.randn(7, 5, 4, generator=random), torch.rand(7, generator=random)
    whole, alone = known(x, t), known(x[:1], t[:1])
    monkeypatch.setattr(velocity, "AT_ONCE", 25)
    torch.testing.assert_close(known(x, t), whole)
    torch.testing.assert_close(known(x[:1], t[:1]), alone)


def test_the_steps_of_the_default_integration_are_enough(fitted):
    z = fitted.sample(500, random_state=3)
    fine = copy.copy(fitted)
    fine.integration = 200
    assert np.sqrt(((fine.sample(500, random_state=3) - z) ** 2).mean()) < 0.05 * z.std()


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 11])
def test_a_handful_of_steps_is_a_fit_too(steps):
    z = FlowMatching(steps=steps, random_state=0).fit(correlated(50, 3)).sample(5)
    assert np.isfinite(z).all()
