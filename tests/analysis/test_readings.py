"""How often an analysis reads the vectors; counted by a reader, since reading is what costs on a slow disk."""

from collections.abc import Iterator
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from scipy.stats import spearmanr

from support import correlated
from zpoints.analysis import planes
from zpoints.analysis.analyse import analyse, measure_distribution
from zpoints.comparison.compare import compare
from zpoints.config import AnalysisSettings
from zpoints.files.arrays import Sliced
from zpoints.samplers import Mixture
from zpoints.statistics.planes import PlaneGroup
from zpoints.statistics.ranks import EXACT, exact_rank_correlation
from zpoints.vectors.latent_set import LatentSet

MANY = 40_000  # more than the sample holds


class CountingReader(Sliced):
    """Rows of an array; knows how often they were asked for, from the first to the last."""

    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        self.begun = self.ended = 0

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        self.begun += 1
        yield from super().blocks(size)
        self.ended += 1


def counting(x: np.ndarray) -> tuple[LatentSet, CountingReader]:
    reader = CountingReader(x)
    return LatentSet("counted", reader), reader


def readings(x: np.ndarray, settings: AnalysisSettings | None = None) -> int:
    latents, reader = counting(x)
    analyse(latents, settings)
    assert reader.begun == reader.ended
    return reader.begun


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return correlated(MANY, 4).astype(np.float32)


def refined(x: np.ndarray) -> np.ndarray:
    """Components that depend on each other nearly: their principal axes need a second look."""
    return np.column_stack([x, x[:, 0] + 1e-4 * x[:, 1]]).astype(np.float64)


def test_vectors_few_and_many(many):
    assert readings(correlated(500, 4)) == 4
    assert readings(many) == 4
    assert readings(refined(many)) <= 5


def in_groups(parts: int):  # type: ignore[no-untyped-def]
    """As a small budget, or many components, cut the planes."""

    def groups_of(view):  # type: ignore[no-untyped-def]
        last = view.dimension - 1
        edges = np.linspace(0, last, parts + 1).astype(int)
        return [PlaneGroup(int(a), int(b), view.dimension) for a, b in pairwise(edges)]

    return mock.patch("zpoints.analysis.analyse.groups_of", groups_of)


@pytest.mark.slow
def test_two_groups_of_planes_as_170000_vectors_of_256_components_have(many):
    view = mock.Mock(n=170_000, dimension=256)
    with mock.patch.object(planes, "share", lambda wish, least: wish):
        assert len(planes.groups_of(view)) == 2
    alone = analyse(many)
    with in_groups(2):
        assert readings(many) == 6
        assert readings(refined(many)) == 6
        np.testing.assert_allclose(analyse(many).planes["agreement"], alone.planes["agreement"], atol=1e-6)


def test_each_further_group_costs_one_reading(many):
    with in_groups(3):
        assert readings(many) == 8


@pytest.mark.parametrize("matrix", ["covariance", "pearson"])
@pytest.mark.parametrize(("of", "at_most"), [("all", 6), ("sample", 6), ("trimmed", 7), ("core", 7)])
def test_whatever_decides_the_axes(many, of, at_most, matrix):
    settings = AnalysisSettings(pca_of=of, pca=matrix, pca_sample=1000)
    with in_groups(2):
        assert readings(many, settings) <= at_most


def test_what_samplers_need_and_what_they_do(many):
    latents, reader = counting(many)
    distribution = measure_distribution(latents)
    assert reader.begun == 4
    Mixture(components=2, prior=1.0, iterations=3).fit(distribution, vectors=latents)
    assert reader.begun <= 4 + 1 + 3, "vectors to begin with, and one reading per iteration"


def test_a_comparison_reads_each_cloud_twice(many):
    (first, a), (second, b) = counting(many[: MANY // 2]), counting(many[MANY // 2 :])
    compare(first, second)
    assert (a.begun, b.begun) == (2, 2)  # for equal vectors first, then to measure


def test_few_vectors_are_ranked_one_by_one():
    x = np.round(2 * correlated(700, 4))  # many equal values
    found = analyse(x)
    assert len(x) <= EXACT
    planes_z = found.planes.reset_index()
    expected = spearmanr(x).statistic
    np.testing.assert_allclose(
        planes_z["rank_correlation"], expected[planes_z["i"], planes_z["j"]], atol=1e-12
    )
    scores = found.distribution.pca.transform(x)
    np.testing.assert_allclose(
        found.distribution.margins.axes_rank_correlation, spearmanr(scores).statistic, atol=1e-12
    )
    np.testing.assert_allclose(exact_rank_correlation(x), expected, atol=1e-12)
