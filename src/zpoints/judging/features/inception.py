"""TensorFlow's Inception v3, by torch-fidelity: what published Fréchet distances are taken in.

Nothing is changed about it: pictures are scaled as its makers do it, and distances are taken in all dimensions.
"""

import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from zpoints.files.wheels import cache_folder
from zpoints.judging.features.base import INSTEAD, Features, Pictures, fetched
from zpoints.judging.features.colours import three_colours
from zpoints.system.extras import load
from zpoints.system.progress import Progress

__all__ = ["Inception"]


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

    def __init__(self, channels: int, progress: Progress, weights: Path | None = None) -> None:
        load("torch_fidelity", "inception", "judge.features=inception", INSTEAD)
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

        self.device = "cpu"

    def to(self, device: str) -> None:
        """See `Features`."""
        self.device = device
        self.network.to(device)

    def _downloaded(self, progress: Progress) -> Path:
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3 as URL

        path = cache_folder() / URL.rpartition("/")[2]
        if not path.is_file():
            progress.say(f"judge: downloading {URL}, once (96 MB)")
            path.parent.mkdir(parents=True, exist_ok=True)
            # The end of the name is the beginning of the file's SHA-256.
            mark = path.stem.rpartition("-")[2]
            fetched("inception", lambda: torch.hub.download_url_to_file(URL, str(path), mark, progress=False))
        return path

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        with torch.inference_mode():
            return self.network(three_colours(pictures, self.device))[0].cpu().numpy()
