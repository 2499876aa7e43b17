"""What work costs: time and the peak of anonymous memory."""

import mmap
import sys
import time

import numpy as np
import pytest

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
    assert not meter._thread.is_alive()


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
