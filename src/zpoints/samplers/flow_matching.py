"""Flow matching: a small network learns to carry normal noise to where the z-points lie."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from zpoints.errors import UsageError
from zpoints.samplers.base import Sampler
from zpoints.samplers.points import Points

if TYPE_CHECKING:
    from zpoints.samplers.velocity import Velocity

__all__ = ["FlowMatching"]

HELD_OUT = 0.05


class FlowMatching(Sampler):
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
    needs_vectors = True

    def __init__(
        self,
        width: int = 768,
        blocks: int = 4,
        steps: int = 4000,
        batch: int = 512,
        rate: float = 1e-3,
        dropout: float = 0.1,
        most: int = 200_000,
        integration: int = 40,
        seed: int = 0,
        *,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(temperature=temperature)
        if min(width, blocks, steps, batch, integration) < 1 or rate <= 0 or not 0 <= dropout < 1 or most < 2:
            raise UsageError(
                "FlowMatching: sizes and rate must be positive, dropout below 1, most at least 2"
            )
        self.width, self.blocks, self.steps, self.batch, self.rate = width, blocks, steps, batch, rate
        self.dropout, self.most, self.integration, self.seed = dropout, most, integration, seed

    def _learn(self, points: Points) -> None:
        import torch

        from zpoints.samplers.velocity import train

        assert points.vectors is not None, "fit has seen to it"
        pca, chosen = self.distribution_.pca, points.vectors.some(self.most, self.seed)
        u = np.concatenate([pca.whiten(block).astype(np.float32) for block in chosen.blocks(4096)])
        order = np.random.default_rng(self.seed).permutation(len(u))
        held = max(1, int(HELD_OUT * len(u)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._network(u.shape[1])
            self.best_step_, self.held_out_loss_ = train(
                network, u[order[held:]], u[order[:held]], self.steps, self.batch, self.rate, self.seed
            )
        self.network_ = network

    def _network(self, rank: int) -> "Velocity":
        from zpoints.samplers.velocity import Velocity

        return Velocity(rank, min(self.width, max(32, 16 * rank)), self.blocks, self.dropout)

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        from zpoints.samplers.velocity import flow

        pca = self.distribution_.pca
        start = self.temperature * random.standard_normal((n, pca.rank))
        return pca.unwhiten(flow(self.network_, start, self.integration))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        raise UsageError(
            "FlowMatching: its density would take the divergence along every path; not implemented"
        )

    def _state(self) -> dict[str, Any]:
        weights = {f"network.{name}": value.numpy() for name, value in self.network_.state_dict().items()}
        return (
            super()._state()
            | weights
            | {
                "best_step": np.asarray(self.best_step_),
                "held_out_loss": np.asarray(self.held_out_loss_),
            }
        )

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        import torch

        self._restore_distribution(arrays)
        self.network_ = self._network(self.distribution_.pca.rank)
        weights = {
            name.removeprefix("network."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("network.")
        }
        try:
            self.network_.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(str(error).partition("\n")[0]) from error
        self.network_.eval()
        self.best_step_ = int(arrays["best_step"])
        self.held_out_loss_ = float(arrays["held_out_loss"])
