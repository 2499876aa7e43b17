"""Leading axes in two readings, against NumPy's SVD and scikit-learn, and the bound of their expected error."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from zpoints.models import range_finder
from zpoints.models.range_finder import error_bound, leading_axes, oversampling_of


def rows_of(n: int, p: int, power: float = 1.0, seed: int = 0) -> np.ndarray:
    """Rows whose variances fall as a power of their number, far from the origin."""
    random = np.random.default_rng(seed)
    turned = np.linalg.qr(random.normal(size=(p, p)))[0]
    spread = np.arange(1, p + 1) ** (-power / 2)
    return 40 * (random.normal(size=(n, p)) * spread) @ turned + 120


def found_of(rows: np.ndarray, k: int, seed: int = 0, block: int = 37) -> range_finder.LeadingAxes:
    parts = np.split(rows, range(block, len(rows), block))
    return leading_axes(lambda: iter(parts), rows.shape[1], k, len(rows), seed)


def left_over(rows: np.ndarray, axes: np.ndarray) -> float:
    """Variance that is not along the axes."""
    x = rows - rows.mean(axis=0)
    return float(((x - x @ axes.T @ axes) ** 2).sum() / (len(rows) - 1))


@pytest.mark.parametrize(("n", "p", "k"), [(400, 30, 15), (400, 30, 30), (40, 200, 30), (25, 25, 25)])
def test_where_the_basis_holds_everything_the_axes_are_those_of_scikit_learn(n: int, p: int, k: int) -> None:
    rows = rows_of(n, p)
    found, expected = found_of(rows, k), PCA(k, svd_solver="full").fit(rows)
    certain = expected.explained_variance_ > 1e-4 * expected.explained_variance_[0]
    np.testing.assert_allclose(found.mean, expected.mean_, rtol=1e-6)
    np.testing.assert_allclose(found.variances[certain], expected.explained_variance_[certain], rtol=2e-4)
    np.testing.assert_allclose(found.total, np.cov(rows.T).trace(), rtol=1e-5)
    cosines = np.abs((found.axes * expected.components_).sum(axis=1))
    assert (cosines[certain] > 1 - 1e-3).all()
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(k), atol=1e-8)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_in_many_dimensions_little_more_is_left_over_than_the_best_axes_leave(power: float) -> None:
    rows, k = rows_of(1500, 500, power), 40
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2 / (len(rows) - 1)
    found = found_of(rows, k, block=200)
    assert left_over(rows, found.axes) < 1.03 * values[k:].sum()
    # What the axes are said to hold is never too much, and not much too little.
    held = ((rows - rows.mean(axis=0)) @ found.axes.T).var(axis=0, ddof=1)
    assert (found.variances < held * (1 + 1e-5)).all()
    np.testing.assert_allclose(found.variances[:10], values[:10], rtol=0.15 if power < 1 else 0.03)
    assert found.explained <= values[:k].sum() / values.sum() + 1e-6
    assert found.error * 500 * 1500 / 1499 >= left_over(rows, found.axes) * (1 - 1e-6)


@pytest.mark.parametrize(("power", "more"), [(0.0, 4), (0.5, 4), (1.0, 4), (1.0, 12), (3.0, 4)])
def test_the_expected_error_keeps_to_its_bound(
    monkeypatch: pytest.MonkeyPatch, power: float, more: int
) -> None:
    """The mean over 60 random matrices, with little oversampling; and the bound is below the plain range finder's."""
    monkeypatch.setattr(range_finder, "oversampling_of", lambda k: more)
    rows, k = rows_of(300, 60, power), 10
    values = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
    left = [left_over(rows, found_of(rows, k, seed, 300).axes) for seed in range(60)]
    bound = error_bound(values, k, more)
    best = values[k:].sum()
    assert best * (1 - 1e-6) < np.mean(left) <= bound
    assert bound <= best * (1 + k / (more - 1))


def test_axes_are_repeated_by_their_seed_and_do_not_depend_on_the_blocks() -> None:
    rows = rows_of(300, 100)
    first, again, other = found_of(rows, 4), found_of(rows, 4), found_of(rows, 4, block=111)
    np.testing.assert_array_equal(first.axes, again.axes)
    np.testing.assert_allclose(first.axes, other.axes, atol=1e-3)
    assert (first.axes[np.arange(4), np.abs(first.axes).argmax(axis=1)] > 0).all()


def test_rows_of_low_rank_have_axes_of_no_variance() -> None:
    rows = rows_of(200, 120)
    rows = (rows - 120)[:, :3] @ np.random.default_rng(0).normal(size=(3, 120))
    found = found_of(rows, 6)
    np.testing.assert_allclose(found.variances[3:], 0, atol=1e-5 * found.variances[0])
    assert found.explained == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(6), atol=1e-8)


def test_there_are_exactly_two_readings() -> None:
    rows, readings = rows_of(100, 90), []

    def read() -> list[np.ndarray]:
        readings.append(1)
        return [rows]

    leading_axes(read, 90, 5, 100)
    assert len(readings) == 2


def test_oversampling_grows_with_the_axes() -> None:
    assert (oversampling_of(1), oversampling_of(256)) == (16, 80)
