"""One region or several: shapes that tempt a mixture to see fragments, and real fragments."""

import json

import numpy as np
import pytest

from zpoints.statistics.clusters import Clusters, Valley, find_clusters

N, D = 8000, 8


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
        x[: n // 2, 0] += 4
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
    for seed in range(2):
        found = find_clusters(shaped(name, seed), seed)
        assert found.regions == 1
        assert (found.shares, found.evidence) == ((1.0,), ())
        assert found.sentence().startswith("One region")
        assert "Fragmented" not in found.sentence()
        assert (found.components == 1) == (name == "normal")
        if name != "normal":
            assert found.gain > 3 * found.gain_error > 0


@pytest.mark.parametrize("d", [1, 2])
def test_codes_of_few_values_are_regions_without_width(d):
    x = np.random.default_rng(0).integers(0, 2, (1000, d)).astype(float)
    found = find_clusters((x - x.mean(axis=0)) / x.std(axis=0))
    assert found.regions == 2**d
    assert all(np.isfinite([row.dip, row.z]).all() for row in found.evidence)


@pytest.mark.parametrize(
    ("name", "shares"),
    [("two", [0.5, 0.5]), ("unequal", [0.9, 0.1]), ("three", [1 / 3] * 3), ("two with tails", [0.5, 0.5])],
)
def test_separate_regions_with_their_evidence(name, shares):
    found = find_clusters(shaped(name))
    assert found.regions == len(shares)
    np.testing.assert_allclose(found.shares, shares, atol=0.05)
    assert len(found.evidence) == len(shares) * (len(shares) - 1) // 2
    assert all(valley.separates for valley in found.evidence)
    assert found.sentence().startswith(f"Fragmented: {len(shares)} separate regions")
    assert "standard errors" in found.sentence()


def test_the_gain_over_one_normal_is_the_known_one():
    found = find_clusters(shaped("scales", n=20_000))
    x = shaped("scales", 1, n=200_000)
    squared = (x**2).sum(axis=1)

    def log_normal(variance: float) -> np.ndarray:
        return -0.5 * (squared / variance + D * np.log(2 * np.pi * variance))

    mixture = np.logaddexp(np.log(0.7) + log_normal(1.0), np.log(0.3) + log_normal(9.0))
    gain = (mixture - log_normal(0.7 + 0.3 * 9)).mean()
    assert found.components == 2
    assert found.gain == pytest.approx(gain, abs=4 * found.gain_error)
    assert 0 < found.gain_error < 0.1


def test_the_criteria_name_the_number_of_components():
    found = find_clusters(shaped("three"))
    assert np.argmin(found.bic) + 1 == 3 == found.components
    assert np.argmax(found.log_likelihood) + 1 >= 3
    assert (found.n_fitted, found.n_held_out, found.dimension) == (N // 2, N // 2, D)


def test_the_scale_of_the_axes_and_a_repeated_one_change_nothing():
    x = shaped("two")
    plain = find_clusters(x)
    other = find_clusters(np.column_stack([x * np.logspace(-3, 3, D), x[:, 0] + x[:, 1]]))
    assert other.dimension == D
    assert other.regions == plain.regions == 2
    np.testing.assert_allclose(other.shares, plain.shares, atol=0.02)


def test_the_same_seed_gives_the_same_finding():
    x = shaped("two with tails").astype(np.float32)
    assert find_clusters(x, 3).summary == find_clusters(x, 3).summary


@pytest.mark.parametrize("n", [2, 99, 100, 300])
def test_few_vectors_are_never_fragments_by_chance(n):
    found = find_clusters(shaped("normal", n=n, d=12))
    assert found.regions == 1
    assert ("Too few" in found.sentence()) == (n < 100)


def test_of_one_axis():
    assert find_clusters(shaped("two", d=1)).regions == 2
    assert find_clusters(shaped("skewed", d=1)).regions == 1


def test_a_vector_far_away_is_no_region():
    x = shaped("normal")
    x[0] = 1e6
    assert find_clusters(x, 0).regions == find_clusters(x, 1).regions == 1


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


def test_a_valley_needs_depth_certainty_and_agreement():
    assert Valley((0, 1), (300, 200), 60, 0.3).separates
    assert Valley((0, 1), (300, 200), 60, 0.3).dip == pytest.approx(0.3)
    assert Valley((0, 1), (300, 200), 60, 0.3).z == pytest.approx(140 / np.sqrt(260))
    assert not Valley((0, 1), (300, 200), 60, 0.8).separates  # the fit sees no valley
    assert not Valley((0, 1), (3000, 2000), 1500, 0.3).separates  # flat
    assert not Valley((0, 1), (30, 20), 6, 0.3).separates  # too few
    assert not Valley((0, 1), (0, 0), 0, 0.0).separates


@pytest.mark.parametrize("name", ["normal", "three"])
def test_the_summary_is_plain_json(name):
    found = find_clusters(shaped(name, n=3000))
    assert isinstance(found, Clusters)
    text = json.dumps(found.summary, allow_nan=False)
    assert json.loads(text) == found.summary
    assert found.summary["sentence"] == found.sentence()
