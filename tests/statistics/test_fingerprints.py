"""Equal vectors have equal fingerprints, others others; parts are dealt by content."""

import numpy as np
import pytest

from zpoints.statistics.fingerprints import deal, fingerprints


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_as_many_fingerprints_as_numpy_finds_different_rows(dtype):
    x = random(0).normal(0, 3, (5000, 2)).astype(dtype)
    x = np.concatenate([x, x[:700], np.asfortranarray(x[::-1])])
    _, expected = np.unique(x, axis=0, return_inverse=True)
    _, found = np.unique(fingerprints(x), return_inverse=True)
    pairs = np.unique(np.column_stack([expected.ravel(), found]), axis=0)
    assert len(pairs) == expected.max() + 1 == found.max() + 1


def test_small_whole_numbers_and_signs_do_not_collide():
    x = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 4), axis=-1).reshape(-1, 4)
    assert len(np.unique(fingerprints(x))) == len(x) == 19**4
    assert fingerprints(np.array([[-0.0, 1.0]])) == fingerprints(np.array([[0.0, 1.0]]))
    assert len(np.unique(fingerprints(np.eye(300)))) == 300


def test_equal_contents_have_one_part_and_one_key_in_any_order():
    prints = fingerprints(random(1).normal(size=(900, 3)))
    a, b = prints[:600], random(2).permutation(prints[200:])
    for parts in (2, 8):
        first, second = deal(a, b, parts, random(3))
        for dealt, of in ((first, a), (second, b)):
            sizes = np.bincount(dealt.part, minlength=parts)
            assert sizes.max() - sizes.min() <= 1
            np.testing.assert_array_equal(dealt.shared, np.isin(of, b if of is a else a))
        known = dict(zip(a.tolist(), zip(first.part, first.key, strict=True), strict=True))
        common = [
            (known[p], (part, key))
            for p, part, key in zip(b.tolist(), second.part, second.key, strict=True)
            if p in known
        ]
        assert len(common) == 400
        assert all(mine == other for mine, other in common)
    again, _ = deal(a[::-1], b, 8, random(3))
    np.testing.assert_array_equal(again.part[::-1], deal(a, b, 8, random(3))[0].part)
    np.testing.assert_array_equal(a[::-1][again.sample(50)], a[deal(a, b, 8, random(3))[0].sample(50)])


def test_doubled_vectors_share_a_part_and_those_of_a_discrete_law_are_dealt_singly():
    doubled = np.repeat(fingerprints(random(4).normal(size=(200, 3))), 2)
    first, second = deal(doubled, fingerprints(random(5).normal(size=(100, 3))), 8, random(0))
    assert (first.repeats, second.repeats, first.tied, second.tied) == (200, 0, True, False)
    assert (first.part[::2] == first.part[1::2]).all()
    discrete = fingerprints(random(6).integers(2, size=(1000, 3)))
    first, second = deal(discrete, discrete, 8, random(0))
    assert np.ptp(np.bincount(first.part, minlength=8)) <= 1
    np.testing.assert_array_equal(first.part, second.part)
    assert all(len(np.unique(first.part[discrete == one])) == 8 for one in np.unique(discrete))
    few = np.arange(80, dtype=np.uint64) % 10  # ten contents of eight copies: parts would be empty
    assert np.bincount(deal(few, few + 5, 8, random(0))[0].part, minlength=8).min() > 0
