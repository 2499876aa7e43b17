"""Moments of the same vectors, summed in different ways."""

import numpy as np

from zpoints.statistics.moments import Moments


def assert_same_moments(a: Moments | None, b: Moments) -> None:
    """Equal to 1e-12 of the natural scale of each figure."""
    assert a is not None
    assert a.n == b.n
    spread = np.sqrt(np.diagonal(b.scatter) / b.n)
    spread = np.where(spread > 0, spread, 1.0)
    assert np.abs((a.mean - b.mean) / (np.abs(b.mean) + spread)).max() <= 1e-12
    assert np.abs((a.scatter - b.scatter) / spread / spread[:, None]).max() <= 1e-12 * b.n
    assert np.abs((a.third - b.third) / spread**3).max() <= 1e-12 * b.n**1.5
    assert np.abs((a.fourth - b.fourth) / spread**4).max() <= 1e-12 * b.n**2
