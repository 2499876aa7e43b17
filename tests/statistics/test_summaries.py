"""One law for all summaries: how the vectors are cut, in which order, and by how many threads, does not matter."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import add
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.statistics.core import CoreStep
from zpoints.statistics.cuts import CutMoments, fwhm_reach
from zpoints.statistics.directions import Projections, random_directions
from zpoints.statistics.histograms import Histograms, fine_bins
from zpoints.statistics.location import Lengths
from zpoints.statistics.moments import Moments
from zpoints.statistics.pca import PCA
from zpoints.statistics.planes import PlaneCounts, PlaneGroup, standardise
from zpoints.statistics.radii import Radii
from zpoints.statistics.ranks import RankSums
from zpoints.statistics.third_moments import ThirdMoments
from zpoints.vectors.reduce import Executor, Into, Serial, Sum, Threads, Through, reduce
from zpoints.vectors.views import LongBlocks, View

BINS = 32


@dataclass(frozen=True)
class Known:
    """What an earlier reading of all vectors has told: every summary may use it, whatever block it is given."""

    moments: Moments
    pca: PCA
    histograms: Histograms

    @classmethod
    def of(cls, x: np.ndarray) -> "Known":
        moments = Moments.of(x)
        pca = PCA.of(moments.mean, moments.covariance, moments.n)
        u = standardise(x, moments.mean, moments.std)
        return cls(moments, pca, Histograms.of(u, *fine_bins(x.shape[1])))

    def standardised(self, block: np.ndarray) -> np.ndarray:
        return standardise(block, self.moments.mean, self.moments.std)

    def reach(self, block: np.ndarray) -> np.ndarray:
        return fwhm_reach(block, self.moments.mean, 2.3548 * self.moments.std)


SUMMARIES: dict[str, Callable[[np.ndarray, Known], Any]] = {
    "moments": lambda x, known: Moments.of(x),
    "histograms": lambda x, known: Histograms.of(known.standardised(x), *fine_bins(x.shape[1])),
    "planes": lambda x, known: PlaneCounts.of(known.standardised(x), known.moments.pearson, BINS),
    "ranks": lambda x, known: RankSums.of(known.standardised(x), known.histograms),
    "lengths": lambda x, known: Lengths.of(x),
    "cut_moments": lambda x, known: CutMoments.of(x, known.reach(x), (0.3, 0.6, 0.9)),
    "core": lambda x, known: CoreStep.of(x, known.pca, 1.4),
    "radii": lambda x, known: Radii.of(known.pca.whiten(x)),
    "third moments": lambda x, known: ThirdMoments.of(known.pca.whiten(x)),
    "projections": lambda x, known: Projections.of(
        known.pca.whiten(x), random_directions(known.pca.rank, 7, seed=0)
    ),
}


def fields(summary: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and every array in a summary, by its full name."""
    if dataclasses.is_dataclass(summary):
        for field in dataclasses.fields(summary):
            if (
                isinstance(summary, Moments) and field.name == "rest"
            ):  # of rounding: only sums of blocks have one
                continue
            yield from fields(getattr(summary, field.name), f"{name}.{field.name}")
    elif isinstance(summary, tuple):
        for place, part in enumerate(summary):
            yield from fields(part, f"{name}[{place}]")
    else:
        yield name, summary


def assert_same(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Counts are equal; other figures up to `tolerance` of the field's largest entry."""
    one, other = dict(fields(found)), dict(fields(expected))
    assert one.keys() == other.keys()
    for name, value in other.items():
        if value is None:
            assert one[name] is None
            continue
        a, b = np.asarray(one[name]), np.asarray(value)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        if b.dtype.kind in "iub":
            np.testing.assert_array_equal(a, b, err_msg=name)
        else:
            # Of vectors of order one: a sum that is nearly 0 is what the rounding of its terms leaves.
            largest = max(1.0, np.abs(b).max(initial=0))
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * largest, err_msg=name)


