"""What one sigma changes in a picture, beside a linear model's closed form."""

import numpy as np
import pytest

import zpoints as zp
from zpoints.analysis import pictures
from zpoints.models.pca import PCACodec


def linear(d: int, values: int, seed: int = 0) -> PCACodec:
    """A Decoder that is a matrix: pictures of `values` grey values around the middle."""
    axes = np.random.default_rng(seed).normal(size=(d, values)) * np.geomspace(0.03, 0.0003, d)[:, None]
    return PCACodec((1, values, 1), np.full(values, 0.5), axes)


class Lines:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def task(self, label, total, unit="images", done=0):
        from zpoints.system.progress import Silent

        return Silent().task(label, total, unit, done)

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    random = np.random.default_rng(1)
    return random.normal(size=(600, 6)) @ (np.eye(6) + 0.2 * random.normal(size=(6, 6)))


@pytest.fixture(scope="module")
def codec() -> PCACodec:
    return linear(6, 600)


@pytest.fixture(scope="module")
def analysis(vectors: np.ndarray, codec: PCACodec) -> zp.Analysis:
    return zp.analyse(vectors, codec=codec)


def test_a_linear_model_has_its_matrix(analysis: zp.Analysis, codec: PCACodec) -> None:
    matrix, pca = codec.axes.astype(float), analysis.distribution.pca
    steps = {"z": np.diag(analysis.components["std"]), "pca": np.sqrt(pca.variance)[:, None] * pca.axes}
    for basis in ("z", "pca"):
        exact = 255 * np.sqrt(np.mean((steps[basis] @ matrix) ** 2, axis=1))
        found = analysis.components_of(basis)["pixels_per_sigma"].to_numpy()
        large = exact > 1
        assert large.sum() >= 3
        # Rounding to whole grey levels adds 1/6 to the mean square.
        np.testing.assert_allclose(found[large], np.sqrt(exact[large] ** 2 + 1 / 6), rtol=0.02)
        assert (found[~large] < 1.3).all()
        errors = analysis.components_of(basis)["pixels_per_sigma_error"]
        assert (errors < 0.05 * found).all()


@pytest.mark.slow
def test_the_error_is_that_of_the_mean_over_base_points(analysis: zp.Analysis) -> None:
    class Curved(PCACodec):
        """Changes twice as much where the first component is positive."""

        def decode(self, z):
            steeper = 1 + (z[:, :1] > 0)
            return super().decode(z * steeper)

    plain = linear(6, 400)
    curved = Curved(plain.shape, plain.mean, plain.axes)
    found = [pictures.with_pictures(analysis, curved, seed=seed).components for seed in range(6)]
    last = 2  # a component that does not cross the edge at 0
    means = np.array([table["pixels_per_sigma"][last] for table in found])
    errors = np.array([table["pixels_per_sigma_error"][last] for table in found])
    assert 0.4 < means.std(ddof=1) / errors.mean() < 1.8


def test_words_and_figures_say_what_is_visible(analysis: zp.Analysis) -> None:
    found = analysis.summary.pictures
    assert found is not None
    assert found.visible_axes == (analysis.principal_components["pixels_per_sigma"] > 1).sum()
    assert 1 < found.visible_axes < 6
    assert found.normality is not None
    assert found.normality.axes == found.visible_axes
    assert any(text.startswith("Pictures: one sigma along") for text in analysis.verdict)
    assert analysis.plot.pixels() is not None


def test_without_a_model_there_is_no_figure(vectors: np.ndarray) -> None:
    a = zp.analyse(vectors[:100])
    assert a.components["pixels_per_sigma"].isna().all()
    assert a.summary.pictures is None
    with pytest.raises(zp.UsageError, match="without a model"):
        a.plot.pixels()


def test_dead_components_have_none(vectors: np.ndarray, codec: PCACodec) -> None:
    z = vectors.copy()
    z[:, 2] = 0.5
    found = zp.analyse(z, codec=codec).components["pixels_per_sigma"]
    assert found.isna().tolist() == [False, False, True, False, False, False]


def test_another_models_vectors_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(zp.ArrayError, match="6 components, and the model takes 5"):
        zp.analyse(vectors, codec=linear(5, 30))


def test_a_slow_model_is_asked_for_the_leading_axes_and_that_is_said(
    vectors: np.ndarray, codec: PCACodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "SECONDS", 1e-9)
    lines = Lines()
    a = zp.analyse(vectors, codec=codec, progress=lines)
    found = a.summary.pictures
    assert found is not None
    assert (found.base_points, found.axes, found.left_out) == (2, 1, 5)
    assert a.principal_components["pixels_per_sigma"].isna().tolist() == [False] + 5 * [True]
    assert any("leading axes of 6 only" in text for text in lines.said)


@pytest.mark.parametrize(
    ("d", "points", "axes"), [(6, 16, 6), (64, 16, 64), (256, 16, 256), (2048, 4, 2048), (8192, 4, 4096)]
)
def test_the_number_of_pictures_is_bounded(d: int, points: int, axes: int) -> None:
    plan = pictures._Plan.of({"z": d, "pca": d}, pictures.DECODED)
    assert (plan.base_points, plan.axes) == (points, axes)
    assert 4 * plan.base_points * plan.axes <= pictures.LARGEST
