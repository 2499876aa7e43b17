"""Planted defects are found, named and ranked first; normal clouds are called normal, whatever their size."""

import numpy as np
import pandas as pd
import pytest

from support import correlated
from zpoints.analysis.analyse import analyse
from zpoints.analysis.result import Analysis

N = 20_000
NORMAL = "A multivariate normal distribution"


def normal(d: int, seed: int = 0, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def first(table: pd.DataFrame) -> pd.Series:
    """The least normal row."""
    rows = table.reset_index()
    return rows[rows["rank"] == 1].iloc[0]


def assert_component(found: Analysis, component: int) -> None:
    """The least normal one, in the table and in the summary, and named in the verdict."""
    assert first(found.components)["component"] == component
    z = found.summary["components"]["z"]
    assert z["worst"][0]["component"] == component
    assert z["not_normal"] >= 1
    assert f"most of all {component}" in found.summary["verdict"][1]
    assert not found.summary["verdict"][0].startswith(NORMAL)


def test_one_bimodal_component():
    x = correlated(N, 12)
    random = np.random.default_rng(1)
    x[:, 7] = 0.4 * x[:, 7] + 2.5 * random.choice([-1, 1], N) + 0.8 * random.normal(size=N)
    found = analyse(x.astype(np.float32))
    assert_component(found, 7)
    assert found.summary["components"]["z"]["several_modes"] == (7,)
    assert found.summary["components"]["z"]["not_normal"] == 1
    assert found.summary["planes"]["z"]["spoilers"][0]["component"] == 7


def test_one_heavy_tailed_component():
    x = correlated(N, 12)
    x[:, 4] = x[:, 4].mean() + 3 * np.random.default_rng(2).standard_t(4, N)
    found = analyse(x.astype(np.float32))
    assert_component(found, 4)
    assert found.summary["components"]["z"]["not_normal"] == 1
    assert found.summary["components"]["z"]["worst"][0]["excess_kurtosis"] > 1


def test_a_banana_and_a_width_that_depends_on_another_component():
    for shape in ("banana", "width"):
        x = normal(10, seed=3)
        if shape == "banana":
            x[:, 6] += 0.35 * x[:, 2] ** 2
        else:
            x[:, 6] *= np.sqrt(0.6 + 0.4 * x[:, 2] ** 2)
        found = analyse(x.astype(np.float32))
        worst = first(found.planes)
        assert (worst["i"], worst["j"]) == (2, 6), shape
        assert worst["deviation"] > 20
        assert worst["mutual_information_excess"] > 0.01
        listed = found.summary["planes"]["z"]["worst"][0]
        assert (listed["i"], listed["j"]) == (2, 6)
        assert abs(worst["r"]) < 0.05, "no correlation tells of it"
        assert not found.summary["verdict"][0].startswith(NORMAL)


def test_a_pair_whose_components_are_normal_each():
    # Signs turned: every component and every correlation is that of independent normals.
    x = normal(10, seed=4)
    x[:, 8] = np.abs(x[:, 8]) * np.sign(x[:, 1]) * np.sign(x[:, 5])
    x[:, 3] = np.where(np.abs(x[:, 0]) < 1.0, -1, 1) * np.abs(x[:, 3]) * np.sign(x[:, 0])
    found = analyse(x.astype(np.float32))
    worst = first(found.planes)
    assert (worst["i"], worst["j"]) == (0, 3)
    assert found.summary["components"]["z"]["not_normal"] == 0
    assert not found.summary["verdict"][0].startswith(NORMAL)


def test_two_clusters_in_a_random_direction():
    random = np.random.default_rng(5)
    x = normal(12, seed=5)
    direction = random.normal(size=12)
    direction /= np.linalg.norm(direction)
    x += 6 * random.choice([-0.5, 0.5], N)[:, None] * direction
    found = analyse(x.astype(np.float32))
    assert found.summary["region"]["clusters"]["regions"] == 2
    assert "2 separate regions" in found.summary["verdict"][0]
    along = found.principal_components.loc[0]
    assert along["modes"] == 2
    assert abs(found.distribution.pca.axes[0] @ direction) > 0.99
    assert first(found.principal_components)["component"] == 0


def test_the_directions_found_are_in_the_latent_components_own_units():
    x = correlated(N, 12)
    random = np.random.default_rng(8)
    mixed, direction = np.linalg.cholesky(np.cov(x.T)), random.normal(size=12)
    direction /= np.linalg.norm(direction)
    white = np.linalg.solve(mixed, (x - x.mean(0)).T).T
    white += np.outer(np.abs(random.normal(size=N)) * 2, direction)
    x = 5 + white @ mixed.T
    found = analyse(x)
    projected = (x - x.mean(0)) @ found.directions.T
    np.testing.assert_allclose(projected.std(0), 1, rtol=1e-3)
    assert abs(np.corrcoef(projected[:, 0], white @ direction)[0, 1]) > 0.8


def test_far_outliers_in_one_component():
    x = correlated(N, 12).astype(np.float32)
    far = np.random.default_rng(6).random(N) < 0.05
    x[far, 9] += 60
    found = analyse(x)
    assert_component(found, 9)
    core = found.summary["trimming"]["core"]
    assert core["found"]
    assert core["share"] < 0.94, "the core leaves them out"
    fit = found.components.loc[9]
    clean = x[~far, 9].astype(float)
    assert fit["fit_centre"] == pytest.approx(clean.mean(), abs=0.1 * clean.std())
    assert fit["fit_sigma"] == pytest.approx(clean.std(), rel=0.15)


def strong(n: int, d: int, seed: int) -> np.ndarray:
    """Normal vectors with a few strong correlations, and unequal spreads."""
    random = np.random.default_rng(seed)
    factors = random.normal(size=(n, 2)) @ random.normal(size=(2, d))
    x = 2 * factors + random.normal(size=(n, d)) @ (np.eye(d) + random.normal(size=(d, d)) / (3 * np.sqrt(d)))
    return (x * np.exp(random.normal(size=d)) + 5 * random.normal(size=d)).astype(np.float32)


CLOUDS = [
    (n, d, 100 * s + d)
    for n, seeds in ((300, 3), (3000, 2), (20_000, 1))
    for d in (3, 12, 40)
    for s in range(seeds)
]


@pytest.mark.parametrize(
    ("n", "d", "seed"),
    [CLOUDS[0], *(pytest.param(*cloud, marks=pytest.mark.slow) for cloud in [*CLOUDS[1:], (3000, 40, 240)])],
)
def test_normal_clouds_are_normal(n, d, seed):
    found = analyse(strong(n, d, seed)).summary
    assert found["largest_off_diagonal"]["z"] > 0.5
    for axes in ("z", "pca"):
        assert found["components"][axes]["not_normal"] == 0, axes
        assert found["planes"][axes]["not_normal"] == 0, axes
    assert found["verdict"][0].startswith(NORMAL)
    assert "within the noise" in found["verdict"][0]
    assert found["region"]["clusters"]["regions"] == 1
