"""The axes that matter: figures of leading axes, beside SciPy's and NumPy's of the same columns."""

import json
from pathlib import Path

import numpy as np
import pytest

import zpoints as zp
from zpoints.analysis.axes import leading_axes, measure_axes
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.third_moments import ThirdMoments
from zpoints.vectors.latent_set import LatentSet


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Normal along the axes of large variance, and heavy along the last ones."""
    random = np.random.default_rng(0)
    z = random.normal(size=(3000, 16)) * np.repeat([3.0, 0.1], 8)
    z[:, 8:] *= np.sqrt(4 / random.chisquare(6, size=(3000, 1)))
    return z @ np.linalg.qr(random.normal(size=(16, 16)))[0]


@pytest.fixture(scope="module")
def analysis(vectors: np.ndarray) -> zp.Analysis:
    return zp.analyse(vectors)


def test_the_leading_axes_are_measured_alone(analysis: zp.Analysis, vectors: np.ndarray) -> None:
    found = analysis.summary.leading
    assert found is not None
    assert found.axes == 8
    assert found.variance > 0.95
    u = PCA.of_moments(Moments.of(vectors)).whiten(vectors)[:, :8]
    squares = np.sum(u**2, axis=1)
    third = ThirdMoments.of(u)
    assert found.std == pytest.approx(squares.std(), rel=1e-6)
    assert found.kurtosis.value == pytest.approx(third.kurtosis, rel=1e-9)
    assert found.skewness is not None
    assert found.skewness.value == pytest.approx(third.skewness, rel=1e-9)
    assert found.scale_variance == pytest.approx(third.scale_variance, abs=1e-9)


def test_what_spoils_all_axes_need_not_spoil_those_that_matter(analysis: zp.Analysis) -> None:
    found = analysis.summary.leading
    assert found is not None
    assert abs(found.kurtosis.z or 0) < 5
    assert found.not_normal == 0
    assert (analysis.summary.normality.mardia.kurtosis.z or 0) > 20
    (sentence,) = [text for text in analysis.verdict if text.startswith("Of the 8 axes")]
    assert "none differ" in sentence


def test_any_axes_are_measured_in_a_reading_of_their_own(analysis: zp.Analysis, vectors: np.ndarray) -> None:
    pca = analysis.distribution.pca
    found = measure_axes(LatentSet.open(vectors), pca, np.array([1, 9, 12]), "axes", size=700)
    squares = np.sum(pca.whiten(vectors)[:, [1, 9, 12]] ** 2, axis=1)
    assert found["std"] == pytest.approx(squares.std(), rel=1e-6)
    assert found["kurtosis"]["value"] == pytest.approx(np.mean(squares**2) * (3000 / 2999) ** 2, rel=1e-9)


def test_where_all_axes_matter_nothing_is_said_twice() -> None:
    a = zp.analyse(np.random.default_rng(0).normal(size=(300, 2)))
    assert a.summary.leading is None
    assert leading_axes(a.distribution.pca) == 2


def test_the_spectrum_is_in_the_summary_and_in_words() -> None:
    z = np.random.default_rng(0).normal(size=(800, 30)) * np.sqrt([16.0, 5.0] + 28 * [1.0])
    a = zp.analyse(z)
    found = a.summary.spectrum
    assert found is not None
    assert found.covariance.axes == 2
    assert found.correlation is not None
    assert found.correlation.axes == 0  # independent components
    assert any("2 of 30 principal axes stand out" in text for text in a.verdict)


def test_an_analysis_of_the_format_before_still_opens(analysis: zp.Analysis, tmp_path: Path) -> None:
    analysis.save(tmp_path)
    path = tmp_path / "analysis.json"
    content = json.loads(path.read_text())
    for name in ("spectrum", "leading", "pictures"):
        del content[name]
    path.write_text(json.dumps(content | {"version": 2}))
    loaded = zp.Analysis.load(tmp_path)
    assert loaded.summary.spectrum is None
    with pytest.raises(zp.UsageError, match="analyse the vectors anew"):
        loaded.plot.signal()


def test_the_edge_of_the_spectrum_does_not_depend_on_the_order_of_the_file() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(8000, 10)) * np.sqrt(3 / random.chisquare(5, size=(8000, 1)))
    by_length = x[np.argsort(np.sum(x * x, axis=1))]
    one, other = zp.analyse(x).summary.spectrum, zp.analyse(by_length).summary.spectrum
    assert one.scale_variance > 0.3
    assert other.scale_variance == pytest.approx(one.scale_variance, rel=0.4)
    assert other.covariance.axes == one.covariance.axes
