"""The Gibbs sampler for all pairs of components: inside all ellipses, and the right law there."""

import numpy as np
import pytest

from support import correlated, line
from zpoints.errors import UsageError
from zpoints.samplers import EllipsePairs


def standardised(sampler: EllipsePairs, n: int) -> np.ndarray:
    z = sampler.sample(n, seed=3).astype(float)
    return (z - sampler.distribution_.mean) / sampler.distribution_.std


@pytest.mark.parametrize("draws", ["normal", "uniform"])
def test_inside_all_ellipses(draws):
    x = correlated(2000, 8)
    sampler = EllipsePairs(sigma=2.0, draws=draws).fit(x)
    u, r = standardised(sampler, 2000), np.corrcoef(x.T)
    for i in range(8):
        for j in range(i + 1, 8):
            q = u[:, i] ** 2 - 2 * r[i, j] * u[:, i] * u[:, j] + u[:, j] ** 2
            assert (q <= 4 * (1 - r[i, j] ** 2) * (1 + 1e-4)).all()


@pytest.mark.parametrize("draws", ["normal", "uniform"])
def test_the_law_is_that_of_rejection(draws):
    x = correlated(2000, 3)
    sampler, r = EllipsePairs(sigma=2.0, draws=draws).fit(x), np.corrcoef(x.T)
    random = np.random.default_rng(1)
    shape = (400_000, 3)
    proposed = random.normal(size=shape) if draws == "normal" else random.uniform(-2, 2, shape)
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
