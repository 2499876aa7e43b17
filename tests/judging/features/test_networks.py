"""Features whose weights come from their makers: here with weights of chance, against the makers' own code."""

import sys

import numpy as np
import pytest
import torch
import transformers

from support import line
from zpoints.errors import SourceError, UsageError
from zpoints.judging.features import features_by_name
from zpoints.judging.features.dinov2 import IMAGENET_MEAN, IMAGENET_STD, DinoV2
from zpoints.judging.features.inception import Inception
from zpoints.system.progress import Silent


@pytest.fixture(scope="module")
def small_dinov2(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("dinov2")
    torch.manual_seed(0)
    config = transformers.Dinov2Config(hidden_size=48, num_hidden_layers=2, num_attention_heads=2)
    transformers.Dinov2Model(config).save_pretrained(folder, safe_serialization=True)
    return str(folder)


def pictures(n: int = 5, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 40, 32, channels), dtype=np.uint8)


def test_dinov2_is_what_transformers_makes_of_the_pictures(small_dinov2):
    found = DinoV2(3, Silent(), small_dinov2).of(pictures())
    processor = transformers.BitImageProcessor(
        size={"height": 224, "width": 224}, do_center_crop=False, do_resize=True, resample=3,
        image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD,
    )  # fmt: skip
    inputs = processor(list(pictures()), return_tensors="pt")
    with torch.inference_mode():
        expected = transformers.Dinov2Model.from_pretrained(small_dinov2)(**inputs).pooler_output
    assert found.shape == (5, 48)
    assert found.dtype == np.float32
    # The processor rounds to whole grey levels after scaling.
    correlation = np.corrcoef(found.ravel(), expected.numpy().ravel())[0, 1]
    assert correlation > 0.999


def test_grey_pictures_are_taken_as_colour(small_dinov2):
    features, grey = DinoV2(3, Silent(), small_dinov2), pictures(channels=1)
    np.testing.assert_allclose(features.of(grey), features.of(grey.repeat(3, axis=3)), rtol=1e-5, atol=1e-5)


def test_weights_that_cannot_be_had_are_one_line(tmp_path):
    with pytest.raises(SourceError) as refused:
        DinoV2(3, Silent(), str(tmp_path / "nothing"))
    assert "judge.features=dinov2: its weights cannot be had" in line(refused.value)
    assert "efficientnet-lite0" in line(refused.value)


@pytest.mark.parametrize(("kind", "package"), [(Inception, "torch-fidelity"), (DinoV2, "transformers")])
def test_a_missing_package_is_asked_for(kind, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    with pytest.raises(UsageError) as refused:
        features_by_name(kind.name, 3, Silent())
    assert f"needs {package}" in line(refused.value)
    assert f"pip install 'zpoints[{kind.name}]'" in line(refused.value)


def test_inception_is_that_of_torch_fidelity(tmp_path):
    pytest.importorskip(
        "torch_fidelity", reason="needs a torchvision that fits torch: its extra is not tested with"
    )
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    whole = object.__new__(FeatureExtractorInceptionV3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *a, **k: {}
        )
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        FeatureExtractorInceptionV3.__init__(whole, "inception-v3-compat", ["2048"])
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    x = torch.from_numpy(pictures()).permute(0, 3, 1, 2)
    expected = whole(x)[0].numpy()
    found = Inception(3, Silent(), tmp_path / "weights.pth").of(pictures())
    assert found.shape == (5, 2048)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
