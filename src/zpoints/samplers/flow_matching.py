"""Flow matching: a small network learns to carry normal noise to where the z-points lie."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from zpoints.errors import UsageError
from zpoints.samplers.checks import check_whole
from zpoints.samplers.em import climb, law_of, passes, start_of, state_of
from zpoints.samplers.neural import Neural

if TYPE_CHECKING:
    import torch

__all__ = ["FlowMatching"]

MOST_VECTORS = 20_000  # from which the mixture is fitted
VECTORS_EACH = 500  # of a component, at least
MOST_DIRECTIONS = 2048  # of all components together: they bound the time of a step
PRIOR = 1.0  # times the number of dimensions: vectors' worth of the unit covariance
ITERATIONS = 8


class FlowMatching(Neural):
    r"""Draws by a flow from the normal law to that of the z-points, learnt in whitened principal axes.

    The mean velocity :math:`u_1 - u_0` at :math:`(1 - t) u_0 + t u_1`, with noise :math:`u_0` and z-points
    :math:`u_1`, is followed from t = 0 to 1. For a mixture of normals it is known; a quick fit of one is where the
    network starts, which learns only what is missing. Its weights are a running mean; those that describe held-out
    vectors best are kept. It needs PyTorch, and half a minute to fit; no assumption about the law.

    Parameters
    ----------
    width, blocks : of the residual network; for few components the width shrinks to 16 for each.
    steps : at most so many of the optimiser.
    batch, rate, dropout : vectors per step, peak learning rate, share of the inner activations left out.
    most : at most so many vectors, drawn at random, are learnt from.
    integration : steps of Heun's method from noise to vectors.
    device : ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``mps``.
    temperature : multiplies the noise that the flow starts from.
    random_state : of the weights, the noise and the vectors held out; and see `Sampler`.

    Attributes
    ----------
    mixture_ : the mixture that the network adds to, in whitened principal axes.
    best_step_, held_out_loss_ : the step whose weights were kept, and their mean squared error on held-out vectors.

    References
    ----------
    Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel, M. Le, Flow Matching for Generative Modeling (ICLR 2023),
    https://arxiv.org/abs/2210.02747

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> sampler = zp.samplers.FlowMatching(steps=20, random_state=0).fit(z)  # so few for this example only
    >>> sampler.sample(4, random_state=0).shape
    (4, 3)
    """

    _average = 0.99
    name = "flow-matching"
    summary = "A small network that has learnt to carry normal noise to where the z-points lie."
    packages: ClassVar[dict[str, str]] = {"torch": "pip install 'zpoints[train]'"}

    def __init__(
        self,
        width: int = 256,
        blocks: int = 1,
        steps: int = 1500,
        batch: int = 512,
        rate: float = 2e-3,
        dropout: float = 0.1,
        most: int = 200_000,
        integration: int = 10,
        device: str = "auto",
        *,
        temperature: float = 1.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.width, self.blocks, self.steps, self.batch, self.rate = width, blocks, steps, batch, rate
        self.dropout, self.most, self.integration, self.device = dropout, most, integration, device

    def _check(self) -> None:
        super()._check()
        for name in ("blocks", "integration"):
            check_whole(self, name, least=1)

    @property
    def _depth(self) -> int:
        return self.blocks

    def _network(self, rank: int) -> "torch.nn.Module":
        from zpoints.samplers.velocity import Velocity

        return Velocity(self.mixture_, self._width_for(rank), self.blocks, self.dropout)

    def _prepare(self, u: Float[np.ndarray, "n r"], seed: int) -> None:
        u = u[:MOST_VECTORS].astype(np.float64)
        rank = u.shape[1]
        k = max(1, min(len(u) // VECTORS_EACH, MOST_DIRECTIONS // rank))
        start = start_of(u, np.sqrt(self.distribution_.pca.variance[:rank]), k, seed).mixture(PRIOR * rank)
        self.mixture_, _ = climb(passes(u), start, PRIOR * rank, ITERATIONS)

    def _loss(
        self, network: "torch.nn.Module", vectors: "torch.Tensor", random: "torch.Generator"
    ) -> "torch.Tensor":
        from zpoints.samplers.velocity import straight_ways

        x, t, velocity = straight_ways(vectors, random)
        return ((network(x, t) - velocity) ** 2).mean()

    def _state(self) -> dict[str, Any]:
        return super()._state() | state_of(self.mixture_)

    def _restore_prepared(self, arrays: dict[str, np.ndarray]) -> None:
        self.mixture_ = law_of(arrays, self.distribution_.pca.rank)

    def _carry(self, noise: "torch.Tensor") -> "torch.Tensor":
        from zpoints.samplers.velocity import flow

        return flow(self.network_, noise, self.integration)

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        raise UsageError(
            "FlowMatching: its density would take the divergence along every path; fit Flow, whose density is known"
        )
