"""The judge decodes each vector once, whatever is asked of its picture, and needs neither torch nor weights."""

from pathlib import Path

import numpy as np
import pytest

from support import blobs
from zpoints.analysis.analyse import analyse
from zpoints.analysis.distribution import Distribution
from zpoints.config import ImageSettings, JudgeSettings, Settings, TrainingSettings
from zpoints.images.prepare import prepare
from zpoints.judging.reference import RunInputs
from zpoints.judging.result import Judgement
from zpoints.judging.scores import Candidate, judge
from zpoints.models.coding import encode
from zpoints.models.kinds import train_codec
from zpoints.models.pca import PCACodec
from zpoints.samplers import Normal, Resample, Sampler
from zpoints.vectors.latent_set import LatentSet

HELD = 40
SETTINGS = JudgeSettings(features="pixels", count=10_000)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> RunInputs:
    """400 pictures of blobs, 40 of them held out, under a linear codec of six components."""
    folder: Path = tmp_path_factory.mktemp("judge")
    np.save(folder / "blobs.npy", blobs(400, 16, 16, 3))
    images = ImageSettings(source=str(folder / "blobs.npy"), validation=0.0, test=HELD / 400)
    store = prepare(images, folder / "images")
    assert len(store.rows("test")) == HELD
    settings = Settings.of({"autoencoder": {"kind": "pca", "latent": 6}}, "test")
    codec = train_codec(folder / "images", folder / "model", settings)
    encode(codec, store, folder / "z.npy")
    return RunInputs(folder / "images", folder / "model", folder / "z.npy", TrainingSettings())


@pytest.fixture(scope="module")
def distribution(inputs: RunInputs) -> Distribution:
    return analyse(inputs.latents).distribution


def candidates(inputs: RunInputs, out: Path, *samplers: Sampler) -> list[Candidate]:
    found = []
    for sampler in samplers:
        path = out / f"{sampler.name}.npz"
        sampler.fit(LatentSet.open(inputs.latents)).save(path)
        found.append(Candidate(sampler, path, None))
    return found


def test_each_vector_is_decoded_and_encoded_once(
    inputs: RunInputs, distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, encoded = [], []
    plain_decode, plain_encode = PCACodec.decode, PCACodec.encode

    def decode(self: PCACodec, z: np.ndarray) -> np.ndarray:
        decoded.extend(bytes(row) for row in np.asarray(z, np.float32))
        return plain_decode(self, z)

    def encoding(self: PCACodec, pictures: np.ndarray) -> np.ndarray:
        encoded.append(len(pictures))
        return plain_encode(self, pictures)

    monkeypatch.setattr(PCACodec, "decode", decode)
    monkeypatch.setattr(PCACodec, "encode", encoding)
    two = candidates(inputs, tmp_path, Normal(random_state=0), Normal(temperature=0.5, random_state=1))
    judge(inputs, distribution, two, tmp_path, SETTINGS)
    # Held-out vectors, N(0, I), and two samplers: their sheets, suspects and round trips take no picture again.
    assert len(decoded) == 4 * HELD
    assert len(set(decoded)) == 4 * HELD
    assert sum(encoded) == 3 * HELD


def test_what_it_finds(inputs: RunInputs, distribution: Distribution, tmp_path: Path) -> None:
    both = candidates(inputs, tmp_path, Normal(random_state=0), Resample(random_state=0))
    found = judge(inputs, distribution, both, tmp_path, SETTINGS)
    assert found == Judgement.read(tmp_path / "scores.json")
    assert (found.n, found.asked_for, found.features, found.skipped) == (HELD, 10_000, "pixels", None)
    # The model is the linear codec itself: no row for another one.
    assert list(found.baselines) == ["training pictures", "reconstructions", "N(0, I)"]
    assert not (tmp_path / "pca.safetensors").exists()
    assert found.copies == ("resample",)
    assert found.samplers["resample"].nearest == pytest.approx(0, abs=1e-3)
    assert found.best == "normal"
    assert found.samplers["normal"].ratio == pytest.approx(
        found.samplers["normal"].frechet / found.baselines["reconstructions"].frechet
    )
    assert found.baselines["N(0, I)"].frechet > found.samplers["normal"].frechet


def test_too_few_held_out_pictures_are_said(
    inputs: RunInputs, distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zpoints.judging.scores.FEWEST", HELD + 1)
    found = judge(inputs, distribution, [], tmp_path, SETTINGS)
    assert found.skipped is not None
    assert "needs at least 41" in found.skipped
    assert Judgement.read(tmp_path / "scores.json") == found
