"""The whole analysis of an array: its figures against NumPy, its files, and what it refuses."""

import json
import time
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import combinations

import numba
import numpy as np
import pandas as pd
import pytest
import scipy.stats

import zpoints
from support import correlated, line
from zpoints.analysis.analyse import analyse, measure_distribution
from zpoints.analysis.result import Analysis
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.statistics.margins import Margins
from zpoints.statistics.measures import COVERAGE
from zpoints.vectors.latent_set import LatentSet

LEVELS = (1, 2, 2.5, 3)


@pytest.fixture(scope="module")
def analysis(cloud) -> Analysis:
    return analyse(cloud)


@pytest.fixture(scope="module")
def scores(cloud) -> np.ndarray:
    """Coordinates along the principal axes, signs by the rule, from NumPy's SVD."""
    x = cloud.astype(float) - cloud.astype(float).mean(axis=0)
    axes = np.linalg.svd(x, full_matrices=False)[2]
    signs = np.sign(axes[np.arange(5), np.abs(axes).argmax(axis=1)])
    return x @ (axes * signs[:, None]).T


def coverage_of(x: np.ndarray, i: int, j: int) -> list[float]:
    pair = x[:, [i, j]].astype(float)
    pair = pair - pair.mean(axis=0)
    squares = np.einsum("ni,ij,nj->n", pair, np.linalg.inv(np.cov(pair.T)), pair)
    return [float((squares <= k * k).mean()) for k in LEVELS]


def components_of(analysis: Analysis, basis: str) -> pd.DataFrame:
    return analysis.components_of(basis).reset_index()


def planes_of(analysis: Analysis, basis: str) -> pd.DataFrame:
    return analysis.planes_of(basis).reset_index()


