"""How Gaussian are these vectors? A card of few figures, quick enough for a training loop.

Two readings: moments and Epps-Pulley sums of the vectors as they are; then the same sums and Mahalanobis distances of
the whitened ones. What is no sum (least normal directions, negentropy, intrinsic dimension) comes from a random
sample, whose size the card says.
"""

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from zpoints.analysis.axes import spectrum_summary
from zpoints.analysis.card_figures import Gaussianity
from zpoints.analysis.normality import FEWEST_PER_AXIS
from zpoints.analysis.readings import First, first, whitening
from zpoints.errors import ArrayError
from zpoints.files.documents import json_number
from zpoints.statistics.directions import pursue, random_directions
from zpoints.statistics.epps_pulley import EppsPulley, EppsPulleyLaw
from zpoints.statistics.location import Lengths
from zpoints.statistics.negentropy import PER_AXIS, Rivals
from zpoints.statistics.pca import PCA
from zpoints.statistics.radii import Radii
from zpoints.system.progress import Progress
from zpoints.system.threads import side_by_side
from zpoints.vectors.latent_set import LatentSet, some_of
from zpoints.vectors.reduce import Through, reduce

__all__ = ["gaussianity"]

DIRECTIONS = 256
WORST = 4
COMPONENTS = 5  # named of a direction
ONE_LENGTH = 1e-3  # spread of the lengths over their mean, below which all are meant to be the same
MOST_PURSUED = 8192  # vectors in which the least normal directions are looked for
PURSUED_AXES = 256  # leading axes, likewise: in more, so many vectors show nothing but the coarsest
MOST_RIVALS = 128  # leading axes on which the negentropy is measured
NEIGHBOURS_OF = 2000  # vectors of which the intrinsic dimension is found
FEWEST = 20
HEAD = 256  # vectors by which one sees whether all have one length


def gaussianity(
    z: Any, *, directions: int = DIRECTIONS, seed: int = 0, progress: Progress | None = None
) -> Gaussianity:
    """The card of a set of vectors.

    Parameters
    ----------
    z : (n, d): an array, a path, a tensor, a `LatentSet`, as for `analyse`.
    directions : random directions along which Epps-Pulley statistics are taken; the same for the same d and seed, so
        that cards of one training compare.
    seed : of the directions and the sample.
    progress : where to report it.

    Returns
    -------
    what `zpoints.analysis.card_figures.Gaussianity` describes; printed, it is a table.

    Raises
    ------
    ArrayError : fewer than 20 vectors, values that are not finite, nothing but constant components.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(5000, 16))
    >>> card = gaussianity(z)
    >>> abs(card.as_it_is.z) < 3, abs(card.whitened.z) < 3, card.kind
    (True, True, 'normal within the noise')
    """
    latents = LatentSet.open(z)
    n, d = latents.n, latents.dimension
    if n < FEWEST:
        raise ArrayError(f"{latents.name}: {n} vectors; a card takes {FEWEST} at least")
    random = random_directions(d, directions, seed)
    question, first_of = first(latents, seed)
    one_length = _one_length(Lengths.of(latents.head(HEAD)))
    along_random = Through(_Projected(random), (_as_they_are, _on_sphere if one_length else _nothing))
    *answers, (raw, sphere), lengths = reduce(
        latents, (*question, along_random, Lengths.of), label="card", progress=progress
    )
    found = first_of(tuple(answers))
    whole = PCA.of_moments(found.moments)
    u = whole.whiten(found.sample)
    seen = random_directions(whole.rank, directions, seed)
    living = found.living
    white, radii = reduce(
        latents if living.whole else latents.of_components(living.numbers),
        whitening(whole, (partial(EppsPulley.of, directions=seen), Radii.of)),
        label="card, whitened",
        progress=progress,
    )
    worst, negentropy, intrinsic, spectrum = side_by_side(  # none of these uses more than one thread well
        partial(_worst, u, whole, found, seed),
        partial(_negentropy, u),
        partial(_intrinsic_dimension, found.sample, whole, seed),
        partial(spectrum_summary, found.moments, whole, found.sample),
    )
    return Gaussianity.from_dict(
        {
            "version": Gaussianity.VERSION,
            "n": n,
            "d": d,
            "dimension": found.moments.dimension,
            "distinct": found.repeats.distinct,
            "as_it_is": _figures(raw.statistic, EppsPulleyLaw(random)),
            "sphere": sphere and _figures(sphere.statistic, EppsPulleyLaw(random, sphere=True, n=n)),
            "whitened": _figures(white.statistic, EppsPulleyLaw(seen, estimated=True)),
            "searched_axes": min(whole.rank, PURSUED_AXES) if worst else 0,
            "worst": worst,
            "mean_length": lengths.mean,
            "length_spread": lengths.std / lengths.mean if lengths.mean else 0.0,
            "kappa": json_number(radii.scale_variance),
            "kappa_error": json_number(radii.scale_variance_error),
            "spectrum": spectrum,
            **negentropy,
            **intrinsic,
        },
        "the card",
    )


