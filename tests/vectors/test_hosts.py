"""Three hosts without a common file, each with a network of its own; one is killed in each reading."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def namespaces():
    """Whether this machine lets us make networks of our own, with cables between them."""
    script = (
        "mount -t tmpfs tmpfs /run && mkdir /run/netns && ip netns add a && "
        "ip link add c type veth peer name d netns a"
    )
    ours = ["unshare", "--net", "--mount", "--uts", "--propagation", "private", "sh", "-c", script]
    try:
        return subprocess.run(ours, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif("not namespaces()", reason="no network namespaces here: they need Linux, root, and ip")
def test_twenty_kills_of_three_hosts_change_nothing():
    small = ["--vectors", "6000", "--components", "16", "--shards", "3"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.many_machines", "hosts", *small],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    assert last.startswith("20 kills in all")
