"""The search for the number of threads that pays, on a machine that is only simulated, and on this one."""

import math
import os
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from zpoints.config import BudgetSettings
from zpoints.system.budget import Budget, within
from zpoints.system.load import OtherPrograms
from zpoints.system.pace import Pace, Search
from zpoints.system.thread_count import fixed_threads, processors, with_threads

WAITING = 15.0  # times as long a step takes that waits for a processor which another program has


@dataclass
class Machine:
    """A clock, processors, and other programs that keep some of them busy."""

    processors: int
    busy: int = 0
    step: float = 0.1  # seconds of one thread
    told: bool = True
    now: float = 0.0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def clock(self) -> float:
        return self.now

    def others(self) -> float | None:
        return self.busy + self.random.uniform(0, 0.1) if self.told else None

    def seconds(self, threads: int) -> float:
        parts = self.step / threads + 0.01
        waits = threads > max(self.processors - self.busy, 1)
        return parts * (WAITING if waits else 1.0) * self.random.uniform(0.97, 1.05)

    def work(self, search: Search, seconds: float) -> float:
        """Steps for so long; the share of the speed that the best number of threads would have had."""
        end, steps, begun = self.now + seconds, 0, self.now
        while self.now < end:
            taken = self.seconds(search.threads)
            self.now += taken
            search.done(taken)
            steps += 1
        free = max(self.processors - self.busy, 1)
        return steps * (self.step / free + 0.01) / (self.now - begun)


@pytest.fixture(params=[True, False], ids=["others known", "by the clock alone"])
def machine(request: pytest.FixtureRequest) -> Machine:
    return Machine(2, told=request.param)


def search_on(machine: Machine) -> Search:
    return Search(machine.processors, machine.others, machine.clock)


def test_a_quiet_machine_works_with_all_threads_and_tries_nothing_else() -> None:
    machine = Machine(8)
    search, used = search_on(machine), set()
    for _ in range(2000):
        used.add(search.threads)
        taken = machine.seconds(search.threads)
        machine.now += taken
        search.done(taken)
    assert used == {8}


@dataclass
class Lenient(Machine):
    """After a pause, the system gives all threads their turn at once for a while."""

    credit: float = 0.0

    def seconds(self, threads: int) -> float:
        busy, self.busy = self.busy, 0 if self.credit > 0 else self.busy
        found = super().seconds(threads)
        self.busy, self.credit = busy, self.credit - found
        return found


def test_a_try_that_all_threads_win_after_a_pause_does_not_count_for_long() -> None:
    machine = Lenient(2, busy=1, step=0.04)
    search, shares = search_on(machine), []
    for _ in range(8):
        machine.credit = 0.3
        shares.append(machine.work(search, 5.0))
        machine.now += 15.0
    assert shares[0] > 0.7  # it has to find out first
    assert min(shares[1:]) > 0.93


@pytest.mark.parametrize("step", [0.002, 0.1, 0.5])
def test_two_processors_of_which_one_is_busy(machine: Machine, step: float) -> None:
    machine.busy, machine.step = 1, step
    search = search_on(machine)
    machine.work(search, 30 * WAITING * step)
    assert search.chosen == 1
    assert machine.work(search, 600.0) > 0.93


def test_what_comes_and_goes_is_noticed(machine: Machine) -> None:
    search = search_on(machine)
    assert machine.work(search, 60.0) > 0.95
    for _ in range(3):
        machine.busy = 1
        machine.work(search, 15.0)
        assert search.chosen == 1
        machine.busy = 0
        machine.work(search, 5.0 if machine.told else 80.0)
        assert search.chosen == 2
        assert machine.work(search, 60.0) > 0.95


@pytest.mark.parametrize("busy", [1, 3, 6, 8])
def test_many_processors_some_of_them_busy(busy: int) -> None:
    machine = Machine(16, busy=busy)
    search = search_on(machine)
    machine.work(search, 30.0)
    free = machine.processors - busy
    assert search.chosen == free
    assert machine.work(search, 300.0) > 0.93


def test_more_threads_that_do_not_pay_are_not_tried_all_the_time() -> None:
    machine = Machine(2, told=False)
    search = search_on(machine)
    machine.work(search, 5.0)
    machine.busy = 1
    machine.work(search, 300.0)
    tried, now = 0, machine.now
    while machine.now < now + 600:
        tried += search.threads == 2
        taken = machine.seconds(search.threads)
        machine.now += taken
        search.done(taken)
    assert tried <= 600 / 64 + 1


def test_noise_alone_does_not_take_threads_away() -> None:
    machine = Machine(2, busy=0, told=True)
    search = search_on(machine)
    for _ in range(5000):
        taken = machine.seconds(search.threads) * (3.0 if machine.random.random() < 0.05 else 1.0)
        machine.now += taken
        search.done(taken)
    assert search.chosen == 2


def test_one_thread_is_all_there_is() -> None:
    search = Search(1, lambda: 5.0)
    for _ in range(100):
        search.done(1.0)
    assert search.threads == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="known on Linux alone")
def test_other_programs_are_counted_without_this_one() -> None:
    others = OtherPrograms()
    assert math.isnan(others.processors), "nothing has been seen yet"
    time.sleep(0.12)
    found = others.processors
    assert 0 <= found <= processors() + 0.5
    others.begin()
    assert math.isnan(others.processors), "what was before a pause is forgotten"


def test_nothing_is_tried_before_others_were_seen() -> None:
    machine = Machine(2, busy=1)
    search = Search(2, lambda: math.nan, machine.clock)
    for _ in range(300):
        machine.now += 0.1
        search.done(0.1)
        assert search.threads == 2
        assert not search.tries


def test_steps_leave_torch_as_it_was() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    pace = Pace()
    search = pace._search("a step", before)
    search.threads = search.chosen = 1
    with pace.step("a step"):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pace:
        with pace.step("a step"):
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_fixed_number_of_threads_is_kept() -> None:
    torch = pytest.importorskip("torch")
    before, there = torch.get_num_threads(), processors()
    with within(Budget.of(BudgetSettings(threads=1))):
        assert fixed_threads() == processors() == 1
        with Pace().step("a step"):
            assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), processors(), fixed_threads()) == (before, there, None)


def test_more_threads_than_processors_can_be_asked_for() -> None:
    torch = pytest.importorskip("torch")
    with with_threads(3):
        assert torch.get_num_threads() == 3


def test_without_torch_a_step_is_just_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    pace = Pace()
    with pace, pace.step("a step"):
        done = True
    assert done
    assert not pace.searches
