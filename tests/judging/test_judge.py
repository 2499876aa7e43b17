"""The judge decodes each vector once, whatever is asked of its picture, and needs neither torch nor weights."""

from pathlib import Path

import numpy as np
import pytest

from support import blobs
from zpoints.analysis.analyse import analyse
from zpoints.analysis.distribution import Distribution
from zpoints.config import ImageSettings, JudgeSettings, Settings, TrainingSettings
from zpoints.images.prepare import prepare
from zpoints.judging.features import FEATURES, Features
from zpoints.judging.reference import RunInputs, unpaired
from zpoints.judging.result import Judgement
from zpoints.judging.scores import Candidate, judge
from zpoints.models.coding import encode
from zpoints.models.kinds import train_codec
from zpoints.models.pca import PCACodec
from zpoints.samplers import Normal, Resample, Sampler
from zpoints.system.progress import Progress
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
    # Other pictures' vectors, N(0, I), and two samplers: sheets, suspects and round trips take no picture again.
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
    floor = found.baselines["reconstructions"]
    known = floor.frechet > 2 * floor.frechet_error  # of 40 pictures
    ratio = found.samplers["normal"].frechet / floor.frechet
    assert found.samplers["normal"].ratio == (pytest.approx(ratio) if known else None)
    # Pixels are compared by pixels: nothing is left for a second opinion.
    assert (found.second, found.tau) == (None, None)
    # None were left to watch the training.
    assert found.rebuilt == "40 training pictures"
    assert "reconstructions are of 40 training pictures" in found.warnings[0]
    assert found.held_out_vendi == pytest.approx(found.baselines["training pictures"].vendi, rel=0.3)
    assert found.baselines["N(0, I)"].frechet > found.samplers["normal"].frechet


class Brightness(Features):
    """Of the whole picture, and of its halves."""

    name, dimension = "brightness", 3

    def __init__(self, channels: int, progress: Progress) -> None:
        pass

    def _batch(self, pictures: np.ndarray) -> np.ndarray:
        half = pictures.shape[1] // 2
        parts = pictures, pictures[:, :half], pictures[:, half:]
        return np.stack([part.mean(axis=(1, 2, 3)) for part in parts], axis=1)


def test_a_second_kind_of_features_puts_the_samplers_into_order(
    inputs: RunInputs, distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEATURES._loaded, "brightness", Brightness)
    three = candidates(inputs, tmp_path, Normal(random_state=0), Normal(temperature=0.2, random_state=0))
    three[1].sampler.name = "narrow"  # type: ignore[misc]
    settings = JudgeSettings(features="brightness", second="pixels")
    found = judge(inputs, distribution, three, tmp_path, settings)
    assert (found.features, found.second, found.second_axes) == ("brightness", "pixels", 13)
    rows = found.samplers.values()
    same = (
        np.argsort([r.frechet for r in rows]).tolist()
        == np.argsort([r.second_frechet for r in rows]).tolist()
    )
    assert found.tau == (1 if same else -1)
    assert found.agreement in found.lines()
    alone = judge(inputs, distribution, three, tmp_path, JudgeSettings(features="brightness", second="none"))
    assert (alone.second, alone.tau) == (None, None)
    assert alone.samplers["normal"].frechet == pytest.approx(found.samplers["normal"].frechet)


def test_reconstructions_are_of_other_pictures_than_the_reference() -> None:
    class Store:
        def __init__(self, **splits: int) -> None:
            ends = np.cumsum([0, *splits.values()])
            self.splits = {
                name: np.arange(a, b) for name, a, b in zip(splits, ends[:-1], ends[1:], strict=True)
            }

        def rows(self, name: str) -> np.ndarray:
            return self.splits[name]

    def found(reference: slice, **splits: int) -> tuple[int, str, int]:
        store = Store(**splits)
        held = store.rows("test")[reference] if splits["test"] else store.rows("val")[reference]
        rows, words, of_training = unpaired(store, held, len(held))  # type: ignore[arg-type]
        if "themselves" not in words:
            assert not set(rows) & set(held)
        return len(rows), words, of_training

    assert found(slice(None), train=500, val=60, test=60) == (60, "60 validation pictures", 0)
    assert found(slice(100), train=500, val=60, test=260) == (100, "100 test pictures", 0)
    assert found(slice(None), train=500, val=20, test=60) == (
        60,
        "20 validation and 40 training pictures",
        40,
    )
    assert found(slice(None), train=30, val=0, test=60) == (15, "15 training pictures", 15)
    assert found(slice(None), train=500, val=60, test=0) == (60, "60 training pictures", 60)
    assert found(slice(None), train=3, val=0, test=60) == (60, "the held-out pictures themselves", 0)


def test_too_few_held_out_pictures_are_said(
    inputs: RunInputs, distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zpoints.judging.scores.FEWEST", HELD + 1)
    found = judge(inputs, distribution, [], tmp_path, SETTINGS)
    assert found.skipped is not None
    assert "needs at least 41" in found.skipped
    assert Judgement.read(tmp_path / "scores.json") == found
