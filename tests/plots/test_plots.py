"""Figures show what they are given, and what they cannot show is refused in one line."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import chi2

import zpoints as zp
from support import correlated, line
from zpoints.analysis.result import Analysis
from zpoints.errors import ArrayError, UsageError
from zpoints.plots.cuts import ROUND
from zpoints.statistics.ellipses import LEVELS


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return correlated(4000, 6)


@pytest.fixture(scope="module")
def analysis(vectors: np.ndarray) -> Analysis:
    return zp.analyse(vectors)


@pytest.fixture(scope="module")
def loaded(analysis: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder = tmp_path_factory.mktemp("saved")
    analysis.save(folder)
    return Analysis.load(folder)


def panels_of(figure: Figure) -> list:
    return [panel for panel in figure.axes if panel.get_visible()]


@pytest.mark.parametrize("pair", [(0, 1), (4, 2)])
def test_ellipses_in_the_picture_are_the_measured_ones(vectors, analysis, pair):
    (panel,) = panels_of(zp.plots.plane(analysis, *pair))
    chosen = vectors[:, list(pair)]
    assert (panel.get_xlabel(), panel.get_ylabel()) == tuple(f"component {number}" for number in pair)
    lines = panel.get_lines()[1:]  # the first are the dots
    covariance = np.cov(chosen, rowvar=False)
    for outline, sigma in zip(lines, LEVELS, strict=True):
        points = np.stack(outline.get_data(), axis=1) - chosen.mean(axis=0)
        distance = np.sqrt(np.einsum("na,ab,nb->n", points, np.linalg.inv(covariance), points))
        np.testing.assert_allclose(distance, sigma, rtol=1e-6)
    dots = np.stack(panel.get_lines()[0].get_data(), axis=1)
    assert {tuple(dot) for dot in dots} <= {tuple(vector) for vector in chosen}


def test_contours_hold_the_masses_that_they_say(vectors, analysis):
    panel = panels_of(zp.plots.plane(analysis, 0, 1, masses=(0.5,)))[0]
    (contour,) = panel.collections
    inside = np.zeros(len(vectors), bool)
    for path in contour.get_paths():
        inside ^= path.contains_points(vectors[:, [0, 1]])
    assert inside.mean() == pytest.approx(0.5, abs=0.04)  # the density is smoothed


def test_several_planes_the_least_normal_ones_by_default(analysis):
    figure = zp.plots.planes(analysis, count=3)
    worst = analysis.planes.sort_values("rank").index[:3]
    assert [panel.get_xlabel() for panel in panels_of(figure)] == [f"component {i}" for i, _ in worst]
    assert [panel.get_ylabel() for panel in panels_of(figure)] == [f"component {j}" for _, j in worst]
    chosen = zp.plots.planes(analysis, analysis.planes.sort_values("agreement").head(2).index, basis="pca")
    assert panels_of(chosen)[0].get_xlabel().startswith("principal axis")


def test_planes_of_one_axis_against_the_others(vectors, analysis):
    figure = zp.plots.against(analysis, 2, count=3, masses=(0.5,), points=100)
    panels = panels_of(figure)
    assert [panel.get_xlabel() for panel in panels] == ["principal axis 2"] * 3
    assert [panel.get_ylabel() for panel in panels] == [f"principal axis {j}" for j in (0, 1, 3)]
    dots, ellipse = panels[2].get_lines()
    assert len(dots.get_xdata()) == 100
    scores = analysis.distribution.pca.transform(vectors)[:, [2, 3]]
    points = np.stack(ellipse.get_data(), axis=1) / scores.std(axis=0, ddof=1)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), np.sqrt(2 * np.log(2)), rtol=1e-3)
    assert zp.plots.against(analysis, basis="z").axes[0].get_xlabel() == "component 0"


def test_number_densities_are_those_of_the_chosen(vectors, analysis):
    figure = zp.plots.densities(analysis, [4, 1])
    panels = panels_of(figure)
    assert [axes.get_title("left") for axes in panels] == ["component 4", "component 1"]
    values, edges, _ = panels[0].patches[0].get_data()
    expected, _ = np.histogram(vectors[:, 4], edges)
    # A value on an edge may fall either way.
    assert np.abs(values * len(vectors) * np.diff(edges) - expected).max() <= 1.5
    largest = analysis.components["std"].nlargest(2).index
    titles = [axes.get_title("left") for axes in panels_of(zp.plots.densities(analysis, count=2))]
    assert titles == [f"component {number}" for number in largest]


def test_pairs_of_densities_are_neighbours_by_their_spread(analysis):
    order = analysis.components["std"].nlargest(4).index.tolist()
    figure = zp.plots.density_pairs(analysis, count=2)
    texts = [[text.get_text() for text in panel.get_legend().get_texts()] for panel in panels_of(figure)]
    assert texts == [[f"component {number}" for number in pair] for pair in (order[:2], order[2:])]


def test_the_overview_holds_the_components_of_the_largest_spread(analysis):
    figure = zp.plots.overview(analysis, count=4)
    curves = figure.axes[0].get_lines()[:-1]  # the last is the normal density
    largest = analysis.components["std"].sort_values().index[-4:]
    for curve, component in zip(curves, largest, strict=True):
        np.testing.assert_array_equal(curve.get_ydata(), analysis.histograms["z"].density[component])
    for curve in zp.plots.overview(analysis, standardised=False).axes[0].get_lines():
        x, y = curve.get_data()
        assert y.sum() * (x[1] - x[0]) == pytest.approx(1, abs=0.01)


def test_moments_of_every_component_beside_their_noise(analysis):
    figure = zp.plots.components(analysis)
    for panel, name in zip(figure.axes, ("std", "skewness", "excess_kurtosis"), strict=True):
        (dots,) = [curve for curve in panel.get_lines() if curve.get_marker() == "."]
        np.testing.assert_array_equal(dots.get_ydata(), analysis.components[name])


def test_the_spectrum_adds_up_to_the_whole_variance(vectors, analysis):
    for source in (analysis, analysis.distribution):
        single, cumulative = zp.plots.spectrum(source).axes
        variance = np.sort(np.linalg.eigvalsh(np.cov(vectors.T)))[::-1]
        np.testing.assert_allclose(single.get_lines()[0].get_ydata(), variance / variance.sum())
        np.testing.assert_allclose(
            cumulative.get_lines()[0].get_ydata(), np.cumsum(variance) / variance.sum()
        )


def test_the_coverage_counts_every_plane(analysis):
    figure = zp.plots.coverage(analysis)
    assert [sum(bar.get_height() for bar in panel.patches[:60]) for panel in figure.axes] == [15] * 4


def test_the_map_has_agreement_above_and_correlation_below(analysis):
    upper, lower = (image.get_array() for image in zp.plots.agreement_map(analysis).axes[0].get_images())
    row = analysis.planes.loc[(0, 4)]
    assert upper[0, 4] == pytest.approx(row["agreement"])
    assert lower[4, 0] == pytest.approx(abs(row["r"]))
    assert np.isnan(np.ma.filled(upper, np.nan)[np.tril_indices(6)]).all()


def test_the_contours_after_every_cut(analysis):
    plane = zp.plots.most_turned_plane(analysis)
    assert plane is not None
    chosen = analysis.trimming[(analysis.trimming["i"] == plane[0]) & (analysis.trimming["j"] == plane[1])]
    figure = zp.plots.contours_after_cut(analysis)
    titles = [panel.get_title("left") for panel in panels_of(figure)]
    assert titles[0] == f"no cut\nturn {chosen.iloc[0]['turn']:+.1f}°"
    assert len(titles) == len(chosen)
    rows = analysis.trimming[np.isinf(analysis.trimming["factor"])]
    elongated = rows[rows["ellipse_ratio"] < ROUND]
    assert chosen.iloc[0]["turn"] == elongated.loc[elongated["turn"].abs().idxmax(), "turn"]
    measured = zp.plots.survivors(analysis).axes[0].get_lines()[2].get_ydata()
    np.testing.assert_allclose(measured, [row.share for row in analysis.summary.trimming.survivors])


def test_quantiles_of_the_distance_are_measured_ones(vectors, analysis):
    x, y = zp.plots.mahalanobis(analysis).axes[0].get_lines()[1].get_data()
    centred = vectors - vectors.mean(axis=0)
    squares = np.einsum("na,ab,nb->n", centred, np.linalg.inv(np.cov(vectors.T)), centred)
    normal = np.array(analysis.summary.normality.radii.quantiles.normal)
    assert set(x) <= set(normal)
    assert len(x) > 20
    for value, measured in zip(x, y, strict=True):
        # The quantile at the share that a normal cloud has below x; its law is nearly chi-square with 6 degrees.
        share, error = chi2.cdf(value, 6), np.sqrt(0.25 / len(squares))
        low, high = np.quantile(squares, np.clip([share - 2 * error, share + 2 * error], 0, 1))
        assert low - 0.02 <= measured <= high + 0.02


def test_the_learning_curve_leaves_out_what_was_not_watched(tmp_path):
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.2, 0.1], "validation_loss": [np.nan, np.nan]})
    history.to_csv(tmp_path / "history.csv", index=False)
    for source in (history, str(tmp_path / "history.csv")):
        curves = zp.plots.learning_curve(source).axes[0].get_lines()
        assert [curve.get_label() for curve in curves] == ["training"]


def test_differences_of_two_clouds_are_named(vectors):
    other = vectors[2000:].copy()
    other[:, 3] += vectors[:, 3].std()
    found = zp.compare(vectors[:2000], other)
    mean = found.plot.differences().axes[0]
    assert [text.get_text() for text in mean.texts] == ["3"]


WITH_MORE = {"pixels": "a model", "groups": "labels"}


@pytest.mark.parametrize("name", zp.plots.FIGURES["Analysis"])
def test_every_figure_is_a_method_of_the_analysis(analysis, name):
    arguments = (0, 1) if name == "plane" else ()
    if name == "channels":
        with pytest.raises(UsageError, match="vectors, which have no channels"):
            analysis.plot.channels()
        analysis = zp.analyse(np.random.default_rng(0).normal(size=(50, 2, 2, 2)))
    if name in WITH_MORE:
        with pytest.raises(UsageError, match=f"without {WITH_MORE[name]}"):
            getattr(analysis.plot, name)()
        return  # drawn in the tests of what they show
    figure = getattr(analysis.plot, name)(*arguments)
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    assert getattr(analysis.plot, name).__func__ is getattr(zp.plots, name)


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 5, 3), (70, 2, 2), (3, 6), (5, 1, 1), (2, 2, 2, 2)])
def test_channels_and_positions_as_measured(shape):
    random = np.random.default_rng(2)
    z = random.normal(size=(60, *shape)) * random.uniform(1, 3, shape) + random.normal(size=shape)
    found = zp.analyse(z)
    figure = found.plot.channels()
    figure.canvas.draw()
    first = found.summary.latent.layout == "channels-first"
    axis, others = (1, (0, *range(2, z.ndim))) if first else (z.ndim - 1, tuple(range(z.ndim - 1)))
    drawn = [panel.get_lines()[0].get_ydata() for panel in figure.axes[:2]]
    np.testing.assert_allclose(drawn[0], z.mean(axis=others), atol=1e-9)
    np.testing.assert_allclose(drawn[1], z.std(axis=others, ddof=1), rtol=1e-9)
    maps = [panel.images[0].get_array() for panel in figure.axes if panel.images]
    if len(shape) == 3 and shape[1:] != (1, 1):
        np.testing.assert_allclose(maps[0], z.mean(axis=(0, axis)), atol=1e-9)
        np.testing.assert_allclose(maps[1], z.std(axis=(0, axis), ddof=1), rtol=1e-9)
    else:
        assert not maps


ODD = {
    "few": np.random.default_rng(1).normal(size=(12, 3)),
    "twice": np.column_stack([correlated(50, 3), correlated(50, 3)[:, 1]]),
    "one component": np.random.default_rng(1).normal(size=(40, 1)),
    "two vectors": np.array([[0.0, 1.0, 2.0], [1.0, 3.0, -1.0]]),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_clouds_have_their_figures_or_one_line(odd):
    found = zp.analyse(ODD[odd])
    for name in zp.plots.FIGURES["Analysis"]:
        arguments = (0, 1) if name == "plane" else ()
        try:
            getattr(found.plot, name)(*arguments)
        except UsageError as error:
            line(error)
            assert name in ("channels", *WITH_MORE) or odd in ("one component", "two vectors"), name
    assert len(zp.plots.picture(found) or b"") > 500


def test_what_cannot_be_shown_is_one_line(analysis, vectors):
    refusals = {
        "no plane (3, 3)": lambda: analysis.plot.plane(3, 3),
        "no plane (0, 6); take two different numbers of 0 to 5": lambda: analysis.plot.plane(0, 6),
        "no plane (-1, 2)": lambda: analysis.plot.plane(-1, 2),
        "basis 'x'": lambda: analysis.plot.planes(basis="x"),
        "no component 9; there are 0 to 5": lambda: analysis.plot.densities([0, 9]),
        "no principal axis 6": lambda: analysis.plot.against(6),
        "no component to show": lambda: analysis.plot.densities([]),
        "no pair of components": lambda: analysis.plot.density_pairs([]),
        "no plane to show": lambda: analysis.plot.planes([]),
        "masses [0, 0.5]": lambda: analysis.plot.plane(0, 1, masses=[0, 0.5]),
        "plane (0, 0) was not followed": lambda: analysis.plot.contours_after_cut((0, 0)),
    }
    for text, draw in refusals.items():
        with pytest.raises(UsageError) as refused:
            draw()
        assert text in line(refused.value)


@pytest.mark.parametrize("name", ["plane", "planes", "against", "contours_after_cut", "ellipsoid"])
def test_a_loaded_analysis_needs_the_vectors_for_some_figures(loaded, vectors, name):
    arguments = (0, 1) if name == "plane" else ()
    with pytest.raises(UsageError, match="latents="):
        getattr(loaded.plot, name)(*arguments)
    with pytest.raises(ArrayError, match="5 components"):
        getattr(loaded.plot, name)(*arguments, latents=vectors[:, :5])
    assert isinstance(getattr(loaded.plot, name)(*arguments, latents=vectors), Figure)


def test_the_users_own_style_is_left_alone(analysis):
    with mpl.rc_context({"font.size": 33, "axes.facecolor": "red"}):
        figure = zp.plots.spectrum(analysis)
        assert mpl.rcParams["font.size"] == 33
    assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)


def test_small_pictures_are_small(analysis, vectors):
    for result in (analysis, analysis.distribution, zp.compare(vectors[:2000], vectors[2000:])):
        data = zp.plots.picture(result)
        assert data is not None
        assert len(data) < 60_000
        picture = Image.open(io.BytesIO(data))
        assert picture.width <= 900
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    assert zp.plots.picture(3) is None
