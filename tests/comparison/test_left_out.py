"""Components that are constant in one of two clouds, or in both."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from support import correlated, line
from zpoints.comparison.compare import compare
from zpoints.comparison.result import Comparison
from zpoints.errors import ArrayError

FIGURES = ("frechet", "correlation_difference", "subspaces", "distance", "classifiers")
N = 600


def clouds() -> tuple[np.ndarray, np.ndarray]:
    both = correlated(2 * N, 6).astype(np.float32)
    return both[:N].copy(), both[N:].copy()


def plain(a: np.ndarray, b: np.ndarray, kept: list[int]) -> Comparison:
    """The oracle: the comparison of clouds that never had the other components."""
    return compare(a[:, kept].copy(), b[:, kept].copy())


def test_dead_in_both():
    a, b = clouds()
    a[:, [0, 4]] = b[:, [0, 4]] = [0.0, 2.5]
    found, expected = compare(a, b), plain(a, b, [1, 2, 3, 5])
    for name in FIGURES:
        assert found.summary[name] == expected.summary[name], name
    assert found.summary.a["mean_length"] == pytest.approx(expected.summary.a["mean_length"], abs=1e-12)
    assert found.differ_in == expected.differ_in
    assert (found.summary.a.d, found.summary.a.dimension) == (6, 4)
    table = found.components.set_index("component")
    place = {1: 0, 2: 1, 3: 2, 5: 3}
    living = table.drop(index=[0, 4]).rename(index=place).sort_index()
    other = expected.components.set_index("component").sort_index()
    pd.testing.assert_frame_equal(living, other)
    assert found.components["component"].tolist()[-2:] == [0, 4], "no difference: they come last"
    assert table.loc[[0, 4], "mean_a"].tolist() == [0.0, 2.5]
    assert [(row.component, row.value_a, row.value_b, row.p) for row in found.summary.left_out] == [
        (0, 0.0, 0.0, 1.0),
        (4, 2.5, 2.5, 1.0),
    ]
    assert "of 6 components, 2 in both clouds (0, 4) are constant" in found.verdict[1]
    numbers = {number for row in found.summary.correlations.pairs for number in (row.i, row.j)}
    assert numbers <= {1, 2, 3, 5}


@pytest.mark.parametrize("swapped", [False, True])
def test_dead_in_one(swapped):
    a, b = clouds()
    a[:, 2] = 0.0
    b[:, 2] = np.maximum(b[:, 2], 0)
    found = compare(b, a) if swapped else compare(a, b)
    (row,) = found.summary.left_out
    assert row.component == 2
    assert (row.value_a, row.value_b) == ((None, 0.0) if swapped else (0.0, None))
    assert (row.std_b, row.std_a)[swapped] == pytest.approx(b[:, 2].std(ddof=1), rel=1e-6)
    firing = int((b[:, 2] != 0).sum())
    assert row.p == pytest.approx(comb(N, firing) / comb(2 * N, firing), rel=1e-6)
    assert "dead components" in found.differ_in
    assert found.components["component"][0] == 2, "what differs comes first"
    assert found.components["dead_b" if swapped else "dead_a"].tolist() == [True] + [False] * 5
    text = " ".join(found.verdict)
    assert "component 2 most clearly: it" in text
    assert "is always 0" in text
    for name in FIGURES:
        expected = plain(a, b, [0, 1, 3, 4, 5]) if not swapped else plain(b, a, [0, 1, 3, 4, 5])
        assert found.summary[name] == expected.summary[name], name


def test_one_vector_more_than_none_is_no_difference():
    a, b = clouds()
    a[:, 2] = b[:, 2] = 0.0
    b[77, 2] = 0.5
    found = compare(a, b)
    assert found.summary.left_out[0].p == pytest.approx(0.5)
    assert "dead components" not in found.differ_in
    assert found.components["component"].iloc[-1] == 2


def test_other_constants_differ():
    a, b = clouds()
    a[:, 2], b[:, 2] = 0.0, 1.0
    found = compare(a, b)
    assert found.summary.left_out[0].p < 1e-100
    assert "it is always 0 in A and is always 1 in B" in " ".join(found.verdict)


def test_files_and_figures(tmp_path):
    a, b = clouds()
    a[:, 2] = 0.0
    found = compare(a, b)
    found.save(tmp_path)
    loaded = Comparison.load(tmp_path)
    assert loaded.summary == found.summary
    pd.testing.assert_frame_equal(loaded.components, found.components)
    assert loaded.plot.differences() is not None


def test_nothing_that_varies_in_both():
    a, b = clouds()
    a[:, :3], b[:, 3:] = 0.0, 0.0
    with pytest.raises(ArrayError, match="no component varies in both") as error:
        compare(a, b)
    line(error.value)
