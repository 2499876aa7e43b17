"""Components that are constant: every sampler learns from the others, and puts the constants back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zpoints as zp
from support import correlated
from zpoints.samplers import SAMPLERS, Sampler
from zpoints.samplers.conditional import conditioned
from zpoints.samplers.points import Points

DEAD, VALUES = [1, 4], [0.0, 0.1]
ALIVE = [0, 2, 3, 5]
SMALL = {
    "flow": {"steps": 2, "width": 8, "transforms": 2},
    "flow-matching": {"steps": 2, "width": 8, "blocks": 1},
}
WITHOUT_DENSITY = {"ellipse-pairs", "resample", "flow-matching"}

every = pytest.mark.parametrize("name", SAMPLERS)


@pytest.fixture(scope="module")
def living() -> np.ndarray:
    return correlated(600, 4)


@pytest.fixture(scope="module")
def vectors(living: np.ndarray) -> np.ndarray:
    z = np.empty((len(living), 6))
    z[:, ALIVE], z[:, DEAD] = living, VALUES
    return z


@pytest.fixture(scope="module")
def sources(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The same vectors in every form that `fit` takes."""
    folder = tmp_path_factory.mktemp("dead")
    a = zp.analyse(vectors)
    a.save(folder)
    np.save(folder / "z.npy", vectors)
    return {
        "array": vectors,
        "file": folder / "z.npy",
        "analysis": a,
        "distribution": a.distribution,
        "distribution.npz": folder / "distribution.npz",
    }


def made(name: str) -> Sampler:
    return SAMPLERS[name](**SMALL.get(name, {}), random_state=0)


@pytest.fixture(scope="module")
def plain_points(living: np.ndarray) -> Points:
    return Points.of(living)


@every
def test_draws_are_those_of_the_living_with_the_constants_put_back(
    name, vectors, living, sources, plain_points, tmp_path
):
    plain, sampler = made(name).fit(plain_points), made(name).fit(sources["analysis"])
    assert sampler.n_features_in_ == 6
    drawn = sampler.sample(300, 1)
    assert drawn.shape == (300, 6)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn[:, ALIVE], plain.sample(300, 1), atol=1e-5)
    assert (drawn[:, DEAD] == np.float32(VALUES)).all()
    sampler.save(tmp_path / "sampler.npz")
    loaded = Sampler.load(tmp_path / "sampler.npz")
    assert loaded.n_features_in_ == 6
    np.testing.assert_array_equal(loaded.sample(20, 1), sampler.sample(20, 1))
    if name not in WITHOUT_DENSITY:
        for scored in (sampler, loaded):
            np.testing.assert_allclose(scored.score_samples(vectors), plain.score_samples(living), rtol=1e-6)


def test_every_source_of_a_fit(vectors, living, sources):
    expected = zp.samplers.Normal().fit(living).sample(9000, 1)  # more than one block
    for source in sources.values():
        drawn = zp.samplers.Normal().fit(source).sample(9000, 1)
        np.testing.assert_allclose(drawn[:, ALIVE], expected, atol=1e-5)
        assert (drawn[:, DEAD] == np.float32(VALUES)).all()


def test_a_density_is_that_of_the_living_components(vectors):
    sampler = zp.samplers.Normal().fit(vectors)
    other = vectors + np.isin(np.arange(6), DEAD)
    np.testing.assert_array_equal(sampler.score_samples(other), sampler.score_samples(vectors))
    with pytest.raises(ValueError, match="expecting 6 features"):
        sampler.score_samples(vectors[:, ALIVE])


def test_columns_keep_their_names(vectors, tmp_path):
    table = pd.DataFrame(vectors, columns=list("abcdef"))
    sampler = zp.samplers.Independent().fit(table)
    sampler.save(tmp_path / "sampler.npz")
    for fitted in (sampler, Sampler.load(tmp_path / "sampler.npz")):
        assert fitted.feature_names_in_.tolist() == list("abcdef")
        assert np.isfinite(fitted.score_samples(table)).all()


def test_a_condition_keeps_the_constants(vectors, living):
    rows = np.arange(0, 600, 3)
    of_all = conditioned(Points.of(vectors), rows)
    of_living = conditioned(Points.of(living), rows)
    for name in ("normal", "kernel", "resample"):
        drawn = made(name).fit(of_all).sample(50, 1)
        np.testing.assert_allclose(drawn[:, ALIVE], made(name).fit(of_living).sample(50, 1), atol=1e-5)
        assert (drawn[:, DEAD] == np.float32(VALUES)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"dead": np.array([4, 1])},
        {"dead": np.array([1, 9])},
        {"dead": np.array([0.5, 1.0])},
        {"dead": np.array(3)},
        {"dead_values": np.array([1.0])},
        {"dead_values": np.array([1.0, np.nan])},
    ],
)
def test_a_damaged_file_is_refused(change, vectors, tmp_path):
    path: Path = tmp_path / "sampler.npz"
    zp.samplers.Normal().fit(vectors).save(path)
    with np.load(path) as saved:
        np.savez(path, **dict(saved) | change)
    with pytest.raises(zp.ZPointsError, match="not a whole sampler"):
        Sampler.load(path)
