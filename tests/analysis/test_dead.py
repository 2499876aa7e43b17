"""Components that are constant: the analysis is that of the others alone, under their own numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zpoints as zp
from support import correlated, line
from zpoints.analysis.analyse import analyse, measure_distribution
from zpoints.analysis.result import Analysis
from zpoints.analysis.walks import along_axis, farthest, in_plane, interpolate
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError, UsageError
from zpoints.statistics.moments import Moments
from zpoints.vectors.latent_set import LatentSet

N, DEAD, VALUES = 1500, [0, 3, 5], [0.0, 0.1, -7.0]
ALIVE = [1, 2, 4, 6, 7]


def with_dead(x: np.ndarray, dead: list[int], values: list[float]) -> np.ndarray:
    """The columns of x, and between them constant ones at the numbers `dead`."""
    d = x.shape[1] + len(dead)
    z = np.empty((len(x), d), x.dtype)
    z[:, np.setdiff1d(np.arange(d), dead)] = x
    z[:, dead] = values
    return z


@pytest.fixture(scope="module")
def living() -> np.ndarray:
    return correlated(N, 5)


@pytest.fixture(scope="module")
def vectors(living: np.ndarray) -> np.ndarray:
    return with_dead(living, DEAD, VALUES)


@pytest.fixture(scope="module")
def whole(vectors: np.ndarray) -> Analysis:
    return analyse(vectors)


@pytest.fixture(scope="module")
def plain(living: np.ndarray) -> Analysis:
    """The oracle: the analysis of an array that never had the dead components."""
    return analyse(living)


def without(table: pd.DataFrame, numbers: list[int]) -> pd.DataFrame:
    """Rows of the living, numbered as if there were no others."""
    table = table.reset_index()
    place = {number: k for k, number in enumerate(numbers)}
    for name in {"component", "i", "j"} & set(table.columns):
        table[name] = table[name].map(place)
    index = ["component"] if "component" in table else ["i", "j"]
    return table.dropna(subset=index).astype(dict.fromkeys(index, np.int64)).set_index(index)


def assert_equal_but_for_dead(whole: Analysis, plain: Analysis, alive: list[int]) -> None:
    same = {"rtol": 1e-9, "atol": 1e-12}
    pd.testing.assert_frame_equal(
        without(whole.components[~whole.components["dead"]], alive), plain.components, **same
    )
    pd.testing.assert_frame_equal(without(whole.planes, alive), plain.planes, **same)
    for name in ("principal_components", "principal_planes", "trimming"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(plain, name), **same)
    np.testing.assert_allclose(whole.directions[:, alive], plain.directions, **same)
    for name in ("counts", "below", "above", "start", "width", "beyond"):
        np.testing.assert_allclose(
            getattr(whole.histograms["z"], name)[alive], getattr(plain.histograms["z"], name), **same
        )
    assert_same_distribution(whole.distribution.alive, plain.distribution)
    a, b = whole.summary, plain.summary
    for name in (
        "components_for_variance",
        "largest_off_diagonal",
        "coverage",
        "trimming",
        "normality",
        "region",
    ):
        assert_close(a[name], b[name])
    assert [(row.i, row.j) for row in a.strongest_pairs] == [
        (alive[row.i], alive[row.j]) for row in b.strongest_pairs
    ]
    assert [row.component for row in a.planes.z.spoilers] == [
        alive[row.component] for row in b.planes.z.spoilers
    ]
    assert_close([dict(row) | {"component": 0} for row in a.planes.z.spoilers],
                 [dict(row) | {"component": 0} for row in b.planes.z.spoilers])  # fmt: skip


def assert_close(a: object, b: object) -> None:
    """Equal trees, numbers to within rounding."""
    if isinstance(a, list | tuple):
        assert len(a) == len(b)  # type: ignore[arg-type]
        for x, y in zip(a, b, strict=True):  # type: ignore[call-overload]
            assert_close(x, y)
    elif hasattr(a, "keys"):
        assert set(a.keys()) == set(b.keys())  # type: ignore[attr-defined]
        for name in a.keys():  # noqa: SIM118 (records are mappings)
            assert_close(a[name], b[name])  # type: ignore[index]
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)
    else:
        assert a == b


def assert_same_distribution(a: zp.Distribution, b: zp.Distribution) -> None:
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        np.testing.assert_allclose(array, b.arrays[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_all_figures_are_those_of_the_living_components(whole: Analysis, plain: Analysis) -> None:
    assert_equal_but_for_dead(whole, plain, ALIVE)


def test_dead_components_are_named_everywhere(whole: Analysis) -> None:
    assert [(row.component, row.value) for row in whole.summary.dead] == list(zip(DEAD, VALUES, strict=True))
    table = whole.components
    assert table.index.tolist() == list(range(8))
    assert table.index[table["dead"]].tolist() == DEAD
    assert table.loc[DEAD, "mean"].tolist() == table.loc[DEAD, "median"].tolist() == VALUES
    assert (table.loc[DEAD, ["std", "explained_variance", "modes"]] == 0).all(axis=None)
    assert (
        table.loc[DEAD, ["skewness", "fwhm", "deviation", "core_sigma", "ks_distance"]].isna().all(axis=None)
    )
    assert sorted(table["rank"]) == list(range(1, 9))
    assert table.loc[DEAD, "rank"].tolist() == [6, 7, 8]
    assert not set(DEAD) & {number for pair in whole.planes.index for number in pair}
    assert len(whole.planes) == 10
    sentence = next(text for text in whole.verdict if text.startswith("Dead:"))
    assert "3 of 8 components are constant" in sentence
    assert "0, 3, 5" in sentence
    assert "none of 5 differs" in " ".join(whole.verdict)
    assert repr(whole).startswith("Analysis of 1,500 vectors of 8 components, 3 of them dead\n")
    assert "3 of 8 components are constant" in repr(whole.distribution)


def test_the_screen_says_so_in_one_line(vectors: np.ndarray) -> None:
    class Told:
        said: list[str] = []  # noqa: RUF012

        def task(self, *args: object, **kwargs: object) -> object:
            from zpoints.system.progress import Silent

            return Silent().task(*args, **kwargs)  # type: ignore[arg-type]

        def say(self, text: str) -> None:
            self.said.append(text)

    analyse(vectors, progress=Told())  # type: ignore[arg-type]
    said = [text for text in Told.said if "constant" in text]
    assert said == [
        "the array: 3 of 8 components are constant (the same value in all vectors): 0, 3, 5; left out"
    ]
    many = with_dead(correlated(50, 2), list(range(9)), [0.0] * 9)
    assert "9 of 11 components are constant (0 in all vectors): 0, 1, 2, 3, 4, 5 and 3 more" in " ".join(
        analyse(many).verdict
    )
    one = with_dead(correlated(50, 2), [1], [2.5])
    assert "component 1 of 3 is constant (2.5 in all vectors)" in " ".join(analyse(one).verdict)


def test_files_keep_them(whole: Analysis, vectors: np.ndarray, tmp_path: Path) -> None:
    whole.save(tmp_path)
    loaded = Analysis.load(tmp_path, vectors)
    pd.testing.assert_frame_equal(loaded.components, whole.components)
    pd.testing.assert_frame_equal(loaded.planes, whole.planes)
    assert loaded.summary.dead == whole.summary.dead
    assert loaded.distribution.dead.tolist() == DEAD
    for name, array in whole.distribution.arrays.items():
        np.testing.assert_array_equal(loaded.distribution.arrays[name], array, err_msg=name)
    assert_same_distribution(loaded.distribution.alive, whole.distribution.alive)


def test_the_distribution_is_that_of_all_components(whole: Analysis, vectors: np.ndarray) -> None:
    found = whole.distribution
    assert found.dimension == 8
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(vectors.T), atol=1e-12)
    pca = found.pca
    assert pca.rank == 5
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(pca.unwhiten(pca.whiten(vectors)), vectors, atol=1e-9)
    np.testing.assert_array_equal(pca.unwhiten(pca.whiten(vectors))[:, DEAD], np.tile(VALUES, (N, 1)))
    moved = vectors + 100.0 * np.isin(np.arange(8), DEAD)
    np.testing.assert_array_equal(pca.whiten(moved), pca.whiten(vectors)), "a dead component tells nothing"
    assert_same_distribution(
        zp.Distribution.of(Moments.of(vectors)).alive, replace(found.alive, core=None, margins=None)
    )


def test_what_a_file_says_of_them_is_checked(whole: Analysis, tmp_path: Path) -> None:
    for dead in ([3, 0], [9], [0.5], [[1]], [-1], list(range(8))):
        np.savez(tmp_path / "d.npz", **whole.distribution.arrays | {"dead": np.array(dead)})
        with pytest.raises(ArrayError, match="make the file anew"):
            zp.Distribution.load(tmp_path / "d.npz")


def test_walks_hold_them_still(
    whole: Analysis, plain: Analysis, vectors: np.ndarray, living: np.ndarray
) -> None:
    ways = [
        (along_axis(whole.distribution, 1), along_axis(plain.distribution, 1)),
        (in_plane(whole.distribution, 2, 6), in_plane(plain.distribution, 1, 3)),
        (interpolate(whole.distribution, *vectors[:2]), interpolate(plain.distribution, *living[:2])),
    ]
    for way, expected in ways:
        np.testing.assert_allclose(way.vectors[:, ALIVE], expected.vectors, atol=1e-9)
        np.testing.assert_allclose(way.vectors[:, DEAD], np.tile(VALUES, (len(way.vectors), 1)), atol=1e-12)
        np.testing.assert_allclose(way.distance, expected.distance, atol=1e-9)
    with pytest.raises(UsageError, match="component 3 is constant"):
        in_plane(whole.distribution, 2, 3)
    odd = farthest(LatentSet.open(vectors), whole.distribution, 5)[0]
    np.testing.assert_array_equal(odd, farthest(LatentSet.open(living), plain.distribution, 5)[0])


def test_figures_show_the_living(whole: Analysis) -> None:
    for draw in (
        zp.plots.overview,
        zp.plots.densities,
        zp.plots.components,
        zp.plots.agreement_map,
        zp.plots.picture,
    ):
        assert draw(whole) is not None  # type: ignore[operator]
    assert zp.plots.against(whole, 1, "z") is not None
    assert zp.plots.contours_after_cut(whole, (0, 1)) is not None
    for refused in (
        lambda: zp.plots.densities(whole, [3]),
        lambda: zp.plots.plane(whole, 1, 3),
        lambda: zp.plots.against(whole, 3, "z"),
    ):
        with pytest.raises(UsageError, match="component 3 is constant") as error:
            refused()
        line(error.value)


@pytest.mark.parametrize("of", ["trimmed", "core", "sample"])
@pytest.mark.parametrize("matrix", ["covariance", "pearson"])
def test_whatever_decides_the_axes(vectors: np.ndarray, living: np.ndarray, of: str, matrix: str) -> None:
    chosen = AnalysisSettings(pca_of=of, pca=matrix, pca_sample=700)  # type: ignore[arg-type]
    a, b = analyse(vectors, chosen), analyse(living, chosen)
    assert_same_distribution(a.distribution.alive, b.distribution)


def test_a_bin_that_is_too_narrow_names_the_component_by_its_own_number() -> None:
    z = with_dead(correlated(100, 2) * [1.0, 1e6], [0, 1], [0.0, 1.0])
    with pytest.raises(ArrayError, match="component 3 "):
        analyse(z, AnalysisSettings(bin_width=0.1))


@settings(max_examples=12)
@given(
    dead=st.sets(st.integers(0, 6), max_size=6),
    value=st.sampled_from([0.0, 1.0, -1 / 3, 1e8 / 7, 1e-30]),
    kind=st.sampled_from(["f4", "f8", "i4"]),
)
def test_whichever_are_dead(dead: set[int], value: float, kind: str) -> None:
    x = np.round(20 * correlated(60, 7 - len(dead))).astype(kind)
    z = with_dead(x, sorted(dead), [value] * len(dead))
    found, expected = measure_distribution(z), measure_distribution(x)
    assert found.dead.tolist() == sorted(dead)
    assert found.living.values.tolist() == z[0, sorted(dead)].astype(float).tolist()
    assert_same_distribution(found.alive, expected)
    again = zp.Distribution.of_arrays(found.arrays, "again")
    assert again.dead.tolist() == found.dead.tolist()
