"""One reduce: any question, any cut into blocks and any executor give what the whole array gives."""

import ast
import itertools
import pickle
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zpoints
from zpoints.errors import ArrayError
from zpoints.vectors import reduce as reduce_module
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import Into, Numbered, Serial, Sum, Threads, Through, collect, reduce, rows

X = np.arange(60.0).reshape(20, 3)


class Pieces:
    """An executor as one on other machines would be: each adds up its own run of blocks, the totals are joined."""

    def __init__(self, machines: int) -> None:
        self.machines = machines

    def total(self, source, work, size, bytes_each, advance):  # type: ignore[no-untyped-def]
        work = pickle.loads(pickle.dumps(work))  # what a machine is sent
        blocks = list(source.numbered_blocks(size))
        cuts = np.linspace(0, len(blocks), self.machines + 1).astype(int)
        totals = [work.over(blocks[a:b]) for a, b in itertools.pairwise(cuts)]
        advance(source.n)
        total = totals[0]
        for other in totals[1:]:
            total = work.join(total, other)
        return total


def column_sums(block):  # type: ignore[no-untyped-def]
    return block.sum(axis=0)


def of_even(block):  # type: ignore[no-untyped-def]
    even = block[block[:, 0] % 2 == 0]
    return even.sum(axis=0) if len(even) else None


def places(start, block):  # type: ignore[no-untyped-def]
    return float(np.sum((start + np.arange(len(block))) * block[:, 1]))


def doubled(block):  # type: ignore[no-untyped-def]
    return 2 * block


class Filling:
    """A summary that is added to in place."""

    def __init__(self) -> None:
        self.value = np.zeros(3)

    def add(self, block):  # type: ignore[no-untyped-def]
        self.value += block.sum(axis=0)

    def __add__(self, other):  # type: ignore[no-untyped-def]
        both = Filling()
        both.value = self.value + other.value
        return both


def subtract(total, block):  # type: ignore[no-untyped-def]
    total.value -= block.sum(axis=0)


QUESTION = (
    column_sums,
    (of_even, Numbered(places)),
    Through(doubled, (column_sums, Through(doubled, Into(Filling)), Into(Filling, subtract))),
)


def check(answer, x):  # type: ignore[no-untyped-def]
    total, (even, placed), (twice, filled, negative) = answer
    np.testing.assert_allclose(total, x.sum(axis=0))
    np.testing.assert_allclose(even, x[x[:, 0] % 2 == 0].sum(axis=0))
    assert placed == pytest.approx(float(np.arange(len(x)) @ x[:, 1]))
    np.testing.assert_allclose(twice, 2 * x.sum(axis=0))
    np.testing.assert_allclose(filled.value, 4 * x.sum(axis=0))
    np.testing.assert_allclose(negative.value, -2 * x.sum(axis=0))


@given(
    st.integers(1, 60),
    st.integers(1, 70),
    st.sampled_from([Threads(), Serial(), Pieces(1), Pieces(2), Pieces(5)]),
    st.booleans(),
)
def test_any_cut_and_any_executor_give_the_whole(n, size, executor, chosen):
    x = np.arange(3.0 * n).reshape(n, 3)
    numbers = np.arange(0, n, 2)
    source = LatentSet.open(x, numbers) if chosen and len(numbers) > 1 else x
    check(reduce(source, QUESTION, size=size, executor=executor), x[numbers] if source is not x else x)


def test_one_question_has_one_answer_and_a_tuple_a_tuple():
    np.testing.assert_array_equal(reduce(X, column_sums), X.sum(axis=0))
    (answer,) = reduce(X, (column_sums,))
    np.testing.assert_array_equal(answer, X.sum(axis=0))
    assert reduce(X, ()) == ()
    assert reduce(X, lambda block: None) is None


def test_a_block_is_read_and_transformed_once_for_all_questions():
    made, read = [], []

    class Counting:
        n, dimension = 20, 3

        def numbered_blocks(self, size):  # type: ignore[no-untyped-def]
            for start in range(0, 20, size):
                read.append(start)
                yield start, X[start : start + size]

    def make(block):  # type: ignore[no-untyped-def]
        made.append(len(block))
        return -block

    one, other = reduce(
        Counting(), (Through(make, column_sums), (Through(make, Into(Filling)),)), size=6, executor=Serial()
    )
    assert read == [0, 6, 12, 18]
    assert made == [6, 6, 6, 2]
    np.testing.assert_array_equal(one, -X.sum(axis=0))
    np.testing.assert_array_equal(other[0].value, -X.sum(axis=0))


