"""Clouds that have vectors in common: no difference is found where there is none."""

import numpy as np
import pytest

from zpoints.comparison.classifiers import tell_apart
from zpoints.comparison.compare import compare
from zpoints.comparison.summary import ComparisonSummary


def normal(seed: int, n: int = 500, d: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def clustered(seed: int, n: int = 1200) -> np.ndarray:
    """Four classes, sorted by class as files of pictures often are."""
    random = np.random.default_rng(seed)
    return 3 * np.repeat(random.normal(size=(4, 8)), n // 4, axis=0) + random.normal(size=(n, 8))


def pairs(seed: int):
    """Clouds that differ in no law."""
    z, sorted_ = normal(seed), clustered(seed)
    shuffled = np.random.default_rng(seed).permutation(sorted_)
    return {
        "itself": (z, z),
        "its half": (z, z[:250]),
        "a half and all": (z[250:], z),
        "shuffled": (sorted_, shuffled),
        "a half of a shuffled file": (sorted_, shuffled[:600]),
        "halves of a shuffled file": (shuffled[:600], shuffled[600:]),
        "in part": (z[:300], z[200:]),
        "each vector twice": (np.repeat(z, 2, axis=0), normal(seed + 1000, 1000)),
    }


@pytest.mark.parametrize("name", ["itself", "its half", "a half and all", "in part"])
def test_no_difference_is_found(name):
    a, b = pairs(0)[name]
    found = compare(a, b)
    assert found.differ_in == ()
    equal = found.summary.equal_vectors
    count = len(np.intersect1d(a[:, 0], b[:, 0]))
    assert equal.to_dict() == {"shared_a": count, "shared_b": count, "repeats_a": 0, "repeats_b": 0}
    assert found.verdict[1].startswith(
        f"Equal vectors: {count} of A's {len(a)} stand in B too, and {count} of B's"
    )
    assert all(row.accuracy < 0.5 + 3.3 * 0.5 / np.sqrt(row.n) for row in found.summary.classifiers)


def test_a_shuffled_file_is_the_same_cloud_in_every_figure():
    a, b = pairs(0)["shuffled"]
    found, same = compare(a, b).summary, compare(a, a).summary
    assert found.differ_in == ()
    assert (found.a.regions, found.a.clusters) == (found.b.regions, found.b.clusters)
    for row, other in zip(found.classifiers, same.classifiers, strict=True):
        assert row.accuracy == other.accuracy == 0.5


@pytest.mark.slow
def test_no_difference_is_found_in_any_of_many_clouds():
    alarms = {
        (seed, name) for seed in range(12) for name, both in pairs(seed).items() if compare(*both).differ_in
    }
    assert len(alarms) <= 1, alarms  # one in a thousand each, seven tests of it


@pytest.mark.slow
def test_its_half_of_many_vectors():
    z = normal(0, 9000, 256)
    found = compare(z, z[:4500])
    assert found.differ_in == ()
    assert found.summary.classifiers[0].accuracy < 0.53  # 66.5 % where parts were dealt by place


def test_a_difference_is_found_among_vectors_in_common():
    z, other = normal(0, 1000, 4), normal(1, 1000, 4)
    other[:, 2] += 1
    found = compare(np.concatenate([z, other]), z)
    assert {"mean", "classifier"} <= set(found.differ_in)
    assert found.summary.equal_vectors.shared_a == 1000


def test_repeats_are_counted_and_said():
    z = normal(3, 400, 4)
    found = compare(np.concatenate([z, z[:90]]), normal(4, 400, 4))
    assert found.differ_in == ()
    assert found.summary.equal_vectors.repeats_a == 90
    assert found.verdict[1].startswith("Repeats: 90 of A's 490 equal an earlier one")


def test_classifiers_never_test_on_a_vector_that_trained():
    """Each vector twice: a classifier that remembers would be right each time."""
    a, b = (np.repeat(normal(seed, 300, 3), 2, axis=0) for seed in (0, 1))
    seen = []
    tell_apart(a, b, lambda x: seen.append(x) or x, 0)
    train, test = (set(x[:, 0].tolist()) for x in seen)
    assert not train & test
    assert len(seen[0]) + len(seen[1]) == pytest.approx(1200, abs=8)


@pytest.mark.parametrize("seed", range(3))
def test_regions_that_are_counted_by_chance_are_no_difference(seed):
    one_hot = np.eye(10)[np.random.default_rng(seed).integers(10, size=1000)]
    assert "regions" not in compare(one_hot[:500], one_hot[500:]).differ_in


def test_a_result_of_before_is_read():
    content = compare(normal(0, 200, 3), normal(1, 200, 3)).summary.to_dict()
    del content["equal_vectors"], content["a"]["regions_of_halves"], content["b"]["regions_of_halves"]
    old = ComparisonSummary.from_dict({**content, "version": 2}, "the test")
    assert old.equal_vectors is None
    assert old.a.regions_of_halves == ()
