"""Spearman's coefficients, sorted and from histograms, against SciPy's; and the bound of the latter."""

from functools import reduce
from operator import add

import numba
import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support import correlated
from zpoints.statistics.histograms import Histograms, fine_bins
from zpoints.statistics.planes import standardise
from zpoints.statistics.ranks import (
    EXACT,
    RankSums,
    exact_rank_correlation,
    normal_rank_correlation,
    rank_disagreement,
)


def scipys(columns: np.ndarray) -> np.ndarray:
    """SciPy's coefficients; of one column it gives none, of two a number, of more a matrix."""
    if len(columns) > 2:
        return scipy.stats.spearmanr(columns, axis=1)[0]
    expected = np.eye(len(columns))
    if len(columns) == 2:
        expected[0, 1] = expected[1, 0] = scipy.stats.spearmanr(*columns)[0]
    return expected


def sums_of(x: np.ndarray, parts: int = 1) -> tuple[RankSums, np.ndarray]:
    """The sums, and the values in units of bins, counted from the left edge of the first."""
    u = standardise(x, x.mean(axis=0), x.std(axis=0, ddof=1))
    histograms = Histograms.of(u, *fine_bins(len(u)))
    sums = reduce(add, (RankSums.of(block, histograms) for block in np.array_split(u, parts, axis=1)))
    assert sums.n == len(x)
    # Exact: adding and multiplying by powers of two rounds nothing in double precision.
    return sums, (u.astype(np.float64) + 8) * 64


def rounded(places: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(places), -1, 1024)


def awkward(n: int, d: int, seed: int, form: str) -> np.ndarray:
    x = correlated(n, d, seed)
    return {
        "normal": lambda: x,
        "heavy": lambda: np.sinh(3 * x),
        "few values": lambda: np.round(2 * x) + 1e-9 * np.arange(d),
        "one far out": lambda: np.where(np.arange(n)[:, None] == 0, 1e9, x),
        "edges": lambda: np.round(64 * x) / 64,
    }[form]()


FORMS = ["normal", "heavy", "few values", "one far out", "edges"]


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("form", FORMS)
def test_sums_equal_scipy_on_values_rounded_to_the_bins(form, parts):
    sums, places = sums_of(awkward(3001, 5, 0, form), parts)
    if form == "one far out":
        assert (rounded(places)[:, 1:] == rounded(places)[:, 1:2]).all(), "two bins are left"
    np.testing.assert_allclose(sums.rank_correlation, scipys(rounded(places)), atol=1e-10)
    np.testing.assert_allclose(sums.total, 0, atol=1e-9)


@given(st.integers(2, 4), st.integers(3, 200), st.integers(0, 2**32), st.sampled_from(FORMS))
@example(3, 107, 1068580, "normal")  # a value that single precision moved over the edge of its bin
@settings(max_examples=60)
def test_sums_equal_scipy_on_rounded_values_for_any_cloud(d, n, seed, form):
    x = awkward(n, d, seed, form)
    if np.ptp(x, axis=0).min() == 0:
        return
    sums, places = sums_of(x)
    if np.ptp(rounded(places), axis=1).min() > 0:
        np.testing.assert_allclose(sums.rank_correlation, scipys(rounded(places)), atol=1e-10)


@given(st.integers(1, 40), st.integers(2, 200), st.integers(0, 2**32), st.sampled_from(FORMS))
@settings(max_examples=60)
def test_sorted_ranks_equal_scipy_for_any_cloud(d, n, seed, form):
    x = awkward(n, d, seed, form)
    varying = np.ptp(x, axis=0) > 0
    found = exact_rank_correlation(x)[np.ix_(varying, varying)]
    np.testing.assert_allclose(found, scipys(x[:, varying].T), atol=1e-12)
    assert np.abs(found).max(initial=0) <= 1


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int32"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_sorted_ranks_of_other_types_and_layouts(dtype, order):
    x = np.asarray(100 * correlated(500, 19), dtype=dtype, order=order)
    np.testing.assert_allclose(exact_rank_correlation(x), scipy.stats.spearmanr(x)[0], atol=1e-12)


