"""Ctrl-C during an analysis by workers: one line, no process is left, and the finished readings stay."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

N, D = 4000, 8
COMMAND = """
import os, sys, time
from zpoints.vectors import dask_executor, kept

kept.SECONDS = 0.0
answer, go_on = dask_executor._Reading.answer, dask_executor._Reading._go_on
readings = []

def noted(self, of):
    readings.append(1)
    print("reading", *sorted(self.client.run(os.getpid).values()), flush=True)
    return answer(self, of)

def slow(self, *args):
    if len(readings) == 2:
        time.sleep(0.5)  # so that the signal meets it in the middle
    return go_on(self, *args)

if __name__ == "__main__":
    dask_executor._Reading.answer, dask_executor._Reading._go_on = noted, slow
    from zpoints.cli.commands import main
    main()
"""


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no groups of processes here")
@pytest.mark.parametrize("whom", ["group", "process"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_all_with_one_line(tmp_path, whom, number):
    np.save(tmp_path / "z.npy", np.random.default_rng(0).normal(size=(N, D)))
    script, out = tmp_path / "command.py", tmp_path / "out"
    script.write_text(COMMAND)
    command = [sys.executable, script, "analyse", tmp_path / "z.npy", out, "-q", "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--set", "analysis.block=100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    first, second = process.stdout.readline().split(), process.stdout.readline().split()
    assert (first[0], second[0]) == ("reading", "reading"), process.communicate()
    time.sleep(0.3)
    (os.killpg if whom == "group" else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    what = "interrupted" if number == signal.SIGINT else "asked to end (SIGTERM)"
    assert said == f"error: {what}; start the same command again to go on\n"
    limit = time.monotonic() + 10
    while any(is_there(int(pid)) for pid in second[1:]) and time.monotonic() < limit:
        time.sleep(0.1)
    assert len(second) == 3
    assert not any(is_there(int(pid)) for pid in second[1:])
    assert not out.exists()
    assert len(list((tmp_path / ".out.readings").glob("*.npz"))) == 1
