"""The Gibbs sampler for all pairs of components: inside all ellipses, and the right law there."""

import numpy as np
import pytest

from support import correlated, line
from zpoints.errors import UsageError
from zpoints.samplers import EllipsePairs


def standardised(sampler: EllipsePairs, n: int) -> np.ndarray:
    z = sampler.sample(n, seed=3).astype(float)
    return (z - sampler.distribution_.mean) / sampler.distribution_.std


@pytest.mark.parametrize("draws", ["normal", "uniform", "correlated"])
def test_inside_all_ellipses(draws):
    x = correlated(2000, 8)
    sampler = EllipsePairs(sigma=2.0, draws=draws).fit(x)
    u, r = standardised(sampler, 2000), np.corrcoef(x.T)
    for i in range(8):
        for j in range(i + 1, 8):
            q = u[:, i] ** 2 - 2 * r[i, j] * u[:, i] * u[:, j] + u[:, j] ** 2
            assert (q <= 4 * (1 - r[i, j] ** 2) * (1 + 1e-4)).all()


@pytest.mark.parametrize("draws", ["normal", "uniform", "correlated"])
def test_the_law_is_that_of_rejection(draws):
    x = correlated(2000, 3)
    sampler, r = EllipsePairs(sigma=2.0, draws=draws).fit(x), np.corrcoef(x.T)
    random = np.random.default_rng(1)
    shape = (400_000, 3)
    proposed = random.normal(size=shape) if draws == "normal" else random.uniform(-2, 2, shape)
    if draws == "correlated":
        proposed = random.normal(size=shape) @ np.linalg.cholesky(r).T
    inside = np.ones(len(proposed), bool)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a, b = proposed[:, i], proposed[:, j]
        inside &= a * a - 2 * r[i, j] * a * b + b * b <= 4 * (1 - r[i, j] ** 2)
    expected = proposed[inside]
    found = standardised(sampler, 20_000)
    np.testing.assert_allclose(found.std(axis=0), expected.std(axis=0), rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(found.T), np.corrcoef(expected.T), atol=0.03)
    lengths = np.quantile((found**2).sum(axis=1), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(lengths, np.quantile((expected**2).sum(axis=1), [0.1, 0.5, 0.9]), rtol=0.05)


def test_the_chains_have_forgotten_their_start():
    sampler = EllipsePairs().fit(correlated(2000, 12))
    assert sampler.trace_.shape == (60,)
    assert sampler.settled_ < 30


def pair(r: float) -> np.ndarray:
    """Vectors with exactly this correlation."""
    x = np.random.default_rng(0).normal(size=(500, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return x @ np.linalg.cholesky([[1, r], [r, 1]]).T


def variance_inside(r: float, sigma: float, draws: str) -> float:
    """Of one component of the law inside one ellipse, by quadrature along both axes of it."""
    a, b = sigma * np.sqrt(1 + r), sigma * np.sqrt(1 - r)
    radius, angle = np.meshgrid((np.arange(400) + 0.5) / 400, 2 * np.pi * np.arange(400) / 400)
    u, v = a * radius * np.cos(angle), b * radius * np.sin(angle)
    exponent = {
        "normal": u * u + v * v,
        "correlated": (sigma * radius) ** 2,
        "uniform": 0 * u,
    }[draws]
    weight = radius * np.exp(-exponent / 2)
    return float(np.sum(weight * (u + v) ** 2 / 2) / np.sum(weight))


@pytest.mark.parametrize("draws", ["normal", "uniform", "correlated"])
@pytest.mark.parametrize("r", [0.5, 0.999, 0.9999, -0.9999])
@pytest.mark.parametrize("sigma", [3])  # a whole number, too
def test_thin_ellipses_have_the_exact_variance(r, sigma, draws):
    """Component by component, r = 0.9999 gave 0.064 in place of 0.468, and called it settled."""
    sampler = EllipsePairs(sigma=sigma, draws=draws).fit(pair(r))
    u = standardised(sampler, 12_000)
    exact = variance_inside(r, sigma, draws)
    assert sampler.settled_ < 60
    np.testing.assert_allclose(u.var(axis=0), exact, rtol=0.06)
    if draws == "correlated" and r == 0.5:
        assert np.corrcoef(u.T)[0, 1] == pytest.approx(0.5, abs=0.03)


def test_the_known_variance_of_a_line():
    """The normal law of the issue: N(0, 1/2) on a line, weighted with the ellipse's width."""
    assert variance_inside(0.99999, 3, "normal") == pytest.approx(0.4682, abs=2e-3)


def test_chains_that_do_not_mix_are_told(monkeypatch):
    import zpoints.samplers.ellipse_pairs as module

    monkeypatch.setattr(module, "LONG", np.inf)  # component by component only
    with pytest.warns(UserWarning, match="not forgotten where they started"):
        sampler = EllipsePairs().fit(pair(0.9999))
    assert sampler.settled_ == 60


def test_the_correlated_law_keeps_distances_in_many_dimensions():
    """Independent normal draws lie at several times the distance: they ignore what no plane alone forbids."""
    x = correlated(4000, 20)
    root = np.linalg.cholesky(np.linalg.inv(np.corrcoef(x.T)))
    median = {
        draws: np.median(np.linalg.norm(standardised(EllipsePairs(draws=draws).fit(x), 2000) @ root, axis=1))
        for draws in ("normal", "correlated")
    }
    assert median["correlated"] == pytest.approx(np.sqrt(20), rel=0.1)
    assert median["normal"] > median["correlated"]


def test_components_of_which_one_follows_from_the_other():
    x = correlated(1000, 4)
    x = np.column_stack([x, x[:, 0]])
    z = EllipsePairs().fit(x).sample(200, 0)
    np.testing.assert_allclose(z[:, 4], z[:, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"sigma": 0}, "sigma=0"), ({"draws": "cubic"}, "cubic"), ({"sweeps": 1}, "sweeps=1")],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(UsageError) as refused:
        EllipsePairs(**settings).fit(correlated(50, 3))
    assert message in line(refused.value)
