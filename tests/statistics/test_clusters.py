"""One region or several: shapes that tempt a mixture to see fragments, and real fragments."""

import json

import numpy as np
import pytest

from planted import REGIONS, one_component_two_modes, outlying_clump, planted
from zpoints.analysis.normality import least_normal
from zpoints.analysis.region import DIRECTIONS
from zpoints.statistics.clusters import Clusters, Valley, find_clusters
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA

N, D = 4000, 8


def shaped(name: str, seed: int = 0, n: int = N, d: int = D) -> np.ndarray:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, d))
    if name == "student":
        x /= np.sqrt(random.chisquare(4, (n, 1)) / 4)
    elif name == "scales":
        x *= random.choice([1, 3], (n, 1), p=[0.7, 0.3])
    elif name == "skewed":
        x = random.exponential(size=(n, d))
    elif name == "banana":
        x[:, 1] += 2 * x[:, 0] ** 2
    elif name == "uniform":
        x = random.uniform(size=(n, d))
    elif name == "two":
        x[: n // 2, 0] += 5
    elif name == "unequal":
        x[: n // 10, 0] += 6
    elif name == "three":
        x[: n // 3, 0] += 5
        x[-n // 3 :, 1] += 5
    elif name == "two with tails":
        x /= np.sqrt(random.chisquare(4, (n, 1)) / 4)
        x[: n // 2, 0] += 6
    return random.permutation(x)


@pytest.mark.parametrize("name", ["normal", "student", "scales", "skewed", "banana", "uniform"])
def test_one_region_however_unlike_a_normal(name):
    found = find_clusters(shaped(name, 1), seed=1)
    assert (found.regions, found.shares, found.evidence) == (1, (1.0,), ())
    assert found.sentence().startswith("One region")
    assert "Fragmented" not in found.sentence()


@pytest.mark.parametrize("name", ["ring", "torus", "spiral", "swiss roll", "sphere"])
def test_what_is_bent_is_one_region(name):
    assert find_clusters(planted(name, 2500, 3)).regions == 1


@pytest.mark.parametrize(("name", "d"), [("2 clusters", 6), ("7 clusters", 12), ("20 clusters", 12)])
def test_clusters_are_counted(name, d):
    found = find_clusters(planted(name, 4000, d))
    assert found.regions == REGIONS[name] == len(found.shares)
    assert found.sentence().startswith(f"Fragmented: at least {REGIONS[name]} separate regions")
    assert sum(found.shares) == pytest.approx(1)


def test_clusters_on_a_ring_are_as_many_and_fill_it_when_they_grow():
    random = np.random.default_rng(0)
    angle = 2 * np.pi / 12 * random.integers(0, 12, 4000)
    for width, regions in ((0.05, 12), (0.3, 1)):
        x = np.column_stack([np.cos(angle), np.sin(angle)]) + width * random.normal(size=(4000, 2))
        assert find_clusters(x).regions == regions


@pytest.mark.slow
def test_a_grid_of_a_hundred_clusters():
    random = np.random.default_rng(0)
    x = random.integers(0, 10, (20_000, 2)) + 0.1 * random.normal(size=(20_000, 2))
    found = find_clusters(x)
    assert (
        60 <= found.regions <= 100
    )  # at least: nodes are too few to part all of those that lie in one plane
    assert f"at least {found.regions} separate regions" in found.sentence()


def test_scattered_outliers_are_no_region_and_a_clump_is_one():
    assert find_clusters(planted("5 % outliers", 6000, 8)).regions == 1
    found = find_clusters(outlying_clump(6000, 8, 0))
    assert found.regions == 2
    np.testing.assert_allclose(found.shares, [0.95, 0.05], atol=0.01)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_codes_of_few_values_are_points(d):
    x = np.random.default_rng(0).integers(0, 2, (1000, d)).astype(float)
    found = find_clusters((x - x.mean(axis=0)) / x.std(axis=0))
    assert found.regions == found.distinct == 2**d
    assert (found.n_fitted, sum(found.shares)) == (0, pytest.approx(1))
    assert found.sentence().startswith("Points rather than a density")


def test_binary_codes_of_many_components_end():
    found = find_clusters(planted("binary", 3000, 16))
    assert found.regions > 1
    assert found.distinct > 100


def test_repeated_vectors_prove_nothing_more():
    """Three clear vectors in a valley of ten are no proof, and none when each is there ten times."""
    x = shaped("two", n=120)
    x[:60, 0] -= 1
    once, often = find_clusters(x), find_clusters(np.repeat(x, 10, axis=0))
    assert often.distinct == once.distinct == 120
    assert once.regions == often.regions == 1
    assert find_clusters(planted("doubled", 4000, 8)).regions == 1


def test_two_clusters_along_no_axis_are_found_by_the_direction_along_which_they_differ():
    random = np.random.default_rng(0)
    n, d = 8000, 64
    x = random.normal(size=(n, d))
    x[:, 50] = (random.choice([-3, 3], n) + x[:, 50]) / np.sqrt(10)
    assert find_clusters(x, np.eye(d)[[50]]).regions == 2


@pytest.mark.parametrize(
    ("name", "shares"),
    [("two", [0.5, 0.5]), ("unequal", [0.9, 0.1]), ("three", [1 / 3] * 3), ("two with tails", [0.5, 0.5])],
)
def test_separate_regions_with_their_evidence(name, shares):
    found = find_clusters(shaped(name, n=8000))
    assert found.regions == len(shares)
    np.testing.assert_allclose(found.shares, shares, atol=0.05)
    assert {region for valley in found.evidence for region in valley.regions} == set(range(len(shares)))
    assert all(valley.dip < 0.7 and valley.z > 3.5 for valley in found.evidence)
    assert "standard errors" in found.sentence()


@pytest.mark.slow
def test_the_scale_of_the_axes_and_a_repeated_one_change_nothing():
    x = shaped("two")
    plain = find_clusters(x)
    other = find_clusters(np.column_stack([x * np.logspace(-3, 3, D), x[:, 0] + x[:, 1]]))
    assert other.regions == plain.regions == 2
    np.testing.assert_allclose(other.shares, plain.shares, atol=0.02)


def test_the_same_seed_gives_the_same_finding():
    x = shaped("two with tails", n=2000).astype(np.float32)
    assert find_clusters(x, seed=3).summary == find_clusters(x, seed=3).summary


@pytest.mark.parametrize("n", [0, 1, 2, 99, 100, 300])
def test_few_vectors_are_never_fragments_by_chance(n):
    found = find_clusters(shaped("normal", n=n, d=12))
    assert found.regions == 1
    assert ("Too few" in found.sentence()) == (n < 100)


def test_of_one_axis():
    assert find_clusters(shaped("two", d=1)).regions == 2
    assert find_clusters(one_component_two_modes(2000, 1, 0)).regions == 2
    assert find_clusters(shaped("skewed", d=1)).regions == 1


def test_a_vector_far_away_is_no_region():
    x = shaped("normal")
    x[0] = 1e6
    assert find_clusters(x).regions == find_clusters(x, seed=1).regions == 1


@pytest.mark.parametrize("gap", [8, 30, 1000, 1e5])
def test_clouds_far_apart(gap):
    x = shaped("normal", n=4000, d=3)
    x[:1000, 0] += gap
    found = find_clusters(x)
    assert found.regions == 2
    np.testing.assert_allclose(found.shares, [0.75, 0.25], atol=0.02)
    assert found.evidence[0].dip < 0.05


def test_two_points():
    assert find_clusters(np.random.default_rng(0).choice([[0.0, 0.0], [1.0, 2.0]], 1000)).regions == 2


def test_equal_vectors_are_one_region():
    assert find_clusters(np.ones((200, 3))).regions == 1


def test_the_figures_of_a_valley():
    valley = Valley((0, 1), (300, 200), 60)
    assert valley.dip == pytest.approx(0.3)
    assert valley.z == pytest.approx(140 / np.sqrt(260))
    assert np.isfinite([Valley((0, 1), (0, 0), 0).dip, Valley((0, 1), (0, 0), 0).z]).all()


@pytest.mark.parametrize("name", ["normal", "three"])
def test_the_summary_is_plain_json(name):
    found = find_clusters(shaped(name, n=3000))
    assert isinstance(found, Clusters)
    text = json.dumps(found.summary, allow_nan=False)
    assert json.loads(text) == found.summary
    assert found.summary["sentence"] == found.sentence()


def looked_at(x: np.ndarray) -> int:
    """Regions as `analyse` counts them: along the axes, and along the least normal directions."""
    whole = PCA.of_moments(Moments.of(x))
    return find_clusters(whole.whiten(x), least_normal(whole, x).found[:DIRECTIONS]).regions


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, regions in REGIONS.items() if regions is not None])
def test_planted_clouds_are_counted_exactly(name):
    """At least 19 of 20."""
    found = [looked_at(planted(name, seed=seed)) for seed in range(20)]
    assert found.count(REGIONS[name]) >= 19


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "d"),
    [
        (20, 10),
        (25, 8),
        (25, 20),
        (40, 20),
        (100, 60),
        (100, 150),
        (300, 200),
        (500, 5),
        (5000, 50),
        (20_000, 64),
    ],
)
def test_normal_clouds_are_one_region(n, d):
    """At most 1 in 100."""
    times = 100 if n < 5000 else 20
    found = [looked_at(planted("normal", n, d, seed)) for seed in range(times)]
    assert sum(regions > 1 for regions in found) <= 1
