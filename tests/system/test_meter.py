"""What work costs: time and the peak of anonymous memory."""

import mmap
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from zpoints.system import meter as meter_module
from zpoints.system.meter import Meter, anonymous_bytes, kept_memory, processor_name, return_freed_memory
from zpoints.system.sizes import MIB

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no RssAnon")


@linux
def test_anonymous_memory_grows_with_what_is_touched(tmp_path):
    before = anonymous_bytes()
    # Straight from the kernel: the allocator may still hold freed memory that counts already.
    with mmap.mmap(-1, 48 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.write(bytes(48 * MIB))
        assert before is not None
        assert 44 * MIB < anonymous_bytes() - before < 110 * MIB  # type: ignore[operator]


@linux
def test_pages_of_a_mapped_file_do_not_count(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(48 * MIB, np.uint8))
    before = anonymous_bytes()
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert mapped[::1024].sum() == 48 * 1024
    assert anonymous_bytes() - before < 16 * MIB  # type: ignore[operator]


@linux
def test_a_meter_sees_a_peak_that_has_gone():
    before = anonymous_bytes() / MIB  # type: ignore[operator]
    with Meter(every=0.005) as meter:
        block = np.ones(96 * MIB, np.uint8)
        time.sleep(0.15)
        del block
        time.sleep(0.05)
    cost = meter.cost
    assert 80 < cost.peak_ram_mib - before < 160  # type: ignore[operator]
    assert 0.2 <= cost.seconds < 2
    assert cost.peak_ram_mib > anonymous_bytes() / MIB + 40  # type: ignore[operator]


def test_a_meter_ends_when_the_work_fails():
    meter = Meter()

    def fail() -> None:
        with meter:
            raise KeyError("work")

    with pytest.raises(KeyError):
        fail()
    assert watchers() == []


def watchers() -> list[threading.Thread]:
    """The threads that look at the memory, once those that are ending have ended."""
    found = [thread for thread in threading.enumerate() if thread.name == "zpoints-meter"]
    for thread in found:
        thread.join(2)
    return [thread for thread in found if thread.is_alive()]


@linux
def test_windows_inside_each_other_share_one_thread_and_keep_their_own_peaks():
    def touch(size: int) -> None:
        block = np.ones(size * MIB, np.uint8)
        time.sleep(0.1)
        del block

    with Meter() as outer:
        with Meter(every=0.005) as first:
            touch(120)
        with Meter(every=0.005) as second:
            touch(40)
            assert len([t for t in threading.enumerate() if t.name == "zpoints-meter"]) == 1
    assert first.cost.peak_ram_mib - second.cost.peak_ram_mib > 60  # type: ignore[operator]
    assert outer.cost.peak_ram_mib >= first.cost.peak_ram_mib  # type: ignore[operator]
    assert outer.cost.seconds >= first.cost.seconds + second.cost.seconds - 0.01
    assert watchers() == []


def test_the_cost_of_a_closed_window_stays():
    with Meter() as meter:
        pass
    before = meter.cost
    time.sleep(0.02)
    assert meter.cost == before


def test_a_window_is_told_at_its_own_pace():
    looks: list[int] = []
    with Meter(every=0.1, tell=looks.append), Meter(every=0.002):
        time.sleep(0.5)
    assert 3 <= len(looks) <= 8


class FakeCuda:
    """PyTorch's two numbers: what is held now, and the most since the last reset."""

    def __init__(self) -> None:
        self.now = self.most = self.resets = 0

    def hold(self, size: int) -> None:
        self.now = size
        self.most = max(self.most, size)

    def max_memory_allocated(self) -> int:
        return self.most

    def reset_peak_memory_stats(self) -> None:
        self.most, self.resets = self.now, self.resets + 1


def test_each_window_keeps_its_own_peak_of_the_gpu(monkeypatch):
    cuda = FakeCuda()
    monkeypatch.setattr(meter_module, "_cuda", lambda: cuda)
    cuda.hold(900 * MIB)  # before any window
    cuda.hold(10 * MIB)
    with Meter() as training:
        cuda.hold(50 * MIB)
        peaks = []
        for peak in (300, 700, 200):  # epochs
            cuda.hold(20 * MIB)
            with Meter() as epoch:
                cuda.hold(peak * MIB)
                cuda.hold(20 * MIB)
            peaks.append(epoch.cost.peak_vram_mib)
        cuda.hold(60 * MIB)
        assert training.cost.peak_vram_mib == 700
    cuda.hold(5000 * MIB)  # after it
    assert peaks == [300, 700, 200]
    assert epoch.cost.peak_vram_mib == 200
    assert training.cost.peak_vram_mib == 700


def test_windows_may_overlap(monkeypatch):
    cuda = FakeCuda()
    monkeypatch.setattr(meter_module, "_cuda", lambda: cuda)
    first, second = Meter(), Meter()
    first.__enter__()
    cuda.hold(100 * MIB)
    cuda.hold(0)
    second.__enter__()
    cuda.hold(40 * MIB)
    first.__exit__()
    cuda.hold(70 * MIB)
    second.__exit__()
    assert (first.cost.peak_vram_mib, second.cost.peak_vram_mib) == (100, 70)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="other systems do not fork")
def test_a_forked_child_measures_too():
    code = """
import os, time
from zpoints.system.meter import Meter
with Meter(every=0.001) as outer:
    for _ in range(20):
        child = os.fork()
        if child == 0:
            with Meter() as inner:
                time.sleep(0.01)
            os._exit(0 if inner.cost.seconds >= 0.01 else 1)
        assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "done\n", done.stderr


@linux
def test_kept_memory_goes_back_at_the_end():
    before = anonymous_bytes()
    with kept_memory():
        for _ in range(3):
            blocks = [np.ones(8 * MIB, np.uint8) for _ in range(6)]
            del blocks
    assert anonymous_bytes() - before < 16 * MIB  # type: ignore[operator]


def test_kept_memory_ends_when_the_work_fails():
    with pytest.raises(KeyError), kept_memory():
        raise KeyError("work")


def test_the_processor_has_a_name():
    assert processor_name().strip() == processor_name() != ""


def test_freed_memory_goes_back_to_the_system():
    return_freed_memory()  # nothing may break where there is nothing to return, or no glibc
    blocks = [bytearray(64 << 10) for _ in range(2000)]
    del blocks[::2], blocks[:]
    return_freed_memory()
