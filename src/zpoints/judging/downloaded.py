"""Features whose weights are downloaded from their makers at first use: for those who have a network.

Both are what papers compare by, so nothing is changed about them: pictures are scaled as their makers do it, and
Fréchet distances are taken in all their dimensions.
"""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Float32

from zpoints.errors import SourceError, UsageError, ZPointsError
from zpoints.files.wheels import cache_folder
from zpoints.judging.features import Features, Pictures
from zpoints.system.progress import Progress

if TYPE_CHECKING:
    import torch

__all__ = ["DinoV2", "Inception"]

DINOV2_SIDE = 224
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INSTEAD = "take judge.features=efficientnet-lite0, whose weights come from the package index"

Loaded = TypeVar("Loaded")


class Inception(Features):
    """The 2048 numbers before the classes of TensorFlow's Inception v3, by torch-fidelity: the published FID.

    References
    ----------
    M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium
    (NeurIPS 2017), https://arxiv.org/abs/1706.08500
    A. Obukhov et al., High-fidelity performance metrics for generative models in PyTorch (2020),
    https://doi.org/10.5281/zenodo.4957738
    """

    name = "inception"
    dimension = 2048
    whole = True

    def __init__(self, progress: Progress, weights: Path | None = None) -> None:
        _ask_for("torch_fidelity", "inception", "torch-fidelity")
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        state = torch.load(weights or self._downloaded(progress), map_location="cpu", weights_only=True)
        with tempfile.TemporaryDirectory() as folder:
            # torch-fidelity unpickles what it is given: so it is given a file that holds nothing but these tensors.
            checked = Path(folder) / "weights.pth"
            torch.save(state, checked)
            self.network = FeatureExtractorInceptionV3(
                "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(checked)
            )

    def _downloaded(self, progress: Progress) -> Path:
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3 as URL

        path = cache_folder() / URL.rpartition("/")[2]
        if not path.is_file():
            progress.say(f"judge: downloading {URL}, once (96 MB)")
            path.parent.mkdir(parents=True, exist_ok=True)
            # The end of the name is the beginning of the file's SHA-256.
            mark = path.stem.rpartition("-")[2]
            _fetched(
                "inception", lambda: torch.hub.download_url_to_file(URL, str(path), mark, progress=False)
            )
        return path

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        with torch.inference_mode():
            return self.network(_three_colours(pictures))[0].numpy()


class DinoV2(Features):
    """The class token of DINOv2 (ViT-B/14), scaled to 224 pixels; nearer to what people see than Inception.

    References
    ----------
    M. Oquab et al., DINOv2: Learning Robust Visual Features without Supervision (2023),
    https://arxiv.org/abs/2304.07193
    G. Stein et al., Exposing flaws of generative model evaluation metrics and their unfair treatment of diffusion
    models (NeurIPS 2023), https://arxiv.org/abs/2306.04675
    """

    name = "dinov2"
    whole = True

    def __init__(self, progress: Progress, model: str = "facebook/dinov2-base") -> None:
        _ask_for("transformers", "dinov2", "transformers")
        import torch
        from transformers import Dinov2Model

        progress.say(f"judge: loading {model}; downloaded once (346 MB)")
        self.network = _fetched(
            "dinov2", lambda: Dinov2Model.from_pretrained(model, use_safetensors=True)
        ).eval()
        self.dimension = int(self.network.config.hidden_size)
        self.mean, self.std = (torch.tensor(v).reshape(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        with torch.inference_mode():
            x = _three_colours(pictures).float() / 255
            size = (DINOV2_SIDE, DINOV2_SIDE)
            x = torch.nn.functional.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
            return self.network((x - self.mean) / self.std).last_hidden_state[:, 0].numpy()


def _three_colours(pictures: Pictures) -> "torch.Tensor":
    import torch

    x = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    return x.expand(-1, 3, -1, -1).contiguous()


def _ask_for(module: str, extra: str, package: str) -> None:
    if find_spec(module) is None:
        raise UsageError(
            f"judge.features={extra}: needs {package}: pip install 'zpoints[{extra}]'; or {INSTEAD}"
        )


def _fetched(name: str, fetch: Callable[[], Loaded]) -> Loaded:
    """What `fetch` brings; anything that stands in its way is one line."""
    try:
        return fetch()
    except ZPointsError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        why = str(error).strip().partition("\n")[0]
        raise SourceError(f"judge.features={name}: its weights cannot be had ({why}); {INSTEAD}") from error
