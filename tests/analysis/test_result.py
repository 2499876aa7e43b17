"""What an analysis is for its user: tables of one basis each, words, pictures, and folders written and read."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zpoints as zp
from support import correlated, line
from zpoints.analysis.result import Analysis
from zpoints.analysis.summary import ClustersSummary
from zpoints.errors import ArrayError


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return correlated(800, 5)


@pytest.fixture(scope="module")
def analysis(vectors: np.ndarray) -> Analysis:
    return zp.analyse(vectors)


def test_a_table_holds_one_basis(analysis: Analysis, vectors: np.ndarray) -> None:
    assert analysis.components.index.tolist() == list(range(5))
    assert analysis.planes.index.tolist() == [(i, j) for i in range(5) for j in range(i + 1, 5)]
    assert analysis.components.loc[3, "std"] == pytest.approx(vectors[:, 3].std(ddof=1))
    assert analysis.planes.loc[(1, 4), "r"] == pytest.approx(np.corrcoef(vectors[:, 1], vectors[:, 4])[0, 1])
    assert analysis.principal_planes["r"].abs().max() < 1e-9
    assert analysis.principal_components["std"].is_monotonic_decreasing
    assert analysis.components_of("pca") is analysis.principal_components
    assert analysis.planes_of("z") is analysis.planes
    for table in (analysis.components, analysis.planes):
        assert "basis" not in table


def test_files_hold_both_bases(analysis: Analysis, tmp_path: Path) -> None:
    analysis.save(tmp_path)
    for name in ("components", "planes"):
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert table.columns[0] == "basis"
        for basis in ("z", "pca"):
            rows = table[table["basis"] == basis].drop(columns="basis").reset_index(drop=True)
            own = getattr(analysis, f"{name}_of")(basis).reset_index()
            pd.testing.assert_frame_equal(rows, own)


def test_folders_and_files_may_be_texts(analysis: Analysis, tmp_path: Path) -> None:
    analysis.save(f"{tmp_path}/a")
    loaded = Analysis.load(f"{tmp_path}/a")
    pd.testing.assert_frame_equal(loaded.planes, analysis.planes)
    pd.testing.assert_frame_equal(loaded.principal_planes, analysis.principal_planes)
    assert loaded.latents is None
    analysis.distribution.save(f"{tmp_path}/d.npz")
    again = zp.Distribution.load(f"{tmp_path}/d.npz")
    np.testing.assert_array_equal(again.covariance, analysis.distribution.covariance)


def test_an_analysis_may_be_loaded_with_its_vectors(
    analysis: Analysis, vectors: np.ndarray, tmp_path: Path
) -> None:
    analysis.save(tmp_path)
    np.save(tmp_path / "z.npy", vectors)
    loaded = Analysis.load(tmp_path, latents=tmp_path / "z.npy")
    assert loaded.latents is not None
    assert loaded.latents.n == 800


def test_a_folder_of_the_first_format_is_readable(analysis: Analysis, tmp_path: Path) -> None:
    analysis.save(tmp_path)
    for name in ("components", "planes"):
        path = tmp_path / f"{name}.parquet"
        pd.read_parquet(path).rename(columns={"basis": "axes"}).to_parquet(path, index=False)
    content = json.loads((tmp_path / "analysis.json").read_text())
    del content["version"]
    for basis in ("z", "pca"):
        del content["planes"][basis]["fewest_vectors"]
    (tmp_path / "analysis.json").write_text(json.dumps(content))
    loaded = Analysis.load(tmp_path)
    assert loaded.summary == analysis.summary
    pd.testing.assert_frame_equal(loaded.components, analysis.components)
    pd.testing.assert_frame_equal(loaded.planes, analysis.planes)


def change(path: Path, *place: str, to: object) -> None:
    content = json.loads(path.read_text())
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = to
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("n",), "many"),
        (("version",), 99),
        (("region",), []),
        (("region", "clusters", "regions"), None),
        (("normality", "radii", "shares"), [1]),
        (("planes", "z", "figures"), {"agreement": 1}),
        (("verdict",), [1]),
        (("surprise",), 1),
    ],
    ids=str,
)
def test_a_hostile_summary_is_one_line(analysis, tmp_path, place, value):
    analysis.save(tmp_path)
    change(tmp_path / "analysis.json", *place, to=value)
    with pytest.raises(ArrayError) as refused:
        Analysis.load(tmp_path)
    text = line(refused.value)
    assert str(tmp_path / "analysis.json") in text
    assert place[-1] in text or "format '99'" in text


@pytest.mark.parametrize(("name", "column"), [("components", "basis"), ("planes", "j")])
def test_a_table_without_its_numbers_is_one_line(analysis, tmp_path, name, column):
    analysis.save(tmp_path)
    path = tmp_path / f"{name}.parquet"
    pd.read_parquet(path).drop(columns=column).to_parquet(path, index=False)
    with pytest.raises(ArrayError) as refused:
        Analysis.load(tmp_path)
    assert f"{path}: no column '{column}'" in line(refused.value)


def test_the_summary_is_read_by_attribute_or_key(analysis: Analysis) -> None:
    summary = analysis.summary
    assert summary.n == summary["n"] == 800
    assert summary.region.clusters.regions == summary["region"]["clusters"]["regions"] == 1
    assert summary.planes.z.figures["agreement"].median is not None
    assert analysis.verdict == summary.verdict == summary["verdict"]


def test_in_a_terminal_it_is_a_few_lines(analysis: Analysis) -> None:
    for result in (analysis, analysis.distribution):
        lines = repr(result).splitlines()
        assert "800 vectors of 5 components" in lines[0]
        assert 2 <= len(lines) <= 6
        assert max(map(len, lines)) <= 110
    assert repr(analysis).splitlines()[1] == analysis.verdict[0]


def test_in_a_notebook_it_has_a_small_picture(analysis: Analysis) -> None:
    for result in (analysis, analysis.distribution):
        html = result._repr_html_()
        (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert len(html) < 80_000
        assert "800 vectors of 5 components" in html


def test_only_figures_are_methods_of_plot(analysis: Analysis) -> None:
    assert set(dir(analysis.plot)) == set(zp.plots.FIGURES["Analysis"])
    assert dir(analysis.distribution.plot) == ["spectrum"]
    with pytest.raises(AttributeError, match="no figure 'nonsense'; there are"):
        _ = analysis.plot.nonsense


def test_regions_of_a_file_of_before_are_read():
    """It has figures of mixtures of normals beside them, and does not know how many vectors are different."""
    valley = {"regions": [0, 1], "peaks": [9, 8], "valley": 0, "dip": 0.0, "z": 3.0, "density_dip": 0.1}
    old = {
        "n_fitted": 10,
        "n_held_out": 10,
        "dimension": 2,
        "components": 2,
        "gain": 1.0,
        "gain_error": 0.1,
        "log_likelihood": [-2.0, -1.0],
        "bic": [2.0, 1.0],
        "regions": 2,
        "shares": [0.5, 0.5],
        "evidence": [valley],
        "sentence": "Fragmented.",
    }
    found = ClustersSummary.from_dict(old, "the file")
    assert (found.regions, found.distinct, found.evidence[0].peaks) == (2, None, (9, 8))