def _one_length(lengths: Lengths) -> bool:
    return bool(lengths.std < ONE_LENGTH * lengths.mean)


@dataclass(frozen=True, eq=False)
class _Projected:
    """Projections on directions, and the factors that make the vectors as long as normal ones."""

    directions: Float[np.ndarray, "k d"]

    def __call__(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = np.asarray(block, np.float64)
        lengths = np.linalg.norm(x, axis=1)
        factor = np.sqrt(x.shape[1]) / np.where(lengths > 0, lengths, 1.0)
        return x @ self.directions.T, factor


def _as_they_are(found: tuple[np.ndarray, np.ndarray]) -> EppsPulley:
    return EppsPulley.of_projections(found[0])


def _on_sphere(found: tuple[np.ndarray, np.ndarray]) -> EppsPulley:
    return EppsPulley.of_projections(found[0] * found[1][:, None])


def _nothing(found: object) -> None:
    return None


def _figures(statistic: Float[np.ndarray, " k"], law: EppsPulleyLaw) -> dict[str, Any]:
    mean = float(statistic.mean())
    return {
        "directions": len(statistic),
        "mean": mean,
        "normal_mean": law.mean,
        "normal_std": law.std_of_mean,
        "z": (mean - law.mean) / law.std_of_mean,
        "log10_p": json_number(law.log10_p_of_mean(mean)),
        "largest": float(statistic.max()),
    }


def _worst(u: Float[np.ndarray, "s r"], whole: PCA, found: First, seed: int) -> list[dict[str, Any]]:
    """Looked for in a half of some vectors, judged by the other half, since the first lies farther out along them."""
    axes = min(whole.rank, PURSUED_AXES)
    if axes < 2 or len(u) < FEWEST_PER_AXIS * axes:
        return []
    u = some_of(u[:, :axes], MOST_PURSUED, seed=3)
    pursuit = pursue(u, min(WORST, axes), seed)
    statistic = EppsPulley.of(u[pursuit.judging], pursuit.directions).statistic
    back = found.living.numbers
    loadings = pursuit.directions / np.sqrt(whole.variance[:axes]) @ whole.axes[:axes]
    # What a component contributes to the direction's variance: its coefficient in its own standard deviations.
    weights = loadings / whole.scale * found.moments.std
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    figures = []
    for k, weight in enumerate(weights):
        chosen = np.argsort(-np.abs(weight))[:COMPONENTS]
        figures.append(
            {
                "statistic": float(statistic[k]),
                "log10_p": float(pursuit.log10_p[k]),
                "skewness": float(pursuit.projections.skewness[k]),
                "excess_kurtosis": float(pursuit.projections.excess_kurtosis[k]),
                "components": [int(back[c]) for c in chosen],
                "weights": [float(weight[c]) for c in chosen],
            }
        )
    return figures


def _negentropy(u: Float[np.ndarray, "s r"]) -> dict[str, Any]:
    """Of the leading axes, at most 128 and no more than there are vectors for."""
    axes = min(u.shape[1], MOST_RIVALS, len(u) // PER_AXIS)
    if axes < 2:
        return {"negentropy": None, "freedom": None}
    rivals = Rivals.of(u[:, :axes], np.empty((0, axes)))
    gain = rivals.gains[rivals.best]
    return {
        "negentropy": {
            "axes": axes,
            "held_out": rivals.held_out,
            "best": rivals.best,
            "nats": gain.nats,
            "error": gain.error,
            "told_apart": gain.told_apart,
        },
        "freedom": json_number(rivals.freedom),
    }


def _intrinsic_dimension(sample: Float[np.ndarray, "s d"], whole: PCA, seed: int) -> dict[str, Any]:
    """By the distances to the two nearest of 2,000 vectors; and that of normal vectors with this covariance."""
    try:
        from skdim.id import TwoNN  # type: ignore[import-untyped]
    except ImportError:
        return {"intrinsic_dimension": None, "normal_intrinsic_dimension": None, "neighbours_of": 0}
    some = np.unique(np.asarray(some_of(sample, NEIGHBOURS_OF, seed=4), np.float64), axis=0)
    if len(some) < FEWEST:
        return {"intrinsic_dimension": None, "normal_intrinsic_dimension": None, "neighbours_of": len(some)}
    noise = np.random.default_rng([seed, 5]).normal(size=(len(some), whole.rank))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, normal = (float(TwoNN().fit(x).dimension_) for x in (some, whole.unwhiten(noise)))
    return {
        "intrinsic_dimension": json_number(found),
        "normal_intrinsic_dimension": json_number(normal),
        "neighbours_of": len(some),
    }
