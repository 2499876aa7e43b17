r"""What two components share beyond their linear correlation, from the joint histogram of every plane.

References
----------
T. Cover, J. Thomas, Elements of Information Theory, 2nd ed. (2006), chapter 8, https://doi.org/10.1002/047174882X
G. Miller, Note on the bias of information estimates (1955), in Information Theory in Psychology.
"""

import numba
import numpy as np
from jaxtyping import Float

from zpoints.statistics.planes import PlaneCounts

__all__ = ["mutual_information_excess"]


def mutual_information_excess(counts: PlaneCounts) -> Float[np.ndarray, " p"]:
    r"""Mutual information of each pair minus that of a normal pair with the same r, in nats.

    A normal pair has :math:`I = -\frac12 \ln(1 - r^2)`. In the round coordinates (u, w) of `planes` that term and
    the cell sizes drop out, and what is left is a difference of three entropies,

    .. math:: I(x_i, x_j) + \tfrac12 \ln(1 - r^2) = H(u_i) + H(u_j) - H(u_i, w),

    all of them over bins of one width. Each is corrected by (occupied cells - 1) / 2n (Miller 1955). For every normal
    pair and every independent pair it is 0, but for noise and for what Miller's correction leaves of the bias: 0.002
    nats for 170,000 vectors, 0.012 for 30,000. `measures.Noise` tells that rest; the table of planes is free of it.
    """
    single = _entropies(counts.marginal.astype(np.int64), counts.n)
    joint = _entropies(counts.joint.reshape(len(counts.joint), -1), counts.n)
    i, j = counts.group.pairs
    first = counts.group.first
    return single[i - first] + single[j - first] - joint


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _entropies(counts: np.ndarray, n: int) -> np.ndarray:
    found = np.empty(len(counts))
    # Most cells hold few vectors: their logarithms are looked up.
    table = np.zeros(4096)
    for c in range(2, len(table)):
        table[c] = c * np.log(c)
    for row in numba.prange(len(counts)):
        total, occupied = 0.0, 0
        for cell in range(counts.shape[1]):
            c = counts[row, cell]
            occupied += c > 0
            if c < len(table):
                total += table[c]
            else:
                total += c * np.log(np.float64(c))
        found[row] = np.log(np.float64(n)) - total / n + (occupied - 1) / (2.0 * n)
    return found
