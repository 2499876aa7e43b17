"""Three hosts on this machine, one of which is killed in each reading: `python -m benchmarks.many_machines hosts`.

Each host has a network of its own (an address, and a cable to the bridge where client and scheduler are), a name of
its own, and its own copy of the vectors under the same path: no two share a file. All of it lies in namespaces of the
Linux kernel that end with this command; the machine's own network is not touched.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.config import AnalysisSettings
from zpoints.errors import LeftOutWarning
from zpoints.vectors import dask_executor
from zpoints.vectors.dask_cluster import OWN

HOSTS = 3
INSIDE = "ZPOINTS_BENCHMARK_INSIDE"
NET = "10.77.0."
HOST = "hostname {name}; mount --bind {own} {shared}; ip link set lo up; exec {python} -c {code!r} {options}"
WORKER = "from distributed.cli.dask_worker import main; main()"


def in_namespaces(arguments: list[str]) -> int:
    """Run this command once more, in a network and with mounts of its own; its exit status."""
    ours = ["unshare", "--net", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        ours.append("--map-root-user")
    command = [*ours, sys.executable, "-m", "benchmarks.many_machines", *arguments]
    return subprocess.run(command, env=os.environ | {INSIDE: "1"}).returncode


def is_inside() -> bool:
    """Whether that has been done."""
    return INSIDE in os.environ


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def lay_cables() -> None:
    """A bridge, where this process is host 1, and a network for each of the others, with a cable to it."""
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
    _ip("link", "set", "lo", "up")
    _ip("link", "add", "bridge0", "type", "bridge")
    _ip("addr", "add", f"{NET}1/24", "dev", "bridge0")
    _ip("link", "set", "bridge0", "up")
    for k in range(HOSTS):
        _ip("netns", "add", f"host{k}")
        _ip("link", "add", f"cable{k}", "type", "veth", "peer", "name", "eth0", "netns", f"host{k}")
        _ip("link", "set", f"cable{k}", "master", "bridge0", "up")
        _ip("-n", f"host{k}", "addr", "add", f"{NET}{k + 2}/24", "dev", "eth0")
        _ip("-n", f"host{k}", "link", "set", "eth0", "up")


def bytes_sent(k: int) -> int:
    """What has come out of the cable of a host."""
    lines = (line.partition(":") for line in Path("/proc/self/net/dev").read_text().splitlines())
    return next(int(figures.split()[0]) for name, _, figures in lines if name.strip() == f"cable{k}")


@dataclass
class Host:
    """One host, and the one process that works on it."""

    number: int
    shared: Path
    own: Path
    scheduler: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start its worker."""
        options = (
            f"{self.scheduler} --no-nanny --nthreads 1 --no-dashboard --host {NET}{self.number + 2} "
            f"--name host{self.number}-{time.monotonic_ns()} --local-directory {self.own.parent}"
        )
        script = HOST.format(
            name=f"host{self.number}",
            own=self.own,
            shared=self.shared,
            python=sys.executable,
            code=WORKER,
            options=options,
        )
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", f"host{self.number}", "unshare", "--uts", "sh", "-c", script],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def kill(self) -> None:
        """SIGKILL, as where the power fails."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@dataclass
class Killing:
    """Kills the worker of one host in each reading, in turn, when the first range of it is done."""

    hosts: list[Host]
    client: Any
    kills: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Every reading from now on."""
        go_on = dask_executor._Reading._go_on
        answer = dask_executor._Reading.answer

        def all_are_there(reading: Any, of: Any) -> Any:
            self.client.wait_for_workers(HOSTS, timeout=120)
            reading.threads = reading.waiting.workers()
            return answer(reading, of)

        def one_is_killed(reading: Any, *args: Any) -> Any:
            if reading.token not in self.kills:
                host = self.hosts[len(self.kills) % HOSTS]
                self.kills.append(reading.token)
                host.kill()
                host.start()  # comes back while the others go on
            return go_on(reading, *args)

        dask_executor._Reading.answer = all_are_there  # type: ignore[method-assign]
        dask_executor._Reading._go_on = one_is_killed  # type: ignore[method-assign]


def measure(n: int, d: int, shards: int, kills: int) -> None:
    """Print how far the results of analyses with kills are from one without Dask, and what travelled."""
    import dask
    from distributed import Client, LocalCluster

    import zpoints
    from benchmarks.many_machines import difference, write_shards

    warnings.simplefilter("ignore", LeftOutWarning)
    lay_cables()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shared = folder / "z"
        shared.mkdir()
        vectors = write_shards(shared, n, d, shards)
        settings = AnalysisSettings(block=max(1, n // 100))
        zpoints.analyse(vectors, settings).save(folder / "one")
        stack.enter_context(dask.config.set(OWN))
        here = stack.enter_context(
            LocalCluster(n_workers=0, host=f"{NET}1", dashboard_address=f"{NET}1:0", silence_logs=60)
        )
        client = stack.enter_context(Client(here))
        hosts = []
        for k in range(HOSTS):
            own = folder / f"host{k}" / "z"
            shutil.copytree(shared, own)
            hosts.append(Host(k, shared, own, here.scheduler_address))
            hosts[-1].start()
            stack.callback(hosts[-1].kill)
        client.wait_for_workers(HOSTS, timeout=120)
        names = client.run(_name)
        print(f"{n:,} x {d} in {shards} shards; hosts {', '.join(sorted(names.values()))}", flush=True)
        undisturbed, sent = _analysed(vectors, settings, client, folder / "undisturbed")
        off, _ = difference(folder / "one", folder / "undisturbed")
        print(_line("no kill", undisturbed, off, sent), flush=True)
        killing = Killing(hosts, client)
        killing.install()
        worst = 0.0
        while len(killing.kills) < kills:
            before = len(killing.kills)
            seconds, sent = _analysed(vectors, settings, client, folder / "killed")
            off, _ = difference(folder / "one", folder / "killed")
            worst = max(worst, off)
            print(_line(f"{len(killing.kills) - before} kills", seconds, off, sent), flush=True)
            shutil.rmtree(folder / "killed")
        print(f"{len(killing.kills)} kills in all, largest difference {worst:.1e}")
        if not np.isfinite(worst) or worst > 1e-12:
            raise SystemExit("a kill changed the result")


def _line(what: str, seconds: float, off: float, sent: int) -> str:
    return f"{what}: {seconds:.1f} s, largest difference {off:.1e}, {sent / 2**20:.1f} MiB left the hosts"


def _name() -> str:
    import socket

    return socket.gethostname()


def _analysed(vectors: str, settings: AnalysisSettings, client: Any, out: Path) -> tuple[float, int]:
    import zpoints

    before, began = sum(map(bytes_sent, range(HOSTS))), time.perf_counter()
    found = zpoints.analyse(vectors, settings, client=client)
    seconds = time.perf_counter() - began
    found.save(out)
    return seconds, sum(map(bytes_sent, range(HOSTS))) - before
