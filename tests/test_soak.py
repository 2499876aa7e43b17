"""The soak, shortened: one stop in each stage. The long one is ``python -m tests.soak``."""

import random
from pathlib import Path

import numpy as np
import pytest

from soak import STAGES, Soak, lasting
from support import blobs


@pytest.mark.slow
def test_stopped_in_every_stage_a_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "blobs.npy", blobs(400, 16, 16, 3))
    tally = Soak(tmp_path, random.Random(0), str(tmp_path / "blobs.npy")).go(len(STAGES))
    assert not tally.differences, tally.table()
    assert tally.stops.total() == len(STAGES)
    assert tally.finished
    assert tally.compared > 100


def test_only_the_named_fields_may_differ(tmp_path: Path) -> None:
    entry = '{"stages": {"train": {"key": "%s", "seconds": %d}}}'
    page = "<b>%s min</b><span>from pictures to this page</span><p>%s of the vectors</p>"
    texts = {
        "run.json": (entry % ("k", 1), entry % ("k", 2), entry % ("l", 1)),
        "index.html": (page % (1.5, "5 %"), page % (2.5, "5 %"), page % (1.5, "6 %")),
        "history.csv": (
            "epoch,seconds,train_loss\n1,2,3\n",
            "epoch,seconds,train_loss\n1,9,3\n",
            "epoch,seconds,train_loss\n1,2,4\n",
        ),
        "z.npy": ("a", "a", "b"),
    }
    for name, contents in texts.items():
        found = []
        for content in contents:
            (tmp_path / name).write_text(content)
            found.append(lasting(tmp_path / name))
        assert found[0] == found[1]
        assert found[0] != found[2]