@pytest.fixture(scope="module", autouse=True)
def threads():  # type: ignore[no-untyped-def]
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def skewed(n: int, d: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    mix = random.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    return random.gamma(2.0, size=(n, d)) @ mix + random.normal(size=d)


@st.composite
def cuts(draw):  # type: ignore[no-untyped-def]
    """A cloud, its blocks in any order, and a number of threads for each block."""
    n, d = draw(st.integers(12, 150)), draw(st.integers(2, 6))
    x = skewed(n, d, draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        x = x.astype(np.float32)
    shuffled = x[np.random.default_rng(draw(st.integers(0, 2**32))).permutation(n)]
    places = sorted(draw(st.sets(st.integers(1, n - 1), max_size=8)))
    blocks = draw(st.permutations(np.split(shuffled, places)))
    threads = [draw(st.integers(1, min(2, numba.config.NUMBA_NUM_THREADS))) for _ in blocks]
    return x, list(zip(blocks, threads, strict=True))


@pytest.mark.parametrize("name", SUMMARIES)
@given(cuts())
@settings(max_examples=25)
def test_any_cut_in_any_order_on_any_threads_gives_the_whole(name, cut):
    x, blocks = cut
    known, of = Known.of(x), SUMMARIES[name]
    whole = of(x, known)
    parts = []
    for block, threads in blocks:
        numba.set_num_threads(threads)
        parts.append(of(block, known))
    numba.set_num_threads(1)
    assert_same(functools.reduce(add, parts), whole)
    assert_same(functools.reduce(lambda a, b: b + a, parts), whole)


@pytest.mark.parametrize("name", SUMMARIES)
def test_long_blocks_on_one_thread_and_on_all(name):
    x = skewed(20_000, 9, 1)
    known, of = Known.of(x), SUMMARIES[name]
    numba.set_num_threads(1)
    alone = of(x, known)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert_same(of(x, known), alone, 1e-13)
    halves = of(np.asfortranarray(x[7777:]), known) + of(x[:7777], known)
    assert_same(halves, alone)


@pytest.mark.parametrize("name", SUMMARIES)
def test_adding_leaves_both_parts_as_they_were(name):
    x = skewed(400, 3, 2)
    known, of = Known.of(x), SUMMARIES[name]
    a, b = of(x[:150], known), of(x[150:], known)
    a + b  # type: ignore[unused-ignore]
    assert_same(a, of(x[:150], known), 0)
    assert_same(b, of(x[150:], known), 0)


@dataclass(frozen=True)
class Apart:
    """As several machines would add up: each its own run of blocks, then the totals."""

    machines: int

    def total(
        self,
        source: Any,
        work: Sum,
        size: int,
        bytes_each: int,
        advance: Callable[[int], None],
    ) -> Any:
        blocks = list(source.numbered_blocks(size))
        return reduce_totals(work, [work.over(blocks[k :: self.machines]) for k in range(self.machines)])


def reduce_totals(work: Sum, totals: list[Any]) -> Any:
    return functools.reduce(work.join, totals)


EXECUTORS: tuple[Executor, ...] = (Threads(), Serial(), Apart(2), Apart(3))


def accumulated(x: np.ndarray, known: Known) -> dict[str, tuple[Any, Callable[[Any], Any]]]:
    """Summaries that are too large to make anew for each block, and what each is read out by."""
    d = x.shape[1]
    view, group = View.of_components(known.moments), PlaneGroup(0, d - 1, d)
    count = functools.partial(PlaneCounts.count, pearson=view.pearson)
    empty = functools.partial(PlaneCounts.empty, group, BINS)
    long = LongBlocks.into(empty, count, d, len(x))
    return {
        "planes": (Through(view.standardised, Into(empty, count)), lambda found: found),
        "planes, long blocks": (Through(view.standardised, long), lambda found: found.finished()),
        "third moments": (
            Through(known.pca.whiten, Into(functools.partial(ThirdMoments.empty, known.pca.rank))),
            lambda found: found,
        ),
    }


@given(cuts(), st.integers(1, 160), st.sampled_from(EXECUTORS))
@settings(max_examples=50)
def test_all_questions_in_one_reading_are_answered_as_if_each_were_alone(cut, size, executor):
    x, _ = cut
    known = Known.of(x)
    numba.set_num_threads(1)
    alone = tuple(of(x, known) for of in SUMMARIES.values())
    question = tuple(functools.partial(of, known=known) for of in SUMMARIES.values())
    assert_same(reduce(x, question, size=size, executor=executor), alone)


@given(cuts(), st.integers(1, 160), st.sampled_from(EXECUTORS))
@settings(max_examples=50)
def test_what_is_filled_in_place_is_what_is_made_at_once(cut, size, executor):
    x, _ = cut
    known = Known.of(x)
    numba.set_num_threads(1)
    questions = accumulated(x, known)
    answers = reduce(x, tuple(of for of, _ in questions.values()), size=size, executor=executor)
    for (name, (_, read)), answer in zip(questions.items(), answers, strict=True):
        assert_same(read(answer), SUMMARIES[name.partition(",")[0]](x, known))


@pytest.mark.parametrize("size", [100, 7000, 65_536, 70_000])
def test_long_blocks_of_many_vectors(size):
    x = skewed(140_001, 3, 5).astype(np.float32)
    known = Known.of(x)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    of, read = accumulated(x, known)["planes, long blocks"]
    assert_same(read(reduce(x, of, size=size)), SUMMARIES["planes"](x, known))
