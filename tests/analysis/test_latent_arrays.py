"""Latent arrays with a shape: measured as vectors, and per channel and position; drawn and decoded in their shape."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zpoints as zp
from support import line
from zpoints.analysis.analyse import analyse
from zpoints.analysis.result import Analysis
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError, BudgetError
from zpoints.run import work
from zpoints.samplers import Normal, Sampler
from zpoints.system.budget import Budget, within
from zpoints.system.progress import Silent
from zpoints.vectors.latent_set import LatentSet

N, SHAPE = 400, (3, 2, 2)


class Told(Silent):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def arrays() -> np.ndarray:
    random = np.random.default_rng(0)
    common = random.normal(size=(N, 1, 1, 1))
    z = common + random.normal(size=(N, *SHAPE)) * [[[1.0]], [[2.0]], [[0.5]]] + [[[0.0]], [[10.0]], [[-3.0]]]
    z[:, 1, 0, 1] = 7.5  # one dead component
    return z.astype(np.float32)


@pytest.fixture(scope="module")
def found(arrays: np.ndarray) -> Analysis:
    return analyse(arrays)


def test_they_are_measured_as_vectors(arrays: np.ndarray, found: Analysis) -> None:
    plain = analyse(arrays.reshape(N, -1))
    pd.testing.assert_frame_equal(found.components, plain.components)
    pd.testing.assert_frame_equal(found.planes, plain.planes)
    assert plain.channels is None
    assert plain.positions is None
    assert plain.summary.latent is None
    assert plain.distribution.shape == (12,)
    assert found.distribution.shape == SHAPE
    latents = LatentSet.open(arrays)
    assert latents.latent_shape == SHAPE
    assert "400 vectors of 12 components (arrays of shape (3, 2, 2)), float32" in repr(latents)


def test_channels_and_positions_of_all_rows_dead_components_too(arrays: np.ndarray, found: Analysis) -> None:
    z = arrays.astype(np.float64)
    assert found.channels is not None
    assert found.positions is not None
    np.testing.assert_allclose(found.channels["mean"], z.mean(axis=(0, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(found.channels["std"], z.std(axis=(0, 2, 3), ddof=1), rtol=1e-12)
    own = z.mean(axis=(2, 3))
    np.testing.assert_allclose(found.channels["mean_error"], own.std(axis=0, ddof=1) / np.sqrt(N), rtol=1e-9)
    assert found.channels["dead"].tolist() == [0, 1, 0]
    assert found.positions.index.names == ["row", "column"]
    np.testing.assert_allclose(found.positions["mean"], z.mean(axis=(0, 1)).ravel(), atol=1e-12)
    np.testing.assert_allclose(found.positions["std"], z.std(axis=(0, 1), ddof=1).ravel(), rtol=1e-12)
    latent = found.summary.latent
    assert latent is not None
    assert (latent.shape, latent.layout, latent.channels) == (SHAPE, "channels-first", 3)
    assert (latent.mean, latent.std) == pytest.approx((z.mean(), z.std(ddof=1)), rel=1e-12)
    assert "Channels (3, first, of (3, 2, 2))" in found.verdict[-1]
    assert f"scaling_factor {1 / z.std(ddof=1):.4g}" in found.verdict[-1]
    assert "arrays of shape (3, 2, 2)" in repr(found).splitlines()[0]
    assert repr(found).splitlines()[-1].startswith("Channels (3")


def test_files(arrays: np.ndarray, found: Analysis, tmp_path: Path) -> None:
    found.save(tmp_path)
    loaded = Analysis.load(tmp_path)
    for name in ("channels", "positions"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(found, name))
    assert loaded.summary.latent == found.summary.latent
    assert loaded.distribution.shape == SHAPE
    analyse(arrays.reshape(N, -1)).save(tmp_path)
    assert not [path.name for path in tmp_path.iterdir() if path.stem in ("channels", "positions")], (
        "of another"
    )
    assert Analysis.load(tmp_path).channels is None


def test_diffusers_makes_unit_channels_of_them(arrays: np.ndarray, found: Analysis, tmp_path: Path) -> None:
    """Its pipelines compute (z - latents_mean) * scaling_factor / latents_std, or (z - shift) * scaling_factor."""
    found.save(tmp_path)
    config = json.loads((tmp_path / "channels.json").read_text())
    mean, std = (np.array(config[name])[:, None, None] for name in ("latents_mean", "latents_std"))
    scaled = (arrays.astype(np.float64) - mean) * config["scaling_factor"] / std
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3), ddof=1), 1, rtol=1e-9)
    one = config["instead"]
    scaled = (arrays.astype(np.float64) - one["shift_factor"]) * one["scaling_factor"]
    assert (scaled.mean(), scaled.std(ddof=1)) == pytest.approx((0.0, 1.0), abs=1e-9)


def test_a_constant_channel_is_divided_by_one(arrays: np.ndarray, tmp_path: Path) -> None:
    z = arrays.copy()
    z[:, 2] = 4.0
    found = analyse(z)
    found.save(tmp_path)
    assert found.channels is not None
    assert found.channels["std"].tolist()[2] == 0.0
    config = json.loads((tmp_path / "channels.json").read_text())
    assert (config["latents_mean"][2], config["latents_std"][2]) == (4.0, 1.0)


def test_the_layout_is_said_and_can_be_set(arrays: np.ndarray, found: Analysis) -> None:
    told = Told()
    last = analyse(np.moveaxis(arrays, 1, -1), progress=told)
    assert told.said[0] == (
        "the array: latent arrays of shape (2, 2, 3) measured as vectors of 12 components, 3 channels along the last "
        'axis (by the shape; set analysis.layout = "channels-first" if not)'
    )
    assert last.channels is not None
    assert found.channels is not None
    pd.testing.assert_frame_equal(last.channels, found.channels, rtol=1e-9)
    told = Told()
    other = analyse(arrays, AnalysisSettings(layout="channels-last"), progress=told)
    assert told.said[0].endswith("of 12 components, 2 channels along the last axis")
    assert other.channels is not None
    np.testing.assert_allclose(other.channels["mean"], arrays.astype(float).mean(axis=(0, 1, 2)), rtol=1e-9)
    cube = np.random.default_rng(0).normal(size=(50, 2, 2, 2))
    told = Told()
    analyse(cube, progress=told)
    assert "a guess: the shape does not tell" in told.said[0]
    told = Told()
    analyse(cube.reshape(50, -1), AnalysisSettings(layout="channels-last"), progress=told)
    assert "analysis.layout is not used" in told.said[0]


def test_draws_come_in_the_shape_of_the_latents(arrays: np.ndarray, found: Analysis, tmp_path: Path) -> None:
    sampler = Normal()
    drawn = work.draw(found, tmp_path, sampler, 5, seed=1)
    assert drawn.shape == np.load(tmp_path / "z.npy").shape == (5, *SHAPE)
    flat = Normal().fit(arrays.reshape(N, -1)).sample(5, 1)
    np.testing.assert_allclose(drawn.reshape(5, -1), flat, atol=1e-5)
    assert (drawn[:, 1, 0, 1] == 7.5).all()
    loaded = Sampler.load(tmp_path / "sampler.npz")
    for fitted in (sampler, loaded):
        assert fitted.latent_shape_ == SHAPE
        assert fitted.sample(5, 1).shape == (5, 12)
        np.testing.assert_array_equal(
            fitted.score_samples(arrays), fitted.score_samples(arrays.reshape(N, -1))
        )
    with pytest.raises(ArrayError):
        sampler.score_samples(np.moveaxis(arrays, 1, -1))


def test_clouds_of_other_shapes_are_not_compared(arrays: np.ndarray) -> None:
    with pytest.raises(ArrayError, match="only those of one shape") as error:
        zp.compare(arrays, np.moveaxis(arrays, 1, -1))
    line(error.value)
    assert zp.compare(arrays[:200], arrays[200:].reshape(200, -1)).summary.a.d == 12


def test_so_many_planes_that_their_tables_do_not_fit() -> None:
    z = np.zeros((10, 4, 32, 32), np.float32)
    with within(Budget(4 << 30, "--ram")), pytest.raises(BudgetError, match="8,386,560 planes") as error:
        analyse(z)
    assert "give --ram" in line(error.value)
