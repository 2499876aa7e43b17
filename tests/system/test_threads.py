"""Blocks in threads: the right order, errors passed on, and BLAS left as it was found."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from zpoints.system import threads as parallel
from zpoints.system.threads import map_ordered, one_blas_thread


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def four_threads(monkeypatch):
    monkeypatch.setattr(parallel, "processors", lambda: 4)


def test_results_come_in_the_order_of_the_items_and_several_are_under_way(four_threads):
    names = set()

    def work(number: int) -> int:
        names.add(threading.current_thread().name)
        time.sleep(0.02 if number % 3 == 0 else 0.001)
        return number**2

    assert list(map_ordered(work, range(40))) == [number**2 for number in range(40)]
    assert len(names) > 1


def test_items_are_taken_by_the_calling_thread_and_only_a_few_ahead(four_threads):
    taken = []

    def items():
        for number in range(100):
            taken.append(threading.current_thread())
            yield number

    results = map_ordered(lambda number: number, items())
    next(results)
    assert len(taken) <= 6
    results.close()
    assert set(taken) == {threading.main_thread()}


def test_large_items_are_not_worked_on_side_by_side(four_threads):
    running, most = [0], [0]

    def work(_: int) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.01)
        running[0] -= 1

    list(map_ordered(work, range(10), bytes_each=1 << 30))
    assert most[0] == 1


def test_an_error_reaches_the_caller_and_blas_gets_its_threads_back(four_threads):
    before = blas_threads()

    def work(number: int) -> int:
        if number == 5:
            raise ValueError("vector 5")
        return number

    with pytest.raises(ValueError, match="vector 5"):
        list(map_ordered(work, range(50)))
    assert blas_threads() == before


def test_blas_gets_its_threads_back_when_users_leave_in_any_order():
    before = blas_threads()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_the_same_product_to_the_last_bit_whatever_the_number_of_threads(monkeypatch):
    x = np.random.default_rng(0).normal(size=(40, 500, 16))
    found = []
    for count in (1, 2, 7):
        monkeypatch.setattr(parallel, "processors", lambda count=count: count)
        found.append(sum(map_ordered(lambda block: block.T @ block, x)))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
