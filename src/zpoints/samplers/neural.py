"""What the samplers that train a network share: vectors to learn from, vectors held out, and the network's file.

PyTorch is asked for when such a sampler is fitted, drawn from or loaded, and not before.
"""

from abc import abstractmethod
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from zpoints.errors import UsageError
from zpoints.samplers.base import Sampler
from zpoints.samplers.checks import check_choice, check_number, check_whole, seed_of
from zpoints.samplers.points import Points
from zpoints.system.pace import Pace
from zpoints.vectors.reduce import collect

if TYPE_CHECKING:
    import torch

__all__ = ["Neural"]

HELD_OUT = 0.05
PART = 2048  # vectors that are drawn at a time
DEVICES = ("auto", "cpu", "cuda", "mps")


class Neural(Sampler):
    """A network that learns from whitened vectors, and keeps the weights that describe held-out ones best.

    Attributes
    ----------
    network_ : the trained network, on the CPU.
    best_step_, held_out_loss_ : the step whose weights were kept, and their loss on held-out vectors.
    """

    needs_vectors = True
    packages: ClassVar[dict[str, str]]
    """What must be installed, and the words that install it."""

    width: int
    """Numbers that each layer in between gives out."""
    steps: int
    batch: int
    rate: float
    dropout: float
    most: int
    device: str

    def _check(self) -> None:
        for name in ("width", "steps", "batch"):
            check_whole(self, name, least=1)
        check_whole(self, "most", least=2)
        check_number(self, "rate", above=0)
        check_number(self, "dropout", least=0, below=1)
        check_choice(self, "device", *DEVICES)

    _average: ClassVar[float] = 0.999
    """Share of the old weights in the running mean of each step."""

    @property
    @abstractmethod
    def _depth(self) -> int:
        """Number of parts that the network has one after the other, each with weights of its own."""

    def _width_for(self, rank: int) -> int:
        """The width for so many principal axes: few of them need no wide layers."""
        return min(self.width, max(32, 16 * rank))

    @abstractmethod
    def _network(self, rank: int) -> "torch.nn.Module":
        """An untrained network for so many principal axes."""

    def _prepare(self, u: Float[np.ndarray, "n r"], seed: int) -> None:
        """What is known of the whitened vectors to learn from before there is a network."""

    @abstractmethod
    def _loss(
        self, network: "torch.nn.Module", vectors: "torch.Tensor", random: "torch.Generator"
    ) -> "torch.Tensor":
        """Mean loss of whitened vectors."""

    @abstractmethod
    def _carry(self, noise: "torch.Tensor") -> "torch.Tensor":
        """What the trained network makes of normal noise: whitened vectors."""

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        import torch

        from zpoints.samplers.learning import at_work

        noise = self.temperature * random.standard_normal((n, self.distribution_.pca.rank))
        parts = []
        with at_work(self.network_, self.device) as place, Pace(place == "cpu") as pace:
            for part in torch.from_numpy(noise.astype(np.float32)).split(PART):
                with pace.step((self.name, len(part))):
                    parts.append(self._carry(part.to(place)).cpu().numpy())
        return self.distribution_.pca.unwhiten(np.concatenate(parts).astype(np.float64))

    def _learn(self, points: Points) -> None:
        self._ask_for_packages()
        import torch

        from zpoints.samplers.learning import FitOptions, learn

        assert points.vectors is not None, "fit has seen to it"
        seed = seed_of(self.random_state)
        whiten, chosen = self.distribution_.pca.whiten, points.vectors.some(self.most, seed)
        u = collect(chosen, lambda block: whiten(block).astype(np.float32))
        order = np.random.default_rng(seed).permutation(len(u))
        held = max(1, int(HELD_OUT * len(u)))
        self._prepare(u[order[held:]], seed)
        lesson = FitOptions(self.steps, self.batch, self.rate, seed, self.device, self._average)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network_, self.best_step_, self.held_out_loss_ = learn(
                self._network(u.shape[1]), self._loss, u[order[held:]], u[order[:held]], lesson
            )

    def _ask_for_packages(self) -> None:
        for package, how in self.packages.items():
            if find_spec(package) is None:
                raise UsageError(f"{type(self).__name__}: needs {package}, which is not installed: {how}")

    def _state(self) -> dict[str, Any]:
        weights = {f"network.{name}": value.numpy() for name, value in self.network_.state_dict().items()}
        progress = {
            "best_step": np.asarray(self.best_step_),
            "held_out_loss": np.asarray(self.held_out_loss_),
        }
        return super()._state() | weights | progress

    def _restore_prepared(self, arrays: dict[str, np.ndarray]) -> None:
        """What `_prepare` made, before the network is built; the distribution is there."""

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._ask_for_packages()
        import torch

        self._restore_distribution(arrays)
        self._restore_prepared(arrays)
        weights = {
            name.removeprefix("network."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("network.")
        }
        # The settings of a damaged file may ask for any network: none is built that its weights could not fill.
        widest = max((max(weight.shape, default=0) for weight in weights.values()), default=0)
        if self._depth > len(weights) or self._width_for(self.distribution_.pca.rank) > widest:
            raise ValueError("its weights are not those of its settings")
        with torch.random.fork_rng(devices=[]):
            network = self._network(self.distribution_.pca.rank)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(str(error).partition("\n")[0]) from error
        self.network_ = network.eval()
        self.best_step_ = int(arrays["best_step"])
        self.held_out_loss_ = float(arrays["held_out_loss"])
