"""Flow matching: a small network learns to carry normal noise to where the z-points lie."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float

from zpoints.errors import UsageError
from zpoints.samplers.neural import Neural

if TYPE_CHECKING:
    import torch

__all__ = ["FlowMatching"]


class FlowMatching(Neural):
    r"""Draws by a flow from the normal law to that of the z-points, learnt in whitened principal axes.

    The network learns the velocity :math:`u_1 - u_0` at :math:`(1 - t) u_0 + t u_1`, with noise :math:`u_0` and
    z-points :math:`u_1`. Drawing follows it from t = 0 to 1. Its weights are a running mean, and those that
    describe held-out vectors best are kept. It needs PyTorch, and minutes to fit; no assumption about the law.

    Parameters
    ----------
    width, blocks : of the residual network; for few components the width shrinks to 16 for each.
    steps : at most so many of the optimiser.
    batch, rate, dropout : vectors per step, peak learning rate, share of the inner activations left out.
    most : at most so many vectors, drawn at random, are learnt from.
    integration : steps of Heun's method from noise to vectors.
    seed : of the weights, the noise and the vectors held out.
    device : ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``mps``.
    temperature : multiplies the noise that the flow starts from.

    Attributes
    ----------
    best_step_, held_out_loss_ : the step whose weights were kept, and their mean squared error on held-out vectors.

    References
    ----------
    Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel, M. Le, Flow Matching for Generative Modeling (ICLR 2023),
    https://arxiv.org/abs/2210.02747
    """

    name = "flow-matching"
    packages: ClassVar[dict[str, str]] = {"torch": "pip install 'zpoints[train]'"}

    def __init__(
        self,
        width: int = 768,
        blocks: int = 4,
        steps: int = 4000,
        batch: int = 512,
        rate: float = 1e-3,
        dropout: float = 0.25,
        most: int = 200_000,
        integration: int = 40,
        seed: int = 0,
        device: str = "auto",
        *,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(steps, batch, rate, most, seed, device, temperature)
        if min(width, blocks, integration) < 1 or not 0 <= dropout < 1:
            raise UsageError(
                f"FlowMatching: width={width}, blocks={blocks}, integration={integration}, dropout={dropout}; "
                "the first three must be at least 1, dropout from 0 to below 1"
            )
        self.width, self.blocks, self.dropout, self.integration = width, blocks, dropout, integration

    @property
    def _depth(self) -> int:
        return self.blocks

    def _network(self, rank: int) -> "torch.nn.Module":
        from zpoints.samplers.velocity import Velocity

        return Velocity(rank, min(self.width, max(32, 16 * rank)), self.blocks, self.dropout)

    def _loss(
        self, network: "torch.nn.Module", vectors: "torch.Tensor", random: "torch.Generator"
    ) -> "torch.Tensor":
        from zpoints.samplers.velocity import straight_ways

        x, t, velocity = straight_ways(vectors, random)
        return ((network(x, t) - velocity) ** 2).mean()

    def _carry(self, noise: "torch.Tensor") -> "torch.Tensor":
        from zpoints.samplers.velocity import flow

        return flow(self.network_, noise, self.integration)

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        raise UsageError(
            "FlowMatching: its density would take the divergence along every path; fit Flow, whose density is known"
        )
