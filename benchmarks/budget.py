"""Training speed under memory limits that the kernel enforces, beside the speed without: one network, one file.

    python -m benchmarks.budget IMAGES [SECONDS] [ROUNDS] [auto|full|blocks]

IMAGES is a folder that `zpoints prepare` made, best one that is larger than the limits. The trainings take turns, so
that a machine that grows slower slows all of them. Limits are control groups (version 1, as root) where these can be
made, else `ulimit -d`. Each training prints its rate every ten seconds; the last one counts.
"""

import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from zpoints.config import bytes_of
from zpoints.system.sizes import in_words

LIMITS = (None, "4GiB", "2GiB")
GROUPS = Path("/sys/fs/cgroup/memory")
RATE = re.compile(r"([\d,]+)/s, .*RAM ([\d.]+/[\d.]+ [MG]iB)")


def enforced(limit: str | None) -> Callable[[], None]:
    """What a child does before it becomes the training: put itself under the limit."""
    if limit is None:
        return lambda: None
    size = bytes_of(limit)
    group = GROUPS / f"zpoints-benchmark-{size}"
    try:
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(size))
    except OSError:
        return lambda: resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    return lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None


def rate(images: Path, limit: str | None, seconds: float, order: str) -> tuple[float, str]:
    """Pictures per second of a training that is stopped after some time, and its memory then."""
    out = Path(tempfile.mkdtemp())
    command = [sys.executable, "-m", "zpoints", "train", str(images), str(out)]
    command += ["--set", "training.epochs=1", "--set", f"training.shuffle={order}"]
    command += ["--ram", limit] if limit else []
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=enforced(limit))
    try:
        _, said = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate()
    shutil.rmtree(out)
    found = RATE.findall(said)
    if not found:
        raise SystemExit(said)
    return float(found[-1][0].replace(",", "")), found[-1][1]


def main(images: str, seconds: str = "75", rounds: str = "3", order: str = "auto") -> None:
    """Print the table."""
    results: dict[str | None, list[tuple[float, str]]] = {limit: [] for limit in LIMITS}
    for turn in range(int(rounds)):
        for limit in LIMITS:
            results[limit].append(rate(Path(images), limit, float(seconds), order))
            print(f"round {turn + 1}, {limit or 'no limit'}: {results[limit][-1]}", file=sys.stderr)
    size = in_words((Path(images) / "pixels.npy").stat().st_size)
    print(f"training on pictures of {size}, order {order}, {rounds} rounds of {seconds} s")
    free = statistics.median(found for found, _ in results[None])
    for limit in LIMITS:
        rates, memory = zip(*results[limit], strict=True)
        median = statistics.median(rates)
        each = ", ".join(f"{found:.0f}" for found in rates)
        name = limit or "no limit"
        print(f"{name:<10}{median:>6.0f} images/s  {median / free:.3f}  ({each})  RAM {memory[-1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
