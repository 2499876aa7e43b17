"""The linear codec: against scikit-learn on pictures, kept and opened, refused in one line."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA

from support import line
from zpoints.config import Settings
from zpoints.errors import BudgetError, StageError, UsageError, ZPointsError
from zpoints.files.documents import read_json, write_json
from zpoints.images.store import ImageStore
from zpoints.models import pca
from zpoints.models.kinds import open_codec, train_codec
from zpoints.models.pca import PCACodec, fitted
from zpoints.system.budget import Budget, within
from zpoints.system.lock import locked
from zpoints.system.meter import anonymous_bytes
from zpoints.system.progress import Silent


def settings(latent: int = 8, seed: int = 0) -> Settings:
    return Settings.of({"autoencoder": {"kind": "pca", "latent": latent}, "seed": seed}, "test")


def test_it_is_scikit_learn_s_pca_of_the_training_pictures(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pca, "BLOCK", 50)
    codec = train_codec(store.folder, tmp_path, settings())
    x = store.pixels[store.rows("train")].reshape(-1, 32 * 32 * 3) / 255
    expected = PCA(8, svd_solver="full").fit(x)
    watched = store.pixels[store.rows("val")]
    z, theirs = codec.encode(watched), expected.transform(watched.reshape(len(watched), -1) / 255)
    np.testing.assert_allclose(np.abs(z), np.abs(theirs), atol=0.02)
    rebuilt = expected.inverse_transform(theirs).reshape(watched.shape).clip(0, 1) * 255
    assert np.abs(codec.decode(z) - rebuilt).max() < 3
    assert np.abs(codec.decode(z) - rebuilt).mean() < 0.5
    content = read_json(tmp_path / "model.json")
    assert content["kind"] == "pca"
    assert content["explained_variance"] == pytest.approx(expected.explained_variance_ratio_.sum(), rel=1e-3)
    error = ((expected.inverse_transform(expected.transform(x)) - x) ** 2).mean()
    assert content["error"] == pytest.approx(error, rel=0.02)
    assert content["pictures"] == len(x)


def test_opened_again_it_is_the_same(store: ImageStore, tmp_path: Path) -> None:
    codec = train_codec(store.folder, tmp_path, settings())
    again = open_codec(tmp_path)
    assert again.key == codec.key
    pictures = np.asarray(store.pixels[:5])
    np.testing.assert_array_equal(again.encode(pictures), codec.encode(pictures))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["axes.safetensors", "model.json"]


def test_a_finished_training_is_not_repeated_and_other_settings_are_one(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    original = pca.leading_axes
    monkeypatch.setattr(pca, "leading_axes", lambda *given: fits.append(1) or original(*given))
    for seed, latent, expected in ((0, 8, 1), (0, 8, 1), (1, 8, 2), (1, 7, 3)):
        assert train_codec(store.folder, tmp_path, settings(latent, seed)).dimension == latent
        assert len(fits) == expected
    fitted(tmp_path / "other.safetensors", store, 3, 0, Silent())
    fitted(tmp_path / "other.safetensors", store, 3, 0, Silent())
    assert len(fits) == 4


def test_the_files_are_the_same_each_time(store: ImageStore, tmp_path: Path) -> None:
    for name in ("one", "two"):
        train_codec(store.folder, tmp_path / name, settings())
    for name in ("axes.safetensors", "model.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_too_many_components_are_refused(store: ImageStore, tmp_path: Path) -> None:
    most = len(store.rows("train"))
    with pytest.raises(UsageError) as caught:
        train_codec(store.folder, tmp_path / "model", settings(most + 1))
    assert f"at most {most}" in line(caught.value)
    assert not (tmp_path / "model").exists()
    assert train_codec(store.folder, tmp_path / "model", settings(most)).dimension == most


def test_a_budget_that_is_too_small_is_refused_before_anything_is_read(
    store: ImageStore, tmp_path: Path
) -> None:
    has = anonymous_bytes()
    if has is None:
        pytest.skip("this system does not tell")
    with within(Budget(has, "--ram")), pytest.raises(BudgetError) as caught:
        train_codec(store.folder, tmp_path, settings())
    assert "--ram" in line(caught.value)


def _hold(
    folder: Path, held: "multiprocessing.synchronize.Event", end: "multiprocessing.synchronize.Event"
) -> None:
    with locked(folder):
        held.set()
        end.wait(60)


def test_a_folder_in_which_another_process_works_is_refused(store: ImageStore, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, end = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path, held, end))
    process.start()
    try:
        assert held.wait(60)
        with pytest.raises(StageError) as caught:
            train_codec(store.folder, tmp_path, settings())
        assert "at work here" in line(caught.value)
    finally:
        end.set()
        process.join()


def test_interrupted_it_leaves_no_half_a_model(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pca, "save_model", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_codec(store.folder, tmp_path, settings())
    with pytest.raises(StageError):
        open_codec(tmp_path)
    train_codec(store.folder, tmp_path, settings())
    open_codec(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "corrupt", "shape", "nan", "missing", "other", "notes"])
def test_a_damaged_model_is_one_line(store: ImageStore, tmp_path: Path, damage: str) -> None:
    train_codec(store.folder, tmp_path, settings())
    path = tmp_path / "axes.safetensors"
    whole, tensors = path.read_bytes(), load_file(path)
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "corrupt":
        path.write_bytes(b"\xff" * 16 + whole[16:])
    elif damage == "missing":
        path.unlink()
    elif damage == "other":
        write_json(tmp_path / "model.json", read_json(tmp_path / "model.json") | {"latent": 9})
    elif damage == "notes":
        save_file(tensors, path)
    else:
        if damage == "nan":
            tensors["axes"][2, 5] = np.nan
        else:
            tensors["mean"] = tensors["mean"][1:].copy()
        save_file(tensors, path, {"zpoints": '{"shape": [32, 32, 3], "details": {}, "mark": ""}'})
    with pytest.raises(ZPointsError) as caught:
        open_codec(tmp_path)
    assert "axes.safetensors" in line(caught.value)


def test_pictures_out_of_range_are_cut_and_rounded() -> None:
    codec = PCACodec((1, 3, 1), np.array([0.5, 0.5, 0.5]), np.array([[1.0, -1.0, 0.1]]))
    pictures = codec.decode(np.array([[0.0], [2.0], [0.1]]))
    np.testing.assert_array_equal(pictures.reshape(3, 3), [[128, 128, 128], [255, 0, 178], [153, 102, 130]])