def test_sorted_ranks_do_not_depend_on_the_order_or_the_threads():
    x = np.round(correlated(EXACT, 20), 2)
    whole, threads = exact_rank_correlation(x), numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        turned = exact_rank_correlation(x[np.random.default_rng(0).permutation(EXACT)])
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(whole, turned)
    np.testing.assert_allclose(whole, scipy.stats.spearmanr(x)[0], atol=1e-12)


def test_a_constant_component_has_no_rank_correlation():
    x = correlated(50, 3)
    x[:, 1] = 4.0
    found = exact_rank_correlation(x)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    assert found[0, 2] == pytest.approx(scipy.stats.spearmanr(x[:, 0], x[:, 2])[0], abs=1e-12)
    assert found[0, 0] == 1


def test_one_vector_is_refused():
    with pytest.raises(ValueError, match="two or more"):
        exact_rank_correlation(np.ones((1, 3)))


# --- how far the coefficients of rounded values can be off


@given(st.integers(2, 4), st.integers(3, 400), st.integers(0, 2**32), st.sampled_from(FORMS))
@settings(max_examples=100)
def test_no_cloud_is_farther_off_than_the_bound(d, n, seed, form):
    x = awkward(n, d, seed, form)
    if np.ptp(x, axis=0).min() == 0:
        return
    sums, places = sums_of(x)
    if np.ptp(rounded(places), axis=1).min() > 0:
        off = np.abs(sums.rank_correlation - scipys(x.T))
        assert (off <= sums.bound + 1e-7).all()
        assert (sums.bound >= 0).all()


@given(st.integers(1, 6), st.integers(1, 6), st.integers(4, 300), st.integers(0, 2**32))
@settings(max_examples=100)
def test_no_cloud_is_farther_off_than_the_bound_in_coarse_bins(first, second, n, seed):
    """Where most values share their bins, and one component sorts the other within them."""
    random = np.random.default_rng(seed)
    bins = random.integers(0, [[first], [second]], size=(2, n)).astype(float)
    within = random.uniform(size=n)
    off = np.stack([within, random.choice([-1, 1]) * (within - 0.5) + 0.5])
    u = (bins + 0.9 * off).astype(np.float32)
    if np.ptp(bins, axis=1).min() > 0:
        sums = RankSums.of(u, Histograms.of(u, np.zeros(2), np.ones(2), 6))
        assert (np.abs(sums.rank_correlation - scipys(u)) <= sums.bound + 1e-7).all()


