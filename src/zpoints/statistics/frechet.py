"""The Fréchet distance of two normal distributions."""

import numpy as np
from jaxtyping import Float

__all__ = ["frechet_distance"]

Vector = Float[np.ndarray, " d"]
Matrix = Float[np.ndarray, "d d"]


def frechet_distance(mean_a: Vector, covariance_a: Matrix, mean_b: Vector, covariance_b: Matrix) -> float:
    r"""Squared Fréchet (2-Wasserstein) distance of the normal distributions with these moments.

    .. math:: |\mu_a - \mu_b|^2 + \operatorname{tr}\bigl(A + B - 2 (A^{1/2} B A^{1/2})^{1/2}\bigr)

    With :math:`A = F F^T` and :math:`B = G G^T` the last trace is the sum of the singular values of
    :math:`F^T G`. So it is never complex, and singular matrices (fewer vectors than components) need no ridge.

    References
    ----------
    D. Dowson, B. Landau, The Fréchet distance between multivariate normal distributions (1982),
    https://doi.org/10.1016/0047-259X(82)90077-X

    Examples
    --------
    >>> zero, eye = np.zeros(2), np.eye(2)
    >>> round(frechet_distance(zero, eye, zero + [3.0, 4.0], 4 * eye), 6)  # 25, and (2 - 1)^2 for each component
    27.0
    """
    offset = mean_a - mean_b
    shared = np.linalg.svd(_root(covariance_a).T @ _root(covariance_b), compute_uv=False).sum()
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared
    # Equal matrices leave rounding error, of either sign.
    return float(offset @ offset + max(spread, 0.0))


def _root(covariance: Matrix) -> Matrix:
    """A factor F with F F^T = covariance."""
    values, vectors = np.linalg.eigh(covariance)
    # Rounding leaves null directions a variance near 1e-16, of which the root would be 1e-8.
    floor = values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors * np.sqrt(np.where(values > floor, values, 0.0))
