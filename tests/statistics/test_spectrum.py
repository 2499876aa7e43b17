"""The edge of noise: closed forms, simulated noise, planted axes above and below what can be seen."""

import numpy as np
import pytest

from zpoints.statistics.spectrum import (
    SignalEdge,
    effective_rank,
    marchenko_pastur_median,
    own_scales,
    participation_ratio,
)


def edge(x: np.ndarray, correlation: bool = False, scaled: bool = True) -> SignalEdge:
    """Of some vectors, by their own principal axes."""
    n, d = x.shape
    x = x - x.mean(axis=0)
    if correlation:
        x = x / x.std(axis=0, ddof=1)
    variance, axes = np.linalg.eigh(np.cov(x.T))
    alive = variance > 1e-9
    variance, axes = variance[alive], axes[:, alive]
    scales = own_scales(x @ axes / np.sqrt(variance), variance, n, d) if scaled else None
    return SignalEdge.of(variance, n, d, scales, 1.0 if correlation else None)


@pytest.mark.parametrize("ratio", [0.01, 0.3, 1.0, 2.5])
def test_the_median_is_that_of_simulated_noise(ratio: float) -> None:
    d = 400
    x = np.random.default_rng(0).normal(size=(round(d / ratio) if ratio >= 0.3 else 40_000, d))
    x = x[:, :200] if ratio < 0.3 else x
    variance = np.linalg.eigvalsh(x.T @ x / len(x))
    measured = np.median(variance[variance > 1e-9])
    assert marchenko_pastur_median(x.shape[1] / len(x)) == pytest.approx(
        measured, rel=0.01 if ratio < 1 else 0.04
    )


def test_the_edge_of_equal_scales_is_the_closed_form() -> None:
    for n, d in ((1001, 10), (101, 100), (51, 200)):
        found = SignalEdge.of(np.ones(20), n, d, noise=2.0)
        assert found.edge == pytest.approx(2 * (1 + np.sqrt(d / (n - 1))) ** 2, rel=1e-6)
        assert found.limit > found.edge


@pytest.mark.parametrize(("n", "d"), [(200, 12), (100, 60), (60, 150)])
def test_noise_has_no_axis_that_stands_out(n: int, d: int) -> None:
    # 2 in 1,000 each by simulation: 3 of 60 come once in 5,000 suites.
    for correlation in (False, True):
        found = [
            edge(np.random.default_rng(seed).normal(size=(n, d)), correlation).axes for seed in range(60)
        ]
        assert np.count_nonzero(found) <= 2


def test_axes_above_the_threshold_of_baik_ben_arous_and_peche_are_counted() -> None:
    # 1 + sqrt(50 / 1000) = 1.22: the last one cannot be seen, the others are far above it.
    for seed in range(10):
        x = np.random.default_rng(seed).normal(size=(1000, 50))
        x[:, :4] *= np.sqrt([9.0, 4.0, 3.0, 1.1])
        turn = np.linalg.qr(np.random.default_rng(seed + 100).normal(size=(50, 50)))[0]
        found = edge(x @ turn)
        assert found.axes == 3
        assert found.noise == pytest.approx(1.0, abs=0.05)


def test_vectors_with_their_own_scales_reach_farther() -> None:
    plain = own = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        x = random.normal(size=(1500, 50)) * np.sqrt(8 / random.chisquare(10, size=(1500, 1)))
        plain += edge(x, scaled=False).axes > 0
        own += edge(x).axes > 0
    assert plain >= 15
    assert own <= 4  # 1 in 100 by simulation


def test_variances_that_fall_evenly_have_no_floor() -> None:
    x = np.random.default_rng(0).normal(size=(5000, 40)) * np.geomspace(1, 0.01, 40)
    found = edge(x)
    assert not found.found
    assert found.axes == 40
    assert np.isnan(found.limit)


def test_ranks_are_those_of_their_formulas() -> None:
    variance = np.array([4.0, 1.0, 1.0])
    p = np.array([0.5, 0.25, 0.25])
    assert effective_rank(variance) == pytest.approx(np.exp(-np.sum(p * np.log(p))))
    assert participation_ratio(variance) == pytest.approx(36 / 18)
    assert participation_ratio(variance * 1e-300) == pytest.approx(2.0)
