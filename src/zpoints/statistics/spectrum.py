r"""How many principal axes are more than noise? The spectrum of variances beside that of vectors without structure.

The variances along the principal axes of n vectors are unequal even where the law's own are all alike: with d
components of variance :math:`\sigma^2`, and :math:`N = n - 1`, they fill the interval

.. math:: \sigma^2 (1 \pm \sqrt{d / N})^2

by the law of Marchenko and Pastur. An axis whose own variance is larger than :math:`\sigma^2 (1 + \sqrt{d / N})`
(Baik, Ben Arous and Peche, BBP) stands out beyond the upper end, its *edge*; below that, n vectors cannot show it.

References
----------
V. Marchenko, L. Pastur, Distribution of eigenvalues for some sets of random matrices, Math. USSR-Sbornik 1 (1967),
https://doi.org/10.1070/SM1967v001n04ABEH001994
I. Johnstone, On the distribution of the largest eigenvalue in principal components analysis, Annals of Statistics 29
(2001), https://doi.org/10.1214/aos/1009210544
J. Baik, G. Ben Arous, S. Peche, Phase transition of the largest eigenvalue for nonnull complex sample covariance
matrices, Annals of Probability 33 (2005), https://doi.org/10.1214/009117905000000233
"""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

__all__ = [
    "FEWEST_AXES",
    "SignalEdge",
    "effective_rank",
    "marchenko_pastur_median",
    "own_scales",
    "participation_ratio",
]

FEWEST_AXES = 10
"""Fewer axes do not show where a floor of noise is."""
TRACY_WIDOM = 3.2724
"""The largest variance of noise exceeds Johnstone's centre by so many of his scales once in 1,000 clouds."""
STEPS = 20_000  # of the integral over the law


def effective_rank(variance: Float[np.ndarray, " r"]) -> float:
    r"""RankMe of the centred vectors: :math:`\exp(-\sum p_k \ln p_k)`, with :math:`p_k = s_k / \sum s`.

    :math:`s_k = \sqrt{\lambda_k}` are the standard deviations along the principal axes, singular values of the
    centred vectors but for a factor. As many as there are axes where all are alike, 1 where there is but one.

    References
    ----------
    Q. Garrido, R. Balestriero, L. Najman, Y. LeCun, RankMe: assessing the downstream performance of pretrained
    self-supervised representations by their rank (ICML 2023), https://arxiv.org/abs/2210.02885 (there of vectors
    that are not centred)

    Examples
    --------
    >>> round(effective_rank(np.ones(5)), 6), round(effective_rank(np.array([1.0, 1e-12])), 3)
    (5.0, 1.0)
    """
    s = np.sqrt(variance[variance > 0])
    if not len(s):
        return 0.0
    p = s / s.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def participation_ratio(variance: Float[np.ndarray, " r"]) -> float:
    r""":math:`(\sum \lambda)^2 / \sum \lambda^2`: as many equal axes would have the spectrum's concentration.

    Examples
    --------
    >>> participation_ratio(np.ones(5)), round(participation_ratio(np.array([3.0, 1.0])), 3)
    (5.0, 1.6)
    """
    scaled = variance / max(
        variance.max(initial=0.0), np.finfo(float).tiny
    )  # squares neither under- nor overflow
    square = float(np.sum(scaled**2))
    return float(scaled.sum() ** 2 / square) if square else 0.0


@cache
def marchenko_pastur_median(ratio: float) -> float:
    r"""Median of the law of the positive variances of noise with :math:`\sigma = 1`, for d / N = `ratio`.

    By summing the density :math:`\sqrt{(b - x)(x - a)} / (2 \pi \beta x)` between its ends.

    Examples
    --------
    >>> round(marchenko_pastur_median(1e-4), 3), round(marchenko_pastur_median(1.0), 3)  # Gavish and Donoho: 0.653
    (1.0, 0.653)
    """
    if ratio > 1:  # the same N values as those of N components of d vectors, in other units
        return ratio * marchenko_pastur_median(1 / ratio)
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    angle = (np.arange(STEPS) + 0.5) * (np.pi / 2 / STEPS)
    x = low + (high - low) * np.sin(angle) ** 2
    # The roots of the density and the step from angle to x together are smooth.
    weight = (np.sin(angle) * np.cos(angle)) ** 2 / x
    share = (np.cumsum(weight) - weight / 2) / weight.sum()
    return float(np.interp(0.5, share, x))


