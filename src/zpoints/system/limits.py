"""What the machine, its container and the shell really allow: the smallest of several limits.

A process in a container sees the whole machine's memory, and is killed at the container's limit: so both are asked.
Likewise it sees all processors, and is made to wait where it takes more of their time than it may.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Limit", "processor_quota", "ram_left", "ram_left_share", "ram_limit"]

UNLIMITED = 1 << 60  # control groups of version 1 write a number near 2**63 where there is no limit


@dataclass(frozen=True)
class Limit:
    """A number of bytes, and whose limit it is."""

    size: int
    where: str


def ram_limit(root: Path = Path("/")) -> Limit | None:
    """The smallest limit on this process's memory; None where the system tells of none.

    Asked are the machine's memory, the control groups of the process (versions 1 and 2, each with all groups above
    it), and ``ulimit -d`` (RLIMIT_DATA). `root` is where /proc and /sys lie.
    """
    found = [_machine(root), *_groups(root), _ulimit()]
    known = [limit for limit in found if limit is not None and 0 < limit.size < UNLIMITED]
    return min(known, key=lambda limit: limit.size, default=None)


def ram_left(root: Path = Path("/")) -> int | None:
    """Bytes that the system could still give, its caches included: MemAvailable, in a container at most its limit."""
    left, limit = _meminfo(root, "MemAvailable"), ram_limit(root)
    known = [size for size in (left, limit.size if limit else None) if size is not None]
    return min(known, default=None)


def ram_left_share(root: Path = Path("/")) -> float | None:
    """The share of the machine's memory that is left to all its programs; None where the system does not tell."""
    total, left = _meminfo(root, "MemTotal"), _meminfo(root, "MemAvailable")
    return left / total if left is not None and total else None


def _machine(root: Path) -> Limit | None:
    size = _meminfo(root, "MemTotal")
    if size is None and root == Path("/") and hasattr(os, "sysconf"):  # macOS has no /proc
        names = os.sysconf_names
        if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
            size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None if size is None else Limit(size, "the machine")


def _meminfo(root: Path, name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def processor_quota(root: Path = Path("/")) -> float | None:
    """How many processors' time the control groups allow (``docker --cpus``); None where they tell of no limit."""
    found = []
    for file in _files(root, "cpu", "cpu.max", "cpu.cfs_quota_us"):
        quota, _, period = _text(file).strip().partition(" ")
        period = period or _text(file.with_name("cpu.cfs_period_us")).strip()
        if quota.isdecimal() and period.isdecimal() and int(period):
            found.append(int(quota) / int(period))
    return min(found, default=None)


def _groups(root: Path) -> list[Limit | None]:
    return [_group(file) for file in _files(root, "memory", "memory.max", "memory.limit_in_bytes")]


def _files(root: Path, controller: str, name: str, old_name: str) -> list[Path]:
    """A controller's file in the groups of this process and in all above them; `old_name` is that of version 1."""
    found: list[Path] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            base, file = root / "sys/fs/cgroup", name
        elif controller in controllers.split(","):
            base, file = root / "sys/fs/cgroup" / controller, old_name
        else:
            continue
        here = Path(path.lstrip("/"))
        # In a container the path may name what only the host sees: then the limit stands at the top.
        found += [base / group / file for group in [here, *here.parents]]
    return found


def _group(file: Path) -> Limit | None:
    text = _text(file).strip()
    return Limit(int(text), "the control group") if text.isdecimal() else None


def _ulimit() -> Limit | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else Limit(soft, "ulimit -d")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
