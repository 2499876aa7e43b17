"""A normalising flow: an invertible map from normal noise to the z-points, whose density is known."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from zpoints.samplers.base import log_volume
from zpoints.samplers.checks import check_whole
from zpoints.samplers.neural import Neural

if TYPE_CHECKING:
    import torch

__all__ = ["Flow"]

PART = 4096  # vectors that pass through the network at a time


class Flow(Neural):
    r"""Draws by affine couplings (RealNVP), fitted by maximum likelihood in whitened principal axes.

    Each coupling scales and shifts one half of the axes, chosen at random, by what a small network makes of the
    other half. So :math:`u = f(e)` with :math:`e \sim N(0, I)` can be followed both ways in one pass, and

    .. math:: \log p(u) = \log \phi(f^{-1}(u)) + \log |\det \partial f^{-1} / \partial u|.

    Dropout, weight decay and held-out vectors, which decide where the training stops, keep it from learning its
    vectors by heart. Needs PyTorch and zuko.

    Parameters
    ----------
    transforms : number of couplings.
    width : of the two hidden layers in each; for few components it shrinks to 16 for each.
    steps : at most so many of the optimiser.
    batch, rate, dropout : vectors per step, peak learning rate, share of the inner activations left out.
    most : at most so many vectors, drawn at random, are learnt from.
    device : ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``mps``.
    temperature : multiplies the noise that the flow starts from.
    random_state : of the weights, the axes of each coupling, and the vectors held out; and see `Sampler`.

    Attributes
    ----------
    network_ : the couplings. best_step_, held_out_loss_ : the step whose weights were kept, and their negative mean
        log density of held-out vectors in whitened axes.

    References
    ----------
    L. Dinh, J. Sohl-Dickstein, S. Bengio, Density estimation using Real NVP (ICLR 2017),
    https://arxiv.org/abs/1605.08803
    F. Rozet et al., Zuko: Normalizing flows in PyTorch (2022), https://doi.org/10.5281/zenodo.7625672

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> sampler = zp.samplers.Flow(steps=20, random_state=0).fit(z)  # of so few steps for this example only
    >>> sampler.sample(4, random_state=0).shape, sampler.score_samples(z[:2]).shape
    ((4, 3), (2,))
    """

    name = "flow"
    summary = "Normal noise, sent through couplings that were fitted by maximum likelihood."
    packages: ClassVar[dict[str, str]] = dict.fromkeys(("torch", "zuko"), "pip install 'zpoints[flow]'")

    def __init__(
        self,
        transforms: int = 6,
        width: int = 256,
        steps: int = 800,
        batch: int = 256,
        rate: float = 2e-3,
        dropout: float = 0.1,
        most: int = 200_000,
        device: str = "auto",
        *,
        temperature: float = 1.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.transforms, self.width, self.steps, self.batch = transforms, width, steps, batch
        self.rate, self.dropout, self.most, self.device = rate, dropout, most, device

    def _check(self) -> None:
        super()._check()
        check_whole(self, "transforms", least=1)

    @property
    def _depth(self) -> int:
        return self.transforms

    def _network(self, rank: int) -> "torch.nn.Module":
        from torch import nn
        from zuko.flows import RealNVP

        width, dropout = self._width_for(rank), self.dropout
        network = RealNVP(
            rank,
            transforms=self.transforms,
            randmask=True,
            hidden_features=(width, width),
            activation=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(dropout)),
        )
        # It starts as the identity: whitened vectors have a normal's mean and covariance already.
        for transform in network.transform.transforms:
            last = transform.hyper[-1] if hasattr(transform, "hyper") else transform
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        return network

    def _loss(
        self, network: "torch.nn.Module", vectors: "torch.Tensor", random: "torch.Generator"
    ) -> "torch.Tensor":
        return -network().log_prob(vectors).mean()

    def _carry(self, noise: "torch.Tensor") -> "torch.Tensor":
        return self.network_().transform.inv(noise)

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        import torch

        u, t = self._spanned(z).astype(np.float32), self.temperature
        found = np.empty(len(u))
        with torch.inference_mode():
            for start in range(0, len(u), PART):
                part = torch.from_numpy(u[start : start + PART])
                noise, volume = self.network_().transform.call_and_ladj(part)
                squares = (noise.double() ** 2).sum(dim=1) / (t * t)
                found[start : start + PART] = (volume.double() - 0.5 * squares).numpy()
        normal = 0.5 * u.shape[1] * np.log(2 * np.pi * t * t)
        return found - normal - log_volume(self.distribution_.pca)
