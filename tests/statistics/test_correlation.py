"""Read-outs of a Pearson matrix against plain loops."""

from itertools import combinations

import numpy as np
import pytest

from support import correlated
from zpoints.statistics.correlation import largest_off_diagonal, pairs, strongest_pairs


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_pairs_come_in_the_order_of_combinations(d):
    i, j = pairs(d)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == list(combinations(range(d), 2))


def test_strongest_pairs_and_the_largest():
    pearson = np.corrcoef(correlated(300, 8).T * np.array([[-1], [1]] * 4))
    ranked = sorted(combinations(range(8), 2), key=lambda plane: -abs(pearson[plane]))
    found = strongest_pairs(pearson, 5)
    assert [(i, j) for i, j, _ in found] == ranked[:5]
    assert [r for _, _, r in found] == [pearson[plane] for plane in ranked[:5]]
    assert min(r for _, _, r in found) < 0, "the sign is kept"
    assert largest_off_diagonal(pearson) == abs(pearson[ranked[0]])
    assert len(strongest_pairs(pearson, 100)) == 28


def test_the_diagonal_does_not_count():
    assert largest_off_diagonal(np.array([[1.0, -0.4], [-0.4, 1.0]])) == 0.4
    assert largest_off_diagonal(np.eye(1)) == 0.0
    assert strongest_pairs(np.eye(1), 3) == []
