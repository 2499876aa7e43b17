"""Contact sheets pixel by pixel, figures that show what they are given, and the words of the verdict."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from support import correlated
from zpoints.analysis.analyse import analyse
from zpoints.analysis.result import Analysis
from zpoints.images.sheets import GAP, contact_sheet, interleaved, save_sheet
from zpoints.plots import cuts as trimming_figures
from zpoints.plots import figures
from zpoints.statistics.ellipses import LEVELS
from zpoints.statistics.measures import COVERAGE
from zpoints.vectors.latent_set import LatentSet


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    return correlated(4000, 6)


@pytest.fixture(scope="module")
def analysis(cloud: np.ndarray) -> Analysis:
    return analyse(cloud)


@pytest.mark.parametrize("colours", [1, 3])
def test_a_contact_sheet_holds_every_picture_untouched(colours: int, tmp_path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 5, 4, colours), dtype=np.uint8)
    save_sheet(tmp_path / "sheet.png", pictures, 3)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).reshape(
        3 * (5 + GAP) + GAP, 3 * (4 + GAP) + GAP, colours
    )
    for number, picture in enumerate(pictures):
        top, left = (
            GAP + place * (side + GAP) for place, side in zip(divmod(number, 3), (5, 4), strict=True)
        )
        np.testing.assert_array_equal(sheet[top : top + 5, left : left + 4], picture)
    assert (sheet[-GAP:] == 255).all()


def test_fewer_pictures_than_columns_make_a_narrow_sheet() -> None:
    assert contact_sheet(np.zeros((2, 5, 4, 3), np.uint8), 10).size == (2 * (4 + GAP) + GAP, 5 + 2 * GAP)


def test_in_turn_puts_each_row_above_its_partner() -> None:
    upper = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    assert interleaved(upper, upper + 100, 2).ravel().tolist() == [0, 1, 100, 101, 2, 3, 102, 103, 4, 104]


def test_ellipses_in_the_picture_are_the_measured_ones(cloud: np.ndarray, analysis: Analysis) -> None:
    planes = analysis.planes[analysis.planes["basis"] == "z"].head(2)
    figure = figures.planes_figure(
        LatentSet.open(cloud), planes, analysis.distribution.mean, analysis.distribution.std
    )
    for panel, (i, j) in zip(figure.axes, planes[["i", "j"]].to_numpy(), strict=False):
        lines = panel.get_lines()[1:]  # the first are the dots
        covariance = np.cov(cloud[:, [i, j]], rowvar=False)
        for line, sigma in zip(lines, LEVELS, strict=True):
            points = np.stack(line.get_data(), axis=1) - cloud[:, [i, j]].mean(axis=0)
            distance = np.sqrt(np.einsum("na,ab,nb->n", points, np.linalg.inv(covariance), points))
            np.testing.assert_allclose(distance, sigma, rtol=1e-6)


def test_density_figure_draws_the_densities_of_the_chosen(cloud: np.ndarray, analysis: Analysis) -> None:
    z = analysis.components[analysis.components["basis"] == "z"]
    figure = figures.density_figure(z, analysis.histograms["z"], [4, 1])
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["component 4", "component 1"]
    x, y = figure.axes[0].get_lines()[0].get_data()
    edges = np.concatenate([x - (x[1] - x[0]) / 2, [x[-1] + (x[1] - x[0]) / 2]])
    expected, _ = np.histogram(cloud[:, 4], edges)
    assert (
        np.abs(y * len(cloud) * (x[1] - x[0]) - expected).max() <= 1.5
    )  # a value on an edge may fall either way


def test_all_figures_can_be_drawn(analysis: Analysis) -> None:
    pca = analysis.components[analysis.components["basis"] == "pca"]["explained_variance"].to_numpy()
    variance = figures.explained_variance_figure(pca, analysis.summary["components_for_variance"])
    np.testing.assert_allclose(variance.axes[1].get_lines()[0].get_ydata()[-1], 1)
    planes = analysis.planes[analysis.planes["basis"] == "z"]
    coverage = figures.coverage_figure(planes, COVERAGE, analysis.summary["n"])
    assert len(coverage.axes) == 4
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.2, 0.1], "validation_loss": [np.nan, np.nan]})
    learning = figures.learning_figure(history)
    assert [line.get_label() for line in learning.axes[0].get_lines()] == ["training"]
    for figure in (variance, coverage, learning):
        figure.canvas.draw()


def of_axes(table: pd.DataFrame, axes: str) -> pd.DataFrame:
    return table[table["basis"] == axes]


def test_the_overview_holds_the_components_of_the_largest_spread(analysis: Analysis) -> None:
    z = of_axes(analysis.components, "z")
    figure = figures.overview_figure(z, analysis.histograms["z"], count=4)
    curves = figure.axes[0].get_lines()[:-1]  # the last is the normal density
    largest = z.sort_values("std")["component"].tail(4)
    for line, component in zip(curves, largest, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), analysis.histograms["z"].density[component])
    in_data_units = figures.overview_figure(z, analysis.histograms["z"], standardised=False)
    for line in in_data_units.axes[0].get_lines():
        x, y = line.get_data()
        assert y.sum() * (x[1] - x[0]) == pytest.approx(1, abs=0.01)


def test_planes_of_one_axis_against_the_others(cloud: np.ndarray, analysis: Analysis) -> None:
    latents = LatentSet.open(cloud)
    figure = figures.against_figure(latents, analysis, first=2, count=3, masses=(0.5,), points=100)
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_xlabel() for panel in panels] == ["principal axis 2"] * 3
    assert [panel.get_ylabel() for panel in panels] == [f"principal axis {j}" for j in (0, 1, 3)]
    dots, ellipse = panels[2].get_lines()
    assert len(dots.get_xdata()) == 100
    scores = analysis.distribution.pca.transform(cloud)[:, [2, 3]]
    points = np.stack(ellipse.get_data(), axis=1) / scores.std(axis=0, ddof=1)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), np.sqrt(2 * np.log(2)), rtol=1e-3)
    assert figures.against_figure(latents, analysis, axes="z").axes[0].get_xlabel() == "component 0"
    with pytest.raises(ValueError, match="no plane"):
        figures.against_figure(latents, analysis, first=6)


def test_the_map_has_agreement_above_and_correlation_below(analysis: Analysis) -> None:
    planes = of_axes(analysis.planes, "z")
    upper, lower = (image.get_array() for image in figures.planes_map_figure(planes).axes[0].get_images())
    row = planes.iloc[3]
    assert upper[row["i"], row["j"]] == pytest.approx(row["agreement"])
    assert lower[row["j"], row["i"]] == pytest.approx(abs(row["r"]))
    assert np.isnan(np.ma.filled(upper, np.nan)[np.tril_indices(6)]).all()


def test_the_trimming_sequence_shows_every_cut(cloud: np.ndarray, analysis: Analysis) -> None:
    plane = figures.most_turned_plane(analysis.trimming)
    assert plane is not None
    chosen = analysis.trimming[(analysis.trimming["i"] == plane[0]) & (analysis.trimming["j"] == plane[1])]
    figure = figures.trimming_figure(LatentSet.open(cloud), analysis)
    titles = [panel.get_title("left") for panel in figure.axes if panel.get_visible()]
    assert titles[0] == f"no cut\nturn {chosen.iloc[0]['turn']:+.1f}°"
    assert len(titles) == len(chosen)
    rows = analysis.trimming[np.isinf(analysis.trimming["factor"])]
    elongated = rows[rows["ellipse_ratio"] < trimming_figures.ROUND]
    assert chosen.iloc[0]["turn"] == elongated.loc[elongated["turn"].abs().idxmax(), "turn"]
    measured = figures.survivors_figure(analysis.summary).axes[0].get_lines()[2].get_ydata()
    np.testing.assert_allclose(measured, [row["share"] for row in analysis.summary["trimming"]["survivors"]])


def test_the_figures_of_the_whole_cloud_can_be_drawn(cloud: np.ndarray, analysis: Analysis) -> None:
    normality = figures.normality_figure(analysis.summary)
    drawn = normality.axes[0].get_lines()[1].get_ydata()
    np.testing.assert_allclose(drawn, analysis.summary["normality"]["radii"]["quantiles"]["measured"])
    ellipsoid = figures.ellipsoid_figure(LatentSet.open(cloud), analysis, points=200)
    assert ellipsoid.axes[0].get_xlabel() == "principal axis 0"
    z = of_axes(analysis.components, "z")
    pairs = figures.pairs_figure(z, analysis.histograms["z"], [(0, 1), (2, 3)])
    for figure in (normality, ellipsoid, pairs):
        figure.canvas.draw()


def test_a_cloud_of_few_vectors_has_its_figures_too() -> None:
    few = np.random.default_rng(1).normal(size=(12, 3))
    found = analyse(few)
    figures.normality_figure(found.summary).canvas.draw()
    figures.planes_map_figure(of_axes(found.planes, "z")).canvas.draw()
    figures.survivors_figure(found.summary).canvas.draw()
    figures.ellipsoid_figure(LatentSet.open(few), found).canvas.draw()
