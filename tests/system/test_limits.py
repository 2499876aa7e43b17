"""The smallest of all limits counts, wherever it stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from zpoints.system.limits import Limit, processor_quota, ram_limit

GIB = 1 << 30


def machine(
    root: Path, total_gib: float = 16, cgroup: str = "0::/\n", files: dict[str, str] | None = None
) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal:       {int(total_gib * GIB / 1024)} kB\nMemFree: 1 kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, text in (files or {}).items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {}, Limit(16 * GIB, "the machine")),
        ("0::/a/b\n", {"a/b/memory.max": "max\n"}, Limit(16 * GIB, "the machine")),
        ("0::/a/b\n", {"a/b/memory.max": f"{4 * GIB}\n"}, Limit(4 * GIB, "the control group")),
        # The group above is tighter, and that of a neighbour is none of ours.
        (
            "0::/a/b\n",
            {"a/b/memory.max": f"{4 * GIB}\n", "a/memory.max": f"{2 * GIB}\n", "c/memory.max": "1\n"},
            Limit(2 * GIB, "the control group"),
        ),
        # A container that sees only its own top.
        ("0::/docker/123\n", {"memory.max": f"{3 * GIB}\n"}, Limit(3 * GIB, "the control group")),
        (
            "5:cpu:/x\n4:memory:/x\n",
            {"memory/x/memory.limit_in_bytes": f"{5 * GIB}\n"},
            Limit(5 * GIB, "the control group"),
        ),
        (
            "4:memory:/\n",
            {"memory/memory.limit_in_bytes": "9223372036854771712\n"},
            Limit(16 * GIB, "the machine"),
        ),
        ("nonsense\n", {}, Limit(16 * GIB, "the machine")),
    ],
)
def test_the_smallest_limit_counts(tmp_path, cgroup, files, expected):
    assert ram_limit(machine(tmp_path, cgroup=cgroup, files=files)) == expected


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/docker/abc\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "400000 100000"}, 2.0),
        ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "100000"}, 0.5),
        ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
    ],
)
def test_the_processors_of_a_container(tmp_path, cgroup, files, expected):
    assert processor_quota(machine(tmp_path, cgroup=cgroup, files=files)) == expected


def test_where_nothing_is_told_there_is_no_limit(tmp_path):
    assert ram_limit(tmp_path) is None


def test_the_limit_of_the_shell_counts():
    code = "from zpoints.system.limits import ram_limit; found = ram_limit(); print(found.size, found.where)"
    command = f'ulimit -d 1000000; exec "{sys.executable}" -c "{code}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split(" ", 1) == [str(1_000_000 * 1024), "ulimit -d\n"]


def test_this_machine_has_memory():
    found = ram_limit()
    if Path("/proc/meminfo").exists():
        assert found is not None
        assert found.size > GIB / 4
