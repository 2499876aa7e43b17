"""The budget: what it means, what it refuses, how it is shared out, and the watchman."""

import mmap
import subprocess
import sys
import time

import pytest

from support import line
from zpoints.config import BudgetSettings
from zpoints.errors import BudgetError, UsageError
from zpoints.system import budget
from zpoints.system.budget import Budget, current, require, share, spare, within
from zpoints.system.limits import Limit
from zpoints.system.meter import anonymous_bytes
from zpoints.system.sizes import GIB, MIB
from zpoints.system.stopping import StoppedError, graceful, stop_work

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no RssAnon")
MACHINE = Limit(10 * GIB, "the machine")


def test_auto_is_four_fifths_of_what_is_allowed() -> None:
    found = Budget.of(BudgetSettings(), MACHINE)
    assert found == Budget(8 * GIB, "80% of what the machine allows")
    assert found.words == "8.0 GiB"


def test_what_is_given_counts() -> None:
    found = Budget.of(BudgetSettings(ram="4GiB", vram="15GB"), MACHINE)
    assert (found.ram, found.vram) == (4 * GIB, 15 * 10**9)


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Budget.of(BudgetSettings(ram="11GiB"), MACHINE)
    assert "the machine allows 10.0 GiB" in line(caught.value)


def test_the_innermost_budget_is_in_force() -> None:
    before = current()
    with within(Budget(4 * GIB, "--ram")):
        assert current().ram == 4 * GIB
        with within(Budget(3 * GIB, "--ram")):
            assert current().ram == 3 * GIB
        assert current().ram == 4 * GIB
    assert current() == before


@linux
def test_what_is_spare_is_what_the_process_does_not_have() -> None:
    with within(Budget(4 * GIB, "--ram")):
        assert spare() == pytest.approx(4 * GIB - anonymous_bytes(), abs=8 * MIB)  # type: ignore[operator]


@linux
def test_a_share_is_no_more_than_half_of_what_is_spare() -> None:
    with within(Budget(anonymous_bytes() + 200 * MIB, "--ram")):  # type: ignore[operator]
        assert share(50 * MIB) == 50 * MIB
        assert share(GIB) == pytest.approx(100 * MIB, abs=8 * MIB)
        assert share(GIB, part=0.25) == pytest.approx(50 * MIB, abs=8 * MIB)
        assert share(GIB, least=150 * MIB) == 150 * MIB


def test_without_a_limit_everybody_gets_what_he_wishes() -> None:
    with within(Budget(None, "no limit is known")):
        assert share(1 << 50) == 1 << 50
        require(1 << 50, "all")


@linux
def test_too_little_is_refused_with_what_would_do() -> None:
    has = anonymous_bytes()
    assert has is not None
    with within(Budget(has + 100 * MIB, "--ram")):
        require(60 * MIB, "training")
        with pytest.raises(BudgetError) as caught:
            require(500 * MIB, "training", "choose fewer channels")
    text = line(caught.value)
    assert "choose fewer channels" in text
    offered = int(text.partition("--ram ")[2].partition("MiB")[0])
    assert has / MIB + 500 <= offered < 1.1 * (has / MIB + 500) + 20
    with within(Budget(offered * MIB, "--ram")):
        require(500 * MIB, "training")


def eat(size: int, seconds: float = 5.0) -> None:
    """Take memory, and wait for the watchman."""
    with mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.write(bytes(size))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)


@linux
def test_work_that_outgrows_its_budget_is_stopped() -> None:
    ram = anonymous_bytes() + 100 * MIB  # type: ignore[operator]
    with pytest.raises(KeyboardInterrupt), within(Budget(ram, "--ram")):
        eat(300 * MIB)


@linux
def test_work_that_stops_by_itself_is_asked() -> None:
    ram = anonymous_bytes() + 150 * MIB  # type: ignore[operator]
    with within(Budget(ram, "--ram")), graceful() as stop:
        eat(200 * MIB, 0.5)
        assert stop.asked
        with pytest.raises(StoppedError) as caught:
            stop.now()
    assert caught.value.exit_status == 1
    assert "larger --ram" in str(caught.value)


@linux
def test_the_command_line_says_why_it_stopped() -> None:
    code = """
import sys, numpy as np, time
from zpoints.cli import commands as cli
from zpoints.cli import options
from zpoints.system.sizes import MIB
def greedy(*args, **options):
    block = np.ones(400 * MIB, np.uint8)
    time.sleep(5)
import zpoints.images.prepare
zpoints.images.prepare.prepare = greedy
sys.argv = ["zpoints", "prepare", "faces", "nowhere", "--ram", "300MiB"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the work took ")
    assert done.stderr.count("\n") == 1
    assert "its budget is 300 MiB (--ram)" in done.stderr


@linux
def test_a_machine_without_memory_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ram_left_share", lambda: 0.01)
    with within(Budget(20 * GIB, "--ram")), graceful() as stop:
        until = time.monotonic() + 5
        while not stop.asked and time.monotonic() < until:
            time.sleep(0.01)
        assert "end other programs" in str(stop.error)


def test_asked_a_second_time_work_is_interrupted_at_once() -> None:
    def insist() -> None:
        stop_work("first")
        stop_work("second")
        time.sleep(1)

    with pytest.raises(StoppedError, match="second"), graceful():
        insist()