@dataclass(frozen=True, eq=False)
class SignalEdge:
    r"""Where the noise of a spectrum ends, and how many axes stand out.

    Attributes
    ----------
    noise : :math:`\sigma^2`, the variance of the law along the axes that are noise; not a number where the axes show
        no floor of equal variances.
    edge : :math:`\sigma^2 (1 + \sqrt{d' / N})^2` of the d' axes that do not stand out; likewise.
    limit : what counts: the edge, with so much more that noise alone exceeds it once in 1,000 clouds.
    axes : how many variances exceed the limit; all of them where there is no floor.

    Examples
    --------
    3 axes with variances of 9, 4 and 3 in 60 components of noise, and one of 1.1 that cannot be seen:

    >>> x = np.random.default_rng(0).normal(size=(1000, 60))
    >>> x[:, :4] *= np.sqrt([9.0, 4.0, 3.0, 1.1])
    >>> found = SignalEdge.of(np.linalg.eigvalsh(np.cov(x.T)), 1000, 60)
    >>> found.axes, round(found.noise, 1), round(found.edge, 1)
    (3, 1.0, 1.5)
    """

    noise: float
    edge: float
    limit: float
    axes: int

    @property
    def found(self) -> bool:
        """Whether there is a floor of noise."""
        return bool(np.isfinite(self.noise))

    @classmethod
    def of(
        cls,
        variance: Float[np.ndarray, " r"],
        n: int,
        d: int,
        scales: Float[np.ndarray, " m"] | None = None,
        noise: float | None = None,
    ) -> Self:
        r"""The edge of a spectrum of n vectors.

        :math:`\sigma^2` is the median of the variances over that of Marchenko and Pastur's law (Gavish and Donoho),
        of those axes that do not stand out: found, the outstanding ones are left out, until no more are found. The
        limit has Johnstone's allowance for the largest variance of a finite number of vectors, by the law of Tracy
        and Widom. Where that leaves fewer than 10 axes, as of variances that fall evenly and n far larger than d,
        there is no floor, and no axis is called noise.

        Parameters
        ----------
        variance : along the principal axes, all that are not 0, in any order.
        n, d : number of vectors, and of components.
        scales : squared scales :math:`s^2` of some vectors, of mean 1 (`own_scales`), where each vector has its own:
            noise then reaches farther. None is 1 for all.
        noise : :math:`\sigma^2`, where it is known: 1 of a correlation matrix, of components that are independent
            (Horn's parallel analysis, by the law in place of simulated clouds).

        References
        ----------
        M. Gavish, D. Donoho, The optimal hard threshold for singular values is 4/sqrt(3), IEEE Transactions on
        Information Theory 60 (2014), https://doi.org/10.1109/TIT.2014.2323359
        J. Horn, A rationale and test for the number of factors in factor analysis, Psychometrika 30 (1965),
        https://doi.org/10.1007/BF02289447
        """
        falling = np.sort(np.asarray(variance, np.float64))[::-1]
        s = np.ones(1) if scales is None else np.asarray(scales, np.float64)
        if noise is not None:
            edge, limit = (noise * bound for bound in _bounds(n - 1, d, s))
            return cls(noise, edge, limit, int((falling > limit).sum()))
        out = 0
        while len(falling) - out >= FEWEST_AXES:
            rest, left = falling[out:], d - out
            ratio = left / (n - 1) * (1 + float(s.var()))  # right to first order in d / n
            sigma = float(np.median(rest)) / marchenko_pastur_median(round(ratio, 6))
            edge, limit = (sigma * bound for bound in _bounds(n - 1, left, s))
            found = int((falling > limit).sum())
            if found <= out:
                return cls(sigma, edge, limit, found)
            out = found
        nothing = float("nan")
        return cls(nothing, nothing, nothing, len(falling))


def own_scales(
    u: Float[np.ndarray, "m r"], variance: Float[np.ndarray, " r"], n: int, d: int
) -> Float[np.ndarray, " m"]:
    r"""Squared scale of each vector, of mean 1: all near 1 of a normal law, unequal where tails are heavy.

    :math:`q_i = \sum_k \min(\lambda_k, e) u_{ik}^2`, over its mean: a squared length to which no axis gives more
    than one at the edge e of plain noise. Drawn towards 1 by so much that their variance lacks that of a normal law,
    :math:`2 \sum w^2 / (\sum w)^2` for weights w.

    Parameters
    ----------
    u : vectors whitened along the principal axes. variance : along these.
    n, d : number of all vectors, and of components.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> s = random.choice([0.5, 1.5], size=2000)
    >>> x = random.normal(size=(2000, 100)) * np.sqrt(s)[:, None]
    >>> bool(abs(own_scales(x, np.ones(100), 2000, 100).var() - s.var()) < 0.02)
    True
    """
    ratio = d / (n - 1)
    noise = float(np.median(variance)) / marchenko_pastur_median(round(ratio, 6))
    weight = np.minimum(variance / noise, (1 + np.sqrt(ratio)) ** 2)
    q = np.square(u) @ weight
    q = q / q.mean()
    spread, normal = float(q.var()), 2 * float(np.sum(weight**2)) / float(weight.sum()) ** 2
    return 1 + (q - 1) * np.sqrt(max(0.0, 1 - normal / spread)) if spread > 0 else np.ones(len(q))


def _bounds(freedom: float, d: int, s: Float[np.ndarray, " m"]) -> tuple[float, float]:
    """Edge of unit noise, and the limit that its largest variance exceeds once in 1,000 clouds."""
    freedom_left = freedom / (1 + float(s.var()))
    # Johnstone's scale with the half steps of Z. Ma (2012), https://doi.org/10.3150/10-BEJ334
    low_n, low_d = np.sqrt(max(freedom_left - 0.5, 0.5)), np.sqrt(max(d - 0.5, 0.5))
    scale = (low_n + low_d) * (1 / low_n + 1 / low_d) ** (1 / 3) / freedom_left
    edge = _edge(d / freedom, s)
    return edge, edge + TRACY_WIDOM * scale


def _edge(ratio: float, s: Float[np.ndarray, " m"]) -> float:
    r"""Upper end of the law of :math:`\frac1N \sum s_i^2 x_i x_i^T`: the least :math:`1/h + E[s^2 / (1 - c s^2 h)]`.

    Over 0 < h < 1 / (c max s^2), with c = `ratio`; :math:`(1 + \sqrt c)^2` where all scales are 1.

    J. Silverstein, S. Choi, Analysis of the limiting spectral distribution of large dimensional random matrices,
    Journal of Multivariate Analysis 54 (1995), https://doi.org/10.1006/jmva.1995.1058
    """
    largest = 1 / (ratio * float(s.max()))

    def end(part: float) -> float:
        h = part * largest
        return float(1 / h + np.mean(s / (1 - ratio * s * h)))

    return float(minimize_scalar(end, bounds=(1e-6, 1 - 1e-9), method="bounded", options={"xatol": 1e-7}).fun)
