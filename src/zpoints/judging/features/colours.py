"""Pictures as networks want them that know colours only."""

from typing import TYPE_CHECKING

from zpoints.judging.features.base import Pictures

if TYPE_CHECKING:
    import torch

__all__ = ["three_colours"]


def three_colours(pictures: Pictures, device: str = "cpu") -> "torch.Tensor":
    """(n, h, w, 1 or 3) to (n, 3, h, w), uint8, on a device."""
    import torch

    x = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)
    return x.expand(-1, 3, -1, -1).contiguous()
