r"""What two components share beyond their linear correlation, from the joint histogram of every plane.

References
----------
T. Cover, J. Thomas, Elements of Information Theory, 2nd ed. (2006), chapter 8, https://doi.org/10.1002/047174882X
M. Roulston, Estimating the errors on measured entropy and mutual information (1999),
https://doi.org/10.1016/S0167-2789(98)00269-3: the bias of full cells, which the exact one below has as its limit.
"""

from functools import cache

import numba
import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from zpoints.statistics.planes import PlaneCounts

__all__ = ["mutual_information_excess"]

FULL = 64
"""Mean number of vectors in a cell from which on the series for its expected logarithm is exact to 1e-5."""
PER_ONE = 64  # entries of the table for each vector more in the mean


def mutual_information_excess(counts: PlaneCounts) -> Float[np.ndarray, " p"]:
    r"""Mutual information of each pair minus that of a normal pair with the same r, in nats.

    A normal pair has :math:`I = -\frac12 \ln(1 - r^2)`. In the round coordinates (u, w) of `planes` that term and
    the cell sizes drop out, and what is left is a difference of three entropies,

    .. math:: I(x_i, x_j) + \tfrac12 \ln(1 - r^2) = H(u_i) + H(u_j) - H(u_i, w),

    all of them over bins of one width. Entropies of counts are too small, the joint one most. By how much follows
    from the pair's own margins. Where u and w, with the shares :math:`p_a` and :math:`q_b`, have nothing to do with
    each other, as after a permutation of one of them, a cell holds c vectors with the mean
    :math:`\lambda = n p_a q_b` and the variance :math:`\lambda (1 - p_a)(1 - q_b)`, and

    .. math:: \frac1n \sum_{ab} (E[c \ln c] - \lambda \ln \lambda)

    is what such a pair seems to share. That is subtracted. With :math:`F(\lambda)` for a Poisson number,
    :math:`E[c \ln c] = F - \tfrac12 (p_a + q_b - p_a q_b) \lambda F''` but for second-order terms. So the figure is 0
    for every normal and every independent pair but for noise, whatever the margins and however empty the cells.
    """
    single = _entropies(counts.marginal.astype(np.int64), counts.n)
    joint = _joint_entropies(counts.joint, counts.n, _expected_logarithm())
    i, j = counts.group.pairs
    first = counts.group.first
    return single[i - first] + single[j - first] - joint


@cache
def _expected_logarithm() -> Float[np.ndarray, "entries 2"]:
    r"""F = E[c ln c] of a Poisson number c, and :math:`\lambda F'' / 2`, for means up to `FULL`."""
    mean = np.arange(FULL * PER_ONE + 2)[:, None] / PER_ONE
    c = np.arange(4 * FULL)
    with np.errstate(divide="ignore", invalid="ignore"):
        probability = np.exp(np.where(c > 0, c * np.log(mean), 0.0) - mean - gammaln(c + 1))
    of = c * np.log(np.maximum(c, 1))
    # The derivative of an expectation over Poisson numbers is that of the difference to the next number.
    second = of[2:] - 2 * of[1:-1] + of[:-2]
    return np.stack([probability @ of, 0.5 * mean[:, 0] * (probability[:, :-2] @ second)], axis=1)


@numba.njit(cache=True, error_model="numpy")
def _logarithms() -> np.ndarray:
    """c ln c of small counts: most cells hold few vectors, and theirs are looked up."""
    table = np.zeros(4096)
    for c in range(2, len(table)):
        table[c] = c * np.log(c)
    return table


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _entropies(counts: np.ndarray, n: int) -> np.ndarray:
    found = np.empty(len(counts))
    table = _logarithms()
    for row in numba.prange(len(counts)):
        total = 0.0
        for cell in range(counts.shape[1]):
            c = counts[row, cell]
            total += table[c] if c < len(table) else c * np.log(np.float64(c))
        found[row] = np.log(np.float64(n)) - total / n
    return found


@numba.njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _joint_entropies(joint: np.ndarray, n: int, expected: np.ndarray) -> np.ndarray:
    """Entropies of joint histograms, plus what they are too small by if both coordinates are independent."""
    found = np.empty(len(joint))
    bins = joint.shape[1]
    table = _logarithms()
    for plane in numba.prange(len(joint)):
        total = 0.0
        rows, columns = np.zeros(bins), np.zeros(bins)
        for a in range(bins):
            inside = 0
            for b in range(bins):
                c = joint[plane, a, b]
                inside += c
                columns[b] += c
                total += table[c] if c < len(table) else c * np.log(np.float64(c))
            rows[a] = inside
        found[plane] = np.log(np.float64(n)) - total / n + _bias(rows, columns, n, expected)
    return found


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _bias(rows: np.ndarray, columns: np.ndarray, n: int, expected: np.ndarray) -> float:
    """The sum over all cells, of margins in vectors."""
    log_n, products = np.log(np.float64(n)), 0.0
    share, log_share = np.empty(len(columns)), np.empty(len(columns))
    filled = 0
    for count in columns:
        if count > 0:
            share[filled], log_share[filled] = count / n, np.log(count) - log_n
            products += count * log_share[filled]
            filled += 1
    total = 0.0
    for count in rows:
        if count > 0:
            p, log_count = count / n, np.log(count)
            products += count * log_count
            for b in range(filled):
                q = share[b]
                mean, less = count * q, p + q - p * q
                if mean < FULL:
                    place = mean * PER_ONE
                    k = int(place)
                    part = place - k
                    value = expected[k, 0] + part * (expected[k + 1, 0] - expected[k, 0])
                    half = expected[k, 1] + part * (expected[k + 1, 1] - expected[k, 1])
                else:
                    value, half = mean * (log_count + log_share[b]) + 0.5 + 1.0 / (12.0 * mean), 0.5
                total += value - less * half
    return float((total - products) / n)  # the sum of mean ln mean over the cells is one of products
