"""The gate: never more inside than the room holds, and everybody gets in at last."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from support import line
from zpoints.errors import BudgetError
from zpoints.images.decoding import BYTES_PER_PIXEL, Cut
from zpoints.images.semaphore import ByteSemaphore


def test_what_is_inside_never_needs_more_than_the_room() -> None:
    gate, lock = ByteSemaphore(100), threading.Lock()
    inside, most, done = 0, 0, 0

    def work(need: int) -> None:
        nonlocal inside, most, done
        with gate.space(need):
            with lock:
                inside += need
                most = max(most, inside)
            time.sleep(0.002)
            with lock:
                inside -= need
                done += 1

    needs = [10, 60, 45, 100, 30, 5] * 10
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, needs))
    assert done == len(needs)
    assert 60 < most <= 100  # several at once, and never too many
    assert gate.inside == 0


def test_a_picture_that_never_fits_is_refused_and_not_left_out() -> None:
    picture = Image.fromarray(np.zeros((40, 50, 3), np.uint8))
    assert isinstance(
        Cut((8, 8), gate=ByteSemaphore(BYTES_PER_PIXEL * 2000)).picture(lambda: picture), np.ndarray
    )
    with pytest.raises(BudgetError) as caught:
        Cut((8, 8), gate=ByteSemaphore(BYTES_PER_PIXEL * 2000 - 1)).picture(lambda: picture)
    assert "max_megapixels" in line(caught.value)


def test_a_failure_inside_makes_room_again() -> None:
    gate = ByteSemaphore(10)
    with pytest.raises(KeyError), gate.space(10):
        raise KeyError
    with gate.space(10):
        assert gate.inside == 10
