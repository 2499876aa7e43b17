"""Projections against SciPy; the search finds what was hidden, and nothing in a normal cloud."""

from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from zpoints.statistics.directions import Projections, moment_errors, pursue, random_directions, scores


def hidden(values: np.ndarray, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """White vectors, normal but for the given values along one random direction; and that direction."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(len(values), d))
    x[:, 0] = values
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    return x @ turn, turn[0]


def one_direction(kind: str, n: int, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    match kind:
        case "exponential":
            return random.exponential(size=n)
        case "t4":
            return random.standard_t(4, size=n)
        case "two clusters":  # 4 of their standard deviations apart; excess kurtosis -1.28
            return random.normal(size=n) + 2 * random.choice([-1, 1], size=n)
        case "small cluster":
            return random.normal(size=n) + 5 * (random.random(n) < 0.05)
    raise ValueError(kind)


@given(st.data())
def test_any_cut_in_any_order_merges_to_the_whole(data):
    n, d, k = data.draw(st.integers(2, 60)), data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    u = np.random.default_rng(data.draw(st.integers(0, 2**32))).standard_t(3, size=(n, d))
    directions = random_directions(d, k, 0)
    blocks = np.split(u, sorted(data.draw(st.lists(st.integers(0, n), max_size=5))))
    whole = Projections.of(u, directions)
    merged = reduce(add, (Projections.of(block, directions) for block in data.draw(st.permutations(blocks))))
    assert merged.n == n
    # Odd powers cancel: measured by the sums of their absolute values.
    scale = (np.abs(u @ directions.T)[..., None] ** np.arange(1, 5)).sum(axis=0).T
    assert np.max(np.abs(merged.powers - whole.powers) / scale) <= 1e-12


def test_moments_along_directions_are_what_scipy_says():
    random = np.random.default_rng(0)
    u = random.gamma(2.0, size=(500, 7)) - 2 + 0.1  # not quite centred
    directions = random_directions(7, 5, 3)
    projections, s = Projections.of(u, directions), u @ directions.T
    np.testing.assert_allclose(projections.mean, s.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(projections.std, s.std(axis=0, ddof=1), rtol=1e-10)
    np.testing.assert_allclose(projections.skewness, scipy.stats.skew(s), rtol=1e-10)
    np.testing.assert_allclose(projections.excess_kurtosis, scipy.stats.kurtosis(s), rtol=1e-10)
    assert projections.errors == moment_errors(500)


def test_float32_vectors_are_summed_in_float64():
    u = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    directions = random_directions(4, 3, 0)
    given = Projections.of(u, directions)
    assert given.powers.dtype == np.float64
    np.testing.assert_array_equal(given.powers, Projections.of(u.astype(np.float64), directions).powers)


@pytest.mark.parametrize("n", [5, 12, 300])
def test_moment_errors_are_those_of_normal_samples(n):
    samples = np.random.default_rng(n).normal(size=(n, 40_000))
    skewness, kurtosis = moment_errors(n)
    assert scipy.stats.skew(samples).std() == pytest.approx(skewness, rel=0.03)
    assert scipy.stats.kurtosis(samples).std() == pytest.approx(kurtosis, rel=0.03)
    assert scipy.stats.kurtosis(samples).mean() == pytest.approx(-6 / (n + 1), abs=4 * kurtosis / 200)


def test_two_vectors_have_no_error_to_speak_of():
    assert moment_errors(2) == (0.0, 0.0)


def test_random_directions_are_uniform_unit_vectors():
    directions = random_directions(6, 20_000, 5)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(directions.T @ directions / len(directions), np.eye(6) / 6, atol=0.01)
    np.testing.assert_array_equal(directions, random_directions(6, 20_000, 5))
    assert not np.array_equal(directions, random_directions(6, 20_000, 6))


def test_scores_of_normal_values_have_the_stated_law():
    n = 500
    score = scores(np.random.default_rng(0).normal(size=(n, 5000)) * 7 + 3)
    assert score.mean() == pytest.approx(1 / n, rel=0.06)
    assert score.std() == pytest.approx(1 / n, rel=0.1)
    assert np.mean(score > 3 / n) == pytest.approx(np.exp(-3), abs=0.012)


@pytest.mark.parametrize("kind", ["exponential", "t4", "two clusters", "small cluster"])
def test_scores_see_every_kind_of_departure(kind):
    assert scores(one_direction(kind, 5000)[:, None])[0] > 50 / 5000


def test_a_single_far_value_moves_the_kurtosis_and_hardly_the_score():
    n = 5000
    s = np.random.default_rng(0).normal(size=(n, 1))
    s[0] = 10
    assert scipy.stats.kurtosis(s)[0] > 20 * moment_errors(n)[1]
    assert scores(s)[0] < 6 / n


def test_a_constant_column_has_no_score():
    assert np.isnan(scores(np.full((10, 1), 3.0))[0])


@pytest.mark.parametrize("kind", ["exponential", "t4", "two clusters", "small cluster"])
def test_one_odd_direction_among_64_is_found(kind):
    u, direction = hidden(one_direction(kind, 12_000), 64)
    pursuit = pursue(u, 3, 0)
    assert abs(pursuit.directions[0] @ direction) > 0.95
    assert pursuit.log10_p[0] < -100
    assert np.all(pursuit.score[1:] < pursuit.score[0] / 50)


@pytest.mark.parametrize("seed", range(3))
def test_two_clusters_are_found_as_deep_as_the_reach_says(seed):
    u, direction = hidden(one_direction("two clusters", 5800, seed), 48, seed)
    pursuit = pursue(u, 3, seed)
    assert pursuit.reach == pytest.approx(1.26, abs=0.01)
    assert pursuit.projections.excess_kurtosis[0] == pytest.approx(-1.28, abs=0.1)
    assert abs(pursuit.directions[0] @ direction) > 0.95


def test_several_odd_directions_are_found_at_once():
    n, d = 16_384, 40
    random = np.random.default_rng(0)
    x = random.normal(size=(n, d))
    for place, kind in enumerate(("exponential", "t4", "two clusters")):
        x[:, place] = one_direction(kind, n, seed=place)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    pursuit = pursue(x @ turn, 5, 0)
    assert np.all(np.abs(pursuit.directions[:3] @ turn[:3].T).max(axis=0) > 0.95)
    assert np.all(np.diff(pursuit.score) <= 0)


def test_odd_directions_among_256_are_found():
    """Skewness in a random direction, and two clusters along one of the components, where no moments show them."""
    n, d = 16_384, 256
    values = one_direction("exponential", n)
    u, direction = hidden(values, d - 1)
    clusters = one_direction("two clusters", n, seed=7)
    pursuit = pursue(np.column_stack([u, clusters / clusters.std()]), 4, 0)
    assert pursuit.reach > 2
    found = np.abs(pursuit.directions[:2] @ np.stack([np.append(direction, 0), np.eye(d)[-1]]).T)
    assert np.all(found.max(axis=0) > 0.95)


@pytest.mark.slow
def test_two_clusters_in_a_random_direction_of_256_take_many_vectors():
    u, direction = hidden(one_direction("two clusters", 170_000), 256)
    pursuit = pursue(u, 3, 0)
    assert pursuit.reach < 1.28
    assert abs(pursuit.directions[0] @ direction) > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_found_in_a_normal_cloud(seed):
    """And much would be, were the directions judged by the vectors that they were fitted to."""
    u = np.random.default_rng(seed).normal(size=(2000, 60))
    pursuit = pursue(u, 5, seed)
    assert pursuit.score_error == 1 / 1000
    assert np.all(pursuit.log10_p > -3)
    skewness, kurtosis = pursuit.projections.errors
    assert np.all(np.abs(pursuit.projections.skewness) < 4.5 * skewness)
    assert np.all(np.abs(pursuit.projections.excess_kurtosis) < 4.5 * kurtosis)
    fitted = u[np.random.default_rng(seed).permutation(2000)[:1000]]
    assert scores(fitted @ pursuit.directions.T).max() > 10 / 1000


def test_directions_are_distinct_unit_vectors_and_depend_on_the_seed_alone():
    u = np.random.default_rng(0).standard_t(5, size=(1000, 12))
    pursuit = pursue(u, 4, 3)
    np.testing.assert_allclose(np.linalg.norm(pursuit.directions, axis=1), 1, rtol=1e-10)
    assert np.abs(np.triu(pursuit.directions @ pursuit.directions.T, 1)).max() < 0.6
    np.testing.assert_allclose(pursue(u, 4, 3).directions, pursuit.directions, rtol=1e-9)
    np.testing.assert_allclose(pursuit.projections.skewness, _judged(u, 3, pursuit.directions), rtol=1e-9)


def _judged(u: np.ndarray, seed: int, directions: np.ndarray) -> np.ndarray:
    """Skewness along the directions in the half that was not fitted."""
    rest = u[np.random.default_rng(seed).permutation(len(u))[len(u) // 2 :]]
    return scipy.stats.skew(rest @ directions.T)


@pytest.mark.parametrize(("n", "d", "found"), [(8, 1, 1), (100, 1, 1), (20, 2, 2), (9, 30, 3), (60, 50, 4)])
def test_few_vectors_or_components_give_what_there_is(n, d, found):
    pursuit = pursue(np.random.default_rng(0).normal(size=(n, d)), 4, 0)
    assert 1 <= len(pursuit.directions) <= found
    assert np.isfinite(pursuit.score).all()
    np.testing.assert_allclose(np.linalg.norm(pursuit.directions, axis=1), 1, rtol=1e-6)


def test_hardly_any_vectors_are_refused():
    with pytest.raises(ValueError, match="7 vectors"):
        pursue(np.zeros((7, 3)), 1, 0)
