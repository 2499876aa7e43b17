"""Odd clouds and all settings through the whole analysis: wide ones, tiny and huge scales, every file, every PCA."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zpoints
from support import correlated, line
from zpoints.analysis.analyse import analyse
from zpoints.analysis.planes import limit_for
from zpoints.analysis.result import Analysis
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.samplers import Normal


def components_of(found: Analysis, basis: str) -> pd.DataFrame:
    return found.components_of(basis).reset_index()


def planes_of(found: Analysis, basis: str) -> pd.DataFrame:
    return found.planes_of(basis).reset_index()


def assert_whole(found: Analysis, n: int, d: int, rank: int) -> None:
    """Shapes fit together, and the transform leaves no correlations."""
    summary = found.summary
    assert (summary["n"], summary["d"], summary["rank"]) == (n, d, rank)
    for axes, count in (("z", d), ("pca", rank)):
        assert len(components_of(found, axes)) == count
        assert len(planes_of(found, axes)) == count * (count - 1) // 2
        assert sorted(components_of(found, axes)["rank"]) == list(range(1, count + 1))
    assert summary["largest_off_diagonal"]["pca"] < 1e-12
    assert found.distribution.pca.axes.shape == (d, d)
    assert len(summary["verdict"]) >= 1


def test_more_components_than_vectors():
    assert_whole(analyse(correlated(30, 50)), 30, 50, 29)


@pytest.mark.slow
def test_a_wide_cloud():
    assert_whole(analyse(correlated(200, 512).astype(np.float32)), 200, 512, 199)


def test_a_component_twice():
    x = correlated(500, 5)
    found = analyse(np.column_stack([x, x[:, 2]]))
    assert_whole(found, 500, 6, 5)
    planes = planes_of(found, "z")
    twice = planes[(planes["i"] == 2) & (planes["j"] == 5)].iloc[0]
    assert twice["r"] == pytest.approx(1)
    assert twice["rank"] == 15, "it has no figures, and comes last"
    assert found.summary["planes"]["z"]["degenerate"] == 1
    assert "1 plane holds one component twice" in " ".join(found.summary["verdict"])
    # Normal all the same: in one dimension fewer.
    assert found.summary["verdict"][0].startswith("A multivariate normal")


def test_so_many_planes_that_chance_alone_finds_odd_ones():
    assert 9 < limit_for(32_640, 170_000) < 9.5
    assert limit_for(4096 * 4095 // 2, 200) > 11
    assert limit_for(45, 30) == np.inf


def test_nothing_but_constant_components():
    with pytest.raises(ArrayError) as refused:
        analyse(np.full((100, 4), 2.5))
    assert "all 4 component(s) are constant" in line(refused.value)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_tiny_and_huge_scales_side_by_side(kind):
    x = correlated(2000, 6).astype(kind)
    scale = 2.0 ** np.array([-26, 26, 0, -26, 26, 13])  # 1.5e-8 to 6.7e7, and nothing is rounded
    plain, found = analyse(x), analyse((x * scale).astype(kind))
    assert_whole(found, 2000, 6, 6)
    np.testing.assert_allclose(planes_of(found, "z")["r"], planes_of(plain, "z")["r"], atol=1e-12)
    np.testing.assert_allclose(planes_of(found, "z")["coverage_1"], planes_of(plain, "z")["coverage_1"])
    np.testing.assert_allclose(
        components_of(found, "z")["std"], components_of(plain, "z")["std"] * scale, rtol=1e-12
    )
    pearson = analyse((x * scale).astype(kind), AnalysisSettings(pca="pearson"))
    assert_whole(pearson, 2000, 6, 6)
    unscaled = analyse(x, AnalysisSettings(pca="pearson"))
    np.testing.assert_allclose(pearson.distribution.pca.axes, unscaled.distribution.pca.axes, atol=1e-9)


@pytest.mark.parametrize("kind", ["float16", "float64", "float32"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_files_of_every_kind_give_the_same(tmp_path, kind, order):
    x = correlated(700, 4).astype(np.float16).astype(np.float32)  # what all kinds can hold
    np.save(tmp_path / "z.npy", np.asarray(x, kind, order=order))
    found, plain = analyse(tmp_path / "z.npy"), analyse(x)
    for name in ("components", "planes", "trimming"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(plain, name), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.distribution.covariance, plain.distribution.covariance, rtol=1e-12)
    assert found.summary["verdict"] == plain.summary["verdict"]


@pytest.mark.parametrize("n", [2, 3, 19, 20, 500])
def test_one_component(n):
    x = np.random.default_rng(0).normal(3, 2, (n, 1))
    found = analyse(x)
    assert_whole(found, n, 1, 1)
    assert found.distribution.covariance == pytest.approx(np.array([[x.var(ddof=1)]]))
    assert found.planes.empty


@pytest.mark.parametrize("d", [2, 7, 40])
def test_two_vectors(d):
    x = correlated(2, d)
    found = analyse(x)
    assert_whole(found, 2, d, 1)
    assert "too few" in found.summary["verdict"][0]
    np.testing.assert_allclose(planes_of(found, "z")["r"].abs(), 1, atol=1e-12)


CHOICES = [
    (of, matrix) for of in ("all", "trimmed", "core", "sample") for matrix in ("covariance", "pearson")
]


@pytest.fixture(scope="module")
def outliers() -> np.ndarray:
    """Normal vectors, and 3 % far ones."""
    x = correlated(4000, 6)
    x[::33] += 40 * np.random.default_rng(0).normal(size=(len(x[::33]), 6))
    return x


@pytest.mark.parametrize(("of", "matrix"), CHOICES)
def test_the_vectors_and_the_matrix_that_decide_the_axes(outliers, tmp_path, of, matrix):
    settings = AnalysisSettings(pca_of=of, pca=matrix, pca_sample=1000)  # type: ignore[arg-type]
    found = analyse(outliers, settings)
    distribution, pca = found.distribution, found.distribution.pca
    clean = np.delete(outliers, np.s_[::33], axis=0)
    expected = {"all": outliers, "sample": None}.get(of, clean)
    if expected is not None:
        std = np.sqrt(np.diagonal(np.cov(expected.T)))
        np.testing.assert_allclose(distribution.std, std, rtol=1e-9 if of == "all" else 0.05)
    assert found.summary["pca"] == {"matrix": matrix, "of": of, "vectors": distribution.n}
    assert {"all": 4000, "sample": 1000}.get(of, distribution.n) == distribution.n
    assert distribution.n <= 4000
    # Axes diagonalise the covariance of the vectors that decide.
    turned = (pca.axes / pca.scale) @ distribution.covariance @ (pca.axes / pca.scale).T
    std = np.sqrt(np.diagonal(turned))
    np.testing.assert_allclose(turned / std / std[:, None], np.eye(6), atol=1e-9)
    np.testing.assert_allclose(std**2, pca.variance, rtol=1e-9)
    assert (np.diff(pca.variance) <= 0).all()
    np.testing.assert_allclose(pca.scale, distribution.std if matrix == "pearson" else 1)
    off = found.summary["largest_off_diagonal"]["pca"]
    assert (off < 1e-12) if of == "all" else (1e-12 < off < 1)
    assert_reloaded(distribution, tmp_path / "distribution.npz")


def assert_reloaded(distribution: zpoints.Distribution, path: Path) -> None:
    distribution.save(path)
    loaded = zpoints.Distribution.load(path)
    assert (loaded.n, loaded.dimension, loaded.pca.rank) == (
        distribution.n,
        distribution.dimension,
        distribution.pca.rank,
    )
    for name in ("mean", "covariance"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(distribution, name))
    for name in ("mean", "axes", "variance", "scale"):
        np.testing.assert_array_equal(getattr(loaded.pca, name), getattr(distribution.pca, name))
    assert loaded.core is not None
    assert distribution.core is not None
    for name in ("mean", "covariance", "radius", "n", "kept", "level", "iterations", "converged"):
        np.testing.assert_array_equal(getattr(loaded.core, name), getattr(distribution.core, name))


@pytest.mark.parametrize("of", ["all", "trimmed", "core"])
def test_a_sampler_on_pearson_axes_draws_the_covariance(outliers, of):
    found = analyse(outliers * [1, 10, 0.1, 1, 1, 5], AnalysisSettings(pca="pearson", pca_of=of))
    drawn = Normal().fit(found).sample(200_000, 0).astype(float)
    expected = found.distribution.covariance
    std = np.sqrt(np.diagonal(expected))
    error = (np.cov(drawn.T) - expected) / std / std[:, None]
    assert np.abs(error).max() < 6 * np.sqrt(2 / 200_000)
    assert np.abs((drawn.mean(axis=0) - found.distribution.mean) / std).max() < 6 / np.sqrt(200_000)