def test_the_bound_is_the_correction_for_ties_and_nearly_reached():
    """Two bins each, independent of each other, but within each the other component sorts the values."""
    n = 4000
    x_bin, y_bin = np.repeat([0, 0, 1, 1], n // 4), np.repeat([0, 1, 0, 1], n // 4)
    within = np.tile(np.linspace(0, 0.49, n // 4), 4)
    u = np.stack([x_bin + 0.5 * y_bin + within, y_bin + 0.5 * x_bin + within]).astype(np.float32)
    sums = RankSums.of(u, Histograms.of(u, np.zeros(2), np.ones(2), 2))
    m = n // 2
    alpha = np.arcsin(np.sqrt(2 * (m**3 - m) / (n**3 - n)))
    assert sums.bound[0, 1] == pytest.approx(np.sin(2 * alpha), abs=1e-9)
    off = scipys(u)[0, 1] - sums.rank_correlation[0, 1]
    assert 0.9 * sums.bound[0, 1] < off <= sums.bound[0, 1]


def test_without_shared_bins_the_coefficients_are_exact():
    random = np.random.default_rng(0)
    x = np.stack([random.permutation(300), random.permutation(300)], axis=1).astype(float)
    sums, places = sums_of(x)
    assert len(np.unique(rounded(places)[0])) < 300, "some share one"
    assert sums.bound[0, 1] > 0
    few = x[:100].argsort(axis=0).argsort(axis=0).astype(float)
    sums, places = sums_of(few)
    assert len(np.unique(rounded(places)[0])) == 100
    assert sums.bound[0, 1] < 1e-6
    np.testing.assert_allclose(sums.rank_correlation, exact_rank_correlation(few), atol=1e-12)


def test_usual_clouds_are_much_nearer_than_the_bound():
    x = correlated(20_000, 4)
    sums, _ = sums_of(x)
    off = np.abs(sums.rank_correlation - scipy.stats.spearmanr(x)[0])
    apart = ~np.eye(4, dtype=bool)
    sines = 1 / 64 / np.sqrt(2 * np.pi * np.sqrt(3))  # of a normal component: h^2 / (2 pi sqrt 3) is T
    assert sums.bound.max() < 2.1 * sines
    assert sums.bound[apart].min() > off[apart].max()
    # As the docstring has it: a mean of T, and four standard deviations.
    assert off.max() < sines**2 + 4 * np.sqrt(2 / 20_000) * sines


@pytest.mark.parametrize("r", [-1.0, -0.9, -0.3, 0.0, 0.5, 0.99, 1.0])
def test_the_coefficient_of_a_normal_pair(r):
    random = np.random.default_rng(5)
    x = random.normal(size=(200_000, 2))
    pair = np.stack([x[:, 0], r * x[:, 0] + np.sqrt(1 - r * r) * x[:, 1]], axis=1)
    expected = normal_rank_correlation(np.array([r]))[0]
    assert scipy.stats.spearmanr(pair)[0] == pytest.approx(expected, abs=4 / np.sqrt(200_000))


@pytest.mark.parametrize("r", [0.0, *(pytest.param(r, marks=pytest.mark.slow) for r in (0.3, -0.6, 0.9))])
@pytest.mark.parametrize("n", [30, 400])
def test_disagreements_of_normal_pairs_are_standard_errors(n, r):
    """By simulation; at r = 0, 1 / sqrt n would be 3.4 errors."""
    random = np.random.default_rng(7)
    off = []
    for _ in range(1500):
        x = random.normal(size=(n, 2))
        x[:, 1] = r * x[:, 0] + np.sqrt(1 - r * r) * x[:, 1]
        rank = np.argsort(np.argsort(x, axis=0), axis=0)
        pearson, spearman = (np.corrcoef(v.T)[0, 1] for v in (x, rank))
        off.append(rank_disagreement(np.array([pearson]), np.array([spearman]), n)[1][0])
    assert abs(np.mean(off)) < 0.2
    assert np.std(off) == pytest.approx(1, abs=0.1) if n == 400 and abs(r) < 0.7 else np.std(off) < 1.05
    assert np.abs(off).max() < 6


def test_the_error_of_a_disagreement_without_correlation():
    """The limit of both coefficients has the correlation 3 / pi, so the difference 1 - 9 / pi^2."""
    one = rank_disagreement(np.zeros(1), np.full(1, 1e-3), 10**8)[1][0]
    assert one == pytest.approx(1e-3 * 1e4 / np.sqrt(1 - 9 / np.pi**2), rel=1e-3)


@pytest.mark.parametrize(("n", "r"), [(10, 0.5), (40, -0.9)])
def test_the_expected_coefficient_is_morans(n, r):
    random = np.random.default_rng(8)
    x = random.normal(size=(20_000, n))
    y = r * x + np.sqrt(1 - r * r) * random.normal(size=x.shape)
    ranks = [np.argsort(np.argsort(v, axis=1), axis=1) for v in (x, y)]
    found = 1 - 6 * np.sum((ranks[0] - ranks[1]) ** 2, axis=1) / (n * (n * n - 1))
    expected = rank_disagreement(np.array([r]), np.zeros(1), n)[0][0]
    assert expected == pytest.approx(found.mean(), abs=4 * found.std() / np.sqrt(len(found)))