def test_what_is_added_in_place_is_added_by_the_caller_in_order():
    order, threads = [], set()

    def add(total, part):  # type: ignore[no-untyped-def]
        order.append(part)
        threads.add(threading.current_thread())

    reduce(X, Through(Numbered(lambda start, block: start), Into(list, add)), size=3)
    assert order == list(range(0, 20, 3))
    assert threads == {threading.main_thread()}


def test_threads_give_the_same_to_the_last_bit():
    x = np.random.default_rng(0).normal(size=(5000, 7))
    one, other = (reduce(x, column_sums, size=64, executor=each) for each in (Threads(), Serial()))
    np.testing.assert_array_equal(one, other)


def test_progress_and_what_stops_the_work():
    class Progress:
        def __init__(self) -> None:
            self.told: list = []

        @contextmanager
        def task(self, label, total, unit="images", done=0):  # type: ignore[no-untyped-def]
            self.told.append((label, total, unit))
            yield self

        def advance(self, amount=1, note=""):  # type: ignore[no-untyped-def]
            self.told.append(amount)

    progress = Progress()
    reduce(X, column_sums, size=8, label="sums", progress=progress)  # type: ignore[arg-type]
    assert progress.told == [("sums", 20, "vectors"), 8, 8, 4]

    def advance(count):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduce(X, column_sums, size=8, advance=advance)


def test_an_error_in_a_block_reaches_the_caller():
    def of(start, block):  # type: ignore[no-untyped-def]
        if start:
            raise ArrayError(f"vector {start}")
        return 1

    with pytest.raises(ArrayError, match="vector 7"):
        reduce(X, Numbered(of), size=7)


def test_large_work_is_done_by_fewer_threads(monkeypatch):
    asked = []

    def spy(work, items, bytes_each=0):  # type: ignore[no-untyped-def]
        asked.append(bytes_each)
        return map(work, items)

    monkeypatch.setattr(reduce_module, "map_ordered", spy)
    reduce(X, column_sums, size=5, besides=1000)
    reduce(X, column_sums)
    assert asked == [3 * 8 * 5 * 3 + 1000, 3 * 8 * 20 * 3]


@pytest.mark.parametrize("executor", [Threads(), Serial(), Pieces(3)])
def test_rows_come_in_the_order_of_the_vectors(executor):
    if isinstance(executor, Pieces):
        total = Sum(rows(column_sums).of)  # the part that is sent; local functions are cloudpickle's
        joined = total.join(total.over([(0, (0, X[:3]))]), total.over([(3, (3, X[3:]))]))
        np.testing.assert_array_equal(joined.array(), X)
        return
    np.testing.assert_array_equal(collect(X, lambda block: block[:, 1], size=6, executor=executor), X[:, 1])
    numbered = Numbered(lambda start, block: start + np.arange(len(block)))
    np.testing.assert_array_equal(collect(X, numbered, size=6, executor=executor), np.arange(20))


LOOPS = {"blocks", "numbered_blocks", "map_ordered"}
ALLOWED = {"files", "vectors", "images", "models", "system"}
PACKAGE = Path(zpoints.__file__).parent


def loops(source: str) -> set[str]:
    """Names of what goes over blocks that a source calls, imports or hands on; blocks of a network are others."""
    tree, found = list(ast.walk(ast.parse(source))), set()
    called = {id(node.func) for node in tree if isinstance(node, ast.Call)}
    for node in tree:
        if isinstance(node, ast.Attribute) and (node.attr != "blocks" or id(node) in called):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and node.id != "blocks":
            found.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found & LOOPS


def test_the_search_for_loops_finds_them():
    assert loops("for b in z.blocks(3): pass") == {"blocks"}
    assert loops("from zpoints.system.threads import map_ordered as m") == {"map_ordered"}
    assert loops("go = z.numbered_blocks") == {"numbered_blocks"}
    assert loops("blocks = network.blocks") == set()


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_other_loop_over_blocks(path):
    if path.relative_to(PACKAGE).parts[0] not in ALLOWED:
        assert not loops(path.read_text(encoding="utf-8"))


def test_a_partial_of_a_summary_is_a_question():
    assert reduce(X, partial(np.sum, axis=None), size=4) == X.sum()
