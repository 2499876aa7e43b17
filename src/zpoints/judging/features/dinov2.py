"""DINOv2, whose weights come from its makers.

Nothing is changed about it: pictures are scaled as its makers do it, and distances are taken in all dimensions.
"""

import numpy as np
from jaxtyping import Float32

from zpoints.judging.features.base import INSTEAD, Features, Pictures, fetched
from zpoints.judging.features.colours import three_colours
from zpoints.system.extras import load
from zpoints.system.progress import Progress

__all__ = ["DinoV2"]

SIDE = 224
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
    dimension = 768
    whole = True

    def __init__(self, channels: int, progress: Progress, model: str = "facebook/dinov2-base") -> None:
        load("transformers", "dinov2", "judge.features=dinov2", INSTEAD)
        import torch
        from transformers import Dinov2Model

        progress.say(f"judge: loading {model}; downloaded once (346 MB)")
        self.network = fetched(
            "dinov2", lambda: Dinov2Model.from_pretrained(model, use_safetensors=True)
        ).eval()
        self.dimension = int(self.network.config.hidden_size)
        self.mean, self.std = (torch.tensor(v).reshape(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))

        self.device = "cpu"

    def to(self, device: str) -> None:
        """See `Features`."""
        self.device = device
        self.network.to(device)
        self.mean, self.std = self.mean.to(device), self.std.to(device)

    def _batch(self, pictures: Pictures) -> Float32[np.ndarray, "n f"]:
        import torch

        with torch.inference_mode():
            x = three_colours(pictures, self.device).float() / 255
            size = (SIDE, SIDE)
            x = torch.nn.functional.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
            return self.network((x - self.mean) / self.std).last_hidden_state[:, 0].cpu().numpy()
