"""A mixture of multivariate normal distributions: what RAE fits to a trained autoencoder's latent vectors."""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from zpoints.samplers.base import Sampler, log_volume
from zpoints.samplers.checks import check_number, check_whole, seed_of
from zpoints.samplers.em import BLOCK, climb, joint_bytes, law_of, passes, start_of, state_of
from zpoints.samplers.points import Points
from zpoints.statistics.mixtures import Mixture as Law
from zpoints.statistics.mixtures import MixtureSums
from zpoints.vectors.reduce import Through, reduce

__all__ = ["Mixture"]

CANDIDATES = (1, 2, 5, 10, 20, 40)
PRIORS = (0.001, 0.05, 0.3, 1.0, 3.0)  # times the number of dimensions
TRIAL = 20_000  # vectors on which the number of components and the prior are chosen
HELD_OUT = 0.1  # of them, on which they are judged
TRIAL_ITERATIONS = 12


class Mixture(Sampler):
    r"""Draws from a mixture of k normal distributions with full covariances, fitted by EM.

    Fitted in whitened principal axes, where a prior of :math:`\nu` vectors' worth of the unit covariance shrinks
    each component towards the whole cloud. Their number and the prior are those that describe held-out vectors best.
    Reads the vectors block by block, on all cores; memory does not grow with their number.

    Parameters
    ----------
    components : k, or ``"auto"``.
    prior : :math:`\nu` over the number of dimensions, or ``"auto"``.
    iterations : at most so many passes.
    temperature : multiplies the distances from each component's mean.
    random_state : of the start and of the vectors held out, and see `Sampler`.

    Attributes
    ----------
    mixture_ : weights, means and covariances in whitened principal axes.
    log_likelihood_ : mean logarithm of the density of the vectors of the fit, there.

    References
    ----------
    P. Ghosh, M. Sajjadi, A. Vergari, M. Black, B. Schoelkopf, From Variational to Deterministic Autoencoders
    (ICLR 2020), https://arxiv.org/abs/1903.12436

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> z = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0] + 5.0
    >>> two = np.concatenate([z, z + 40.0])
    >>> sampler = zp.samplers.Mixture(components=2).fit(two)
    >>> sampler.mixture_.weights.round(2).tolist()
    [0.5, 0.5]
    """

    name = "mixture"
    summary = (
        "A mixture of normal distributions with full covariances, as many as describe held-out vectors best."
    )
    needs_vectors = True

    def __init__(
        self,
        components: int | str = "auto",
        prior: float | str = "auto",
        iterations: int = 100,
        *,
        temperature: float = 1.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(temperature=temperature, random_state=random_state)
        self.components, self.prior, self.iterations = components, prior, iterations

    def _check(self) -> None:
        check_whole(self, "components", least=1, auto=True)
        check_number(self, "prior", above=0, auto=True)
        check_whole(self, "iterations", least=1)

    def _learn(self, points: Points) -> None:
        assert points.vectors is not None, "fit has seen to it"
        pca, latents = self.distribution_.pca, points.vectors
        seed = seed_of(self.random_state)
        trial = pca.whiten(latents.some(TRIAL, seed).array())
        std = np.sqrt(pca.variance[: pca.rank])
        k, prior = self._choose(trial, std, seed)

        def one_pass(law: Law) -> MixtureSums:
            expected = partial(MixtureSums.of, mixture=law)
            return reduce(latents, Through(pca.whiten, expected), size=BLOCK, besides=joint_bytes(law))

        start = start_of(trial, std, k, seed).mixture(prior)
        self.mixture_, self.log_likelihood_ = climb(one_pass, start, prior, self.iterations)

    def _choose(
        self, trial: Float[np.ndarray, "m r"], std: Float[np.ndarray, " r"], seed: int
    ) -> tuple[int, float]:
        """The number of components and the prior that describe held-out vectors best."""
        r = trial.shape[1]
        held = max(1, int(HELD_OUT * len(trial)))
        order = np.random.default_rng(seed).permutation(len(trial))
        judge, fit = trial[order[:held]], trial[order[held:]]
        numbers = (
            [k for k in CANDIDATES if k == 1 or k * 10 <= len(fit)]
            if self.components == "auto"
            else [int(self.components)]
        )
        priors = [p * r for p in PRIORS] if self.prior == "auto" else [float(self.prior) * r]
        if len(numbers) == len(priors) == 1:
            return numbers[0], priors[0]
        best: np.ndarray | None = None
        found = numbers[0], priors[-1]
        for k in numbers:
            # Fewer vectors a component never want a weaker prior.
            tried = priors[priors.index(found[1]) :][:2] if best is not None else priors
            start, one_pass = start_of(fit, std, k, seed), passes(fit)
            laws = [climb(one_pass, start.mixture(p), p, TRIAL_ITERATIONS)[0] for p in tried]
            scores = [law.log_density(judge) for law in laws]
            prior = int(np.argmax([score.mean() for score in scores]))
            # Paired: what both describe badly does not blur the comparison.
            gain = None if best is None else scores[prior] - best
            if gain is not None and not gain.mean() > gain.std() / np.sqrt(held):
                break
            best, found = scores[prior], (k, tried[prior])
        return found

    def _draw(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        return self.distribution_.pca.unwhiten(self.mixture_.draw(n, random, self.temperature))

    def _log_density(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        t = self.temperature
        law = Law(self.mixture_.weights, self.mixture_.means, self.mixture_.covariances * t * t)
        return law.log_density(self._spanned(z)) - log_volume(self.distribution_.pca)

    def _state(self) -> dict[str, Any]:
        likelihood = {"mixture_log_likelihood": np.asarray(self.log_likelihood_)}
        return super()._state() | state_of(self.mixture_) | likelihood

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._restore_distribution(arrays)
        self.mixture_ = law_of(arrays, self.distribution_.pca.rank)
        self.log_likelihood_ = float(arrays["mixture_log_likelihood"])