@pytest.mark.parametrize("axes", ["z", "pca"])
def test_components_are_what_numpy_says(analysis, cloud, scores, axes):
    x = {"z": cloud.astype(float), "pca": scores}[axes]
    rows = components_of(analysis, axes)
    std = x.std(axis=0, ddof=1)
    assert rows["component"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(rows["mean"], x.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(rows["std"], std, rtol=1e-9)
    np.testing.assert_allclose(rows["skewness"], scipy.stats.skew(x), atol=1e-8)
    np.testing.assert_allclose(rows["excess_kurtosis"], scipy.stats.kurtosis(x), atol=1e-8)
    np.testing.assert_allclose(rows["explained_variance"], std**2 / (std**2).sum(), rtol=1e-9)
    np.testing.assert_allclose(rows["fwhm"], 2.354820045 * rows["fit_sigma"])
    assert (np.abs(rows["fit_centre"] - rows["mean"]) < 0.1 * std).all()
    assert (np.abs(rows["fit_sigma"] / std - 1) < 0.1).all()
    assert rows["fit_error"].between(0, 0.1).all()
    assert np.abs(rows["mean"]).max() > (2 if axes == "z" else 0)


@pytest.mark.parametrize("axes", ["z", "pca"])
def test_planes_are_what_numpy_says(analysis, cloud, scores, axes):
    x = {"z": cloud.astype(float), "pca": scores}[axes]
    rows = planes_of(analysis, axes)
    assert len(rows) == 10
    for number, (i, j) in enumerate(combinations(range(5), 2)):
        row = rows.iloc[number]
        covariance = np.cov(x[:, [i, j]].T)
        values, vectors = np.linalg.eigh(covariance)
        turn = np.radians(row["angle"])
        assert (row["i"], row["j"]) == (i, j)
        assert row["r"] == pytest.approx(np.corrcoef(x[:, i], x[:, j])[0, 1], abs=1e-9)
        assert [row["half_axis_minor"], row["half_axis_major"]] == pytest.approx(np.sqrt(values), rel=1e-8)
        assert abs(vectors[:, 1] @ [np.cos(turn), np.sin(turn)]) == pytest.approx(1, abs=1e-6)
        assert [row[name] for name in COVERAGE] == pytest.approx(coverage_of(x, i, j), abs=1.01 / 2000)


def test_the_columns_are_those_of_the_contract(analysis, tmp_path):
    analysis.save(tmp_path)
    components, planes = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("components", "planes"))
    wanted = "basis component mean std fit_centre fit_sigma fwhm skewness excess_kurtosis explained_variance"
    assert set(wanted.split()) <= set(components)
    wanted = "basis i j r angle half_axis_major half_axis_minor coverage_1 coverage_2 coverage_2_5 coverage_3"
    assert set(wanted.split()) <= set(planes)
    assert components["basis"].unique().tolist() == ["z", "pca"] == planes["basis"].unique().tolist()


def test_the_summary(analysis, cloud, scores):
    x = cloud.astype(float)
    pearson, aligned = np.corrcoef(x.T), np.corrcoef(scores.T)
    upper = np.triu_indices(5, 1)
    summary = analysis.summary
    assert (summary["n"], summary["d"], summary["rank"]) == (2000, 5, 5)
    mean = x.mean(axis=0)
    assert summary["region"]["centre_length"] == pytest.approx(np.linalg.norm(mean))
    assert summary["region"]["origin_distance"] == pytest.approx(
        np.sqrt((2000 - 7) / 1999 * (mean @ np.linalg.solve(np.cov(x.T), mean)) - 5 / 2000)
    )
    shares = np.cumsum(scores.var(axis=0)) / scores.var(axis=0).sum()
    expected = {text: int((shares < float(text)).sum()) + 1 for text in ("0.80", "0.90", "0.95")}
    assert summary["components_for_variance"] == expected
    assert summary["largest_off_diagonal"]["z"] == pytest.approx(np.abs(pearson[upper]).max())
    assert summary["largest_off_diagonal"]["pca"] == pytest.approx(np.abs(aligned[upper]).max(), abs=1e-12)
    assert summary["largest_off_diagonal"]["pca"] < 2e-7, "the check of the articles"
    strongest = summary["strongest_pairs"]
    assert [abs(pair["r"]) for pair in strongest] == pytest.approx(
        sorted(np.abs(pearson[upper]), reverse=True)
    )
    assert strongest[0]["r"] == pytest.approx(pearson[strongest[0]["i"], strongest[0]["j"]])
    assert 0 <= summary["seconds"] < 60
    for axes, y in (("z", x), ("pca", scores)):
        measured = np.array([coverage_of(y, i, j) for i, j in zip(*upper, strict=True)])
        for place, row in enumerate(summary["coverage"][axes]):
            assert row["sigma"] == LEVELS[place]
            assert row["normal"] == pytest.approx(1 - np.exp(-(LEVELS[place] ** 2) / 2))
            found = [row["median"], row["least"], row["largest"]]
            column = measured[:, place]
            assert found == pytest.approx([np.median(column), column.min(), column.max()], abs=1.01 / 2000)


def test_the_histograms(analysis, cloud, scores):
    for axes, x in (("z", cloud.astype(float)), ("pca", scores)):
        u = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
        histograms = analysis.histograms[axes]
        assert histograms.n == 2000
        for c in range(5):
            expected, _ = np.histogram(u[:, c], histograms.edges[c])
            assert np.abs(histograms.counts[c] - expected).sum() <= 4


def test_the_distribution(analysis, cloud):
    x = cloud.astype(float)
    distribution = analysis.distribution
    assert (distribution.n, distribution.dimension) == (2000, 5)
    np.testing.assert_allclose(distribution.mean, x.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(distribution.covariance, np.cov(x.T), atol=1e-10)
    np.testing.assert_allclose(distribution.std, x.std(axis=0, ddof=1), rtol=1e-10)


def assert_same(a: Analysis, b: Analysis, tolerance: float, but: set[str] = frozenset()) -> None:
    for name in ("components", "planes", "principal_components", "principal_planes"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance)
    for part in ("mean", "covariance"):
        np.testing.assert_allclose(
            getattr(a.distribution, part), getattr(b.distribution, part), atol=tolerance
        )
    for part in ("axes", "variance"):
        np.testing.assert_allclose(
            getattr(a.distribution.pca, part), getattr(b.distribution.pca, part), atol=tolerance
        )
    assert (a.distribution.n, a.distribution.pca.rank) == (b.distribution.n, b.distribution.pca.rank)
    for axes in ("z", "pca"):
        for part in ("counts", "below", "above"):
            np.testing.assert_array_equal(
                getattr(a.histograms[axes], part), getattr(b.histograms[axes], part)
            )
    cost = {"seconds", "peak_ram_mib", "peak_vram_mib"}
    assert a.summary.keys() == b.summary.keys()
    for key in a.summary.keys() - cost - but:
        assert flat(a.summary[key]) == pytest.approx(flat(b.summary[key]), rel=tolerance, abs=tolerance)


def flat(value):  # type: ignore[no-untyped-def]
    """The numbers in nested dictionaries and lists."""
    if isinstance(value, Mapping):
        return [number for inner in value.values() for number in flat(inner)]
    if isinstance(value, list | tuple):
        return [number for inner in value for number in flat(inner)]
    return [] if isinstance(value, str) else [-999 if value is None else value]


@pytest.fixture
def one_thread():  # type: ignore[no-untyped-def]
    """For thousands of tiny blocks: on a busy machine, starting two threads takes milliseconds each time."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


@pytest.mark.parametrize("block", [pytest.param(1, marks=pytest.mark.slow), 7, 1999, 2000, 100_000])
def test_the_block_length_does_not_matter(analysis, cloud, block, one_thread):
    assert_same(analyse(cloud, AnalysisSettings(block=block)), analysis, 1e-10)


def test_the_width_of_the_bins_changes_the_histograms_alone(analysis, cloud):
    found = analyse(cloud, AnalysisSettings(bin_width=0.25, pca_bin_width=0.5))
    for axes, width in (("z", 0.25), ("pca", 0.5)):
        rows = components_of(found, axes)
        edges = (
            rows["mean"].to_numpy()[:, None] + rows["std"].to_numpy()[:, None] * found.histograms[axes].edges
        )
        np.testing.assert_allclose(np.diff(edges, axis=1), width)
        np.testing.assert_allclose(edges / width, np.round(edges / width), atol=1e-9)
    pd.testing.assert_frame_equal(found.planes, analysis.planes)
    pd.testing.assert_frame_equal(found.components, analysis.components)


def test_the_order_of_the_vectors_does_not_matter(analysis, cloud):
    # But for what looks at random halves of the vectors.
    assert_same(analyse(cloud[::-1]), analysis, 1e-10, but={"region", "normality", "trimming", "verdict"})


def test_selected_rows_are_analysed_like_an_array_of_them(cloud):
    rows = np.flatnonzero(np.random.default_rng(0).random(2000) < 0.3)
    alone = analyse(cloud[rows])
    assert_same(analyse(cloud, AnalysisSettings(block=100), rows=rows), alone, 1e-10)
    assert_same(analyse(LatentSet.open(cloud, rows)), alone, 1e-10)


@pytest.mark.parametrize("name", ["c.npy", "f.npy", "z.npz"])
def test_a_file_gives_what_the_array_gives(analysis, cloud, tmp_path, name):
    path = tmp_path / name
    np.savez(path, cloud) if name == "z.npz" else np.save(
        path, cloud if name == "c.npy" else np.asfortranarray(cloud)
    )
    assert_same(analyse(path), analysis, 1e-12)
    assert_same(analyse(str(path)), analysis, 1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", ">f8", "int8", "uint16", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_type_of_number(dtype, order):
    z = np.round(5 * correlated(400, 3) + 40).clip(0, 100).astype(dtype, order=order)
    assert_same(analyse(z), analyse(z.astype(np.float64)), 1e-10)


def test_what_was_saved_is_loaded(analysis, tmp_path):
    analysis.save(tmp_path / "a" / "b")
    folder = tmp_path / "a" / "b"
    names = {"analysis.json", "distribution.npz", "histograms.npz"}
    names |= {"components.parquet", "planes.parquet", "trimming.parquet"}
    assert {file.name for file in folder.iterdir()} == names
    loaded = Analysis.load(folder)
    assert loaded.summary == analysis.summary
    assert analysis.summary.to_dict() == json.loads((folder / "analysis.json").read_text())
    assert_same(loaded, analysis, 0)
    with np.load(folder / "distribution.npz") as arrays:
        np.testing.assert_array_equal(arrays["mean"], analysis.distribution.mean)
        more = {name for name in arrays.files if name.startswith(("core_", "margin_"))}
        assert set(arrays.files) - more == {"n", "mean", "covariance", "axes", "variance", "rank", "scale"}
        assert len(more) == 8 + len(Margins.names())


@pytest.mark.parametrize(
    "name", ["analysis.json", "components.parquet", "distribution.npz", "histograms.npz"]
)
@pytest.mark.parametrize("damage", ["missing", "half", "text"])
def test_damaged_results_are_refused_in_one_line(analysis, tmp_path, name, damage):
    analysis.save(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink() if damage == "missing" else path.write_bytes(
        data[: len(data) // 2] if damage == "half" else b"no"
    )
    with pytest.raises(ArrayError) as refused:
        Analysis.load(tmp_path)
    assert str(tmp_path) in line(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros(4)},
        {"mean": np.zeros((5, 1))},
        {"axes": np.zeros((5, 4))},
        {"variance": np.zeros(4)},
        {"covariance": np.full((5, 5), np.nan)},
        {"rank": np.int64(6)},
        {"rank": np.zeros(2)},
        {"n": None},
    ],
    ids=str,
)
def test_a_distribution_that_does_not_fit_is_refused(analysis, tmp_path, change):
    path = tmp_path / "distribution.npz"
    analysis.distribution.save(path)
    arrays = {k: v for k, v in (dict(np.load(path)) | change).items() if v is not None}
    np.savez(path, **arrays)
    with pytest.raises(ArrayError) as refused:
        zpoints.Distribution.load(path)
    assert str(path) in line(refused.value)


def refusal(source, **options) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(ArrayError) as refused:
        analyse(source, **options)
    return line(refused.value)


def test_shapes_and_numbers_of_vectors_that_are_refused(cloud, tmp_path):
    assert "1 dimension" in refusal(cloud[:, 0])
    assert "0 dimension" in refusal(cloud[0, 0])
    assert "0 component(s)" in refusal(np.zeros((20, 3, 0)))
    assert "at least 2 vectors" in refusal(cloud[:1])
    assert "at least 2 vectors" in refusal(cloud[:0])
    assert "at least 2 vectors" in refusal(cloud, rows=np.array([7]))
    assert "not numeric" in refusal(cloud.astype(str))
    np.save(tmp_path / "z.npy", cloud[:, 0])
    assert str(tmp_path / "z.npy") in refusal(tmp_path / "z.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("vector", "component"), [(0, 0), (1234, 3), (1999, 4)])
def test_values_that_are_not_finite_are_named(cloud, value, dtype, vector, component):
    z = cloud.astype(dtype)
    z[vector, component] = value
    text = refusal(z, settings=AnalysisSettings(block=100))
    assert f"vector {vector}, component {component} is {value}" in text
    rows = np.arange(1, 2000, 3) if vector == 1234 else np.array([0, 1, 1998, 1999])
    assert f"vector {vector}, component {component} is" in refusal(z, rows=rows)


def test_two_infinities_that_cancel_are_named(cloud):
    z = cloud.copy()
    z[3, 1], z[5, 1] = np.inf, -np.inf
    assert "vector 3, component 1 is inf" in refusal(z)


def test_values_whose_powers_overflow_are_refused():
    for scale in (1e90, 1e160, 1e300, 1e308):
        for block in (4096, 7):
            z = np.random.default_rng(0).uniform(-1, 1, size=(50, 2)) * scale
            assert "too large" in refusal(z, settings=AnalysisSettings(block=block))
    assert analyse(correlated(50, 2) * 1e60).summary["n"] == 50


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1 / 3, 1e8 / 7, 1e-30, -7e-5])
@pytest.mark.parametrize("n", [2, 10, *(pytest.param(n, marks=pytest.mark.slow) for n in (1000, 50_001))])
def test_constant_components_are_found_whatever_rounding_leaves_of_them(value, n):
    z = correlated(n, 3)
    z[:, 1] = value
    for array, settings in ((z, None), (z.astype(np.float32), None), (z[:2000], AnalysisSettings(block=13))):
        found = measure_distribution(array) if settings is None else analyse(array, settings).distribution
        assert found.dead.tolist() == [1]
        assert found.living.values.tolist() == [float(array[0, 1])], "to the last bit"


def test_components_that_hardly_vary_are_not_constant():
    z = correlated(1000, 3)
    z[:, 0] = 1 + 1e-12 * z[:, 0]
    z[:, 1] = 1e-300 * z[:, 1]
    z[:, 1] *= 1e160
    std = analyse(z).components["std"][:2]
    np.testing.assert_allclose(std, z[:, :2].std(axis=0, ddof=1), rtol=1e-3)


def whole(a: Analysis, folder) -> Analysis:  # type: ignore[no-untyped-def]
    """Odd clouds must also be saved and loaded: no NaN in the JSON, no table that does not fit."""
    a.save(folder)
    assert_same(Analysis.load(folder), a, 0)
    return a


def test_a_wide_cloud(tmp_path):
    x = correlated(20, 50)
    found = whole(analyse(x), tmp_path)
    assert found.summary["rank"] == 19
    assert (len(components_of(found, "z")), len(components_of(found, "pca"))) == (50, 19)
    assert (len(planes_of(found, "z")), len(planes_of(found, "pca"))) == (1225, 171)
    assert np.isfinite(
        found.components.drop(columns=["dead", "pixels_per_sigma", "pixels_per_sigma_error"]).to_numpy()
    ).all()
    expected = coverage_of(x, 3, 40)
    row = planes_of(found, "z").query("i == 3 and j == 40")[list(COVERAGE)]
    assert row.to_numpy()[0].tolist() == pytest.approx(expected)


def test_two_vectors(tmp_path):
    found = whole(analyse(np.array([[0.0, 1.0, 2.0], [1.0, 3.0, -1.0]])), tmp_path)
    assert found.summary["rank"] == 1
    assert components_of(found, "pca")["std"].tolist() == pytest.approx([np.sqrt(14 / 2)])
    assert planes_of(found, "pca").empty


def test_one_component(tmp_path):
    x = np.random.default_rng(0).normal(3, 2, size=(500, 1))
    found = whole(analyse(x), tmp_path)
    assert found.planes.empty
    for basis in ("z", "pca"):
        assert found.components_of(basis)["std"].tolist() == pytest.approx([x.std(ddof=1)])
    assert found.summary["largest_off_diagonal"] == {"z": 0.0, "pca": 0.0}
    assert found.summary["strongest_pairs"] == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_component_twice(tmp_path, sign):
    x = correlated(300, 3)
    found = whole(analyse(np.column_stack([x, sign * 2.5 * x[:, 1]])), tmp_path)
    planes = planes_of(found, "z")
    twice = (planes["i"] == 1) & (planes["j"] == 3)
    assert planes.loc[twice, "r"].tolist() == pytest.approx([sign], abs=1e-12)
    assert planes.loc[twice, list(COVERAGE)].isna().all(axis=None)
    assert planes.loc[twice, "half_axis_minor"].max() < 1e-6
    assert planes.loc[~twice, list(COVERAGE)].notna().all(axis=None)
    assert found.summary["rank"] == 3
    assert planes_of(found, "pca").notna().all(axis=None)
    assert len(planes_of(found, "pca")) == 3


def test_nothing_but_a_component_twice(tmp_path):
    x = correlated(300, 1)
    found = whole(analyse(np.column_stack([x, x])), tmp_path)
    assert found.summary["coverage"]["z"][0]["median"] is None


def test_scales_that_differ_by_many_powers_of_ten():
    x = correlated(1000, 3)
    found, plain = analyse(x * [1e-8, 1.0, 1e8]), analyse(x)
    columns = ["r", *COVERAGE]
    np.testing.assert_allclose(planes_of(found, "z")[columns], planes_of(plain, "z")[columns], atol=1e-3)


def test_the_vectors_are_left_alone(cloud):
    z = cloud.copy()
    analyse(z)
    np.testing.assert_array_equal(z, cloud)


def test_every_step_ends_its_progress(cloud):
    class Counting:
        def __init__(self):  # type: ignore[no-untyped-def]
            self.tasks = []

        @contextmanager
        def task(self, label, total, unit="images", done=0):  # type: ignore[no-untyped-def]
            self.tasks.append([label, total, 0])
            yield self

        def advance(self, amount=1, note=""):  # type: ignore[no-untyped-def]
            self.tasks[-1][2] += amount

    counting = Counting()
    analyse(cloud, AnalysisSettings(block=300), progress=counting)  # type: ignore[arg-type]
    labels = {word for label, _, _ in counting.tasks for word in label.split(", ")}
    assert {"moments", "z axes", "pca axes", "z planes", "pca planes", "cuts", "normality"} <= labels
    for label, total, done in counting.tasks:
        assert done == total, label


@pytest.mark.slow
def test_all_planes_of_170000_vectors_in_seconds():
    z = np.random.default_rng(0).normal(size=(170_000, 256)).astype(np.float32)
    analyse(z[:5000])  # compile
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        found = analyse(z)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 90  # everything that there is, both sets of axes: under 45 on two quiet cores
    exact = np.array([1 - np.exp(-k * k / 2) for k in LEVELS])
    planes = np.concatenate([found.planes[list(COVERAGE)], found.principal_planes[list(COVERAGE)]])
    error = np.abs(planes - exact)
    assert len(error) == 2 * 32_640
    assert (error < 6 * np.sqrt(exact * (1 - exact) / 170_000)).all()
