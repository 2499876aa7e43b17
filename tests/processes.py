"""Processes that start at once: forked from one that has imported what is slow, and has done nothing else.

A command of zpoints spends seconds on its imports, and the tests start some two hundred. What is tested of the start
itself, of the environment, of the imports or of their memory starts Python anew, with `subprocess`. Here Python's end
is short: threads are waited for and ``atexit`` is heeded, but modules are not taken apart, which takes seconds.
Where a system does not fork, all start Python anew.
"""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MAIN", "Process", "run", "start"]

FORKS = hasattr(os, "fork")
MAIN = "from zpoints.cli.commands import main; main()"
IMPORTED = (
    "zpoints.cli.commands zpoints.report.stage zpoints.report.page zpoints.run.work zpoints.judging.scores "
    "zpoints.models.autoencoder.training zpoints.analysis.analyse zpoints.comparison.compare sklearn.ensemble "
    "sklearn.mixture sklearn.linear_model pyarrow.parquet"
)
NURSERY = """
import atexit, gc, importlib, json, os, sys, threading, time, traceback

for name in sys.argv[1:]:
    importlib.import_module(name)
gc.freeze()

def status(pid, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found, code = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.002)

for line in sys.stdin:
    wanted = json.loads(line)
    if "code" in wanted:
        answer = os.fork()
        if not answer:
            break
    else:
        answer = status(wanted["pid"], wanted["seconds"])
    print(json.dumps(answer), flush=True)
else:
    os._exit(0)

# What follows is the new process.
for number, path in enumerate((os.devnull, wanted["stdout"], wanted["stderr"])):
    file = os.open(path, os.O_RDWR | os.O_APPEND)
    os.dup2(file, number)
    os.close(file)
os.chdir(wanted["folder"])
sys.argv = ["-c", *wanted["arguments"]]
ending = 0
try:
    exec(compile(wanted["code"], "<string>", "exec"), {"__name__": "__main__"})
except SystemExit as error:
    if error.code is not None and not isinstance(error.code, int):
        print(error.code, file=sys.stderr)
    ending = 0 if error.code is None else error.code if isinstance(error.code, int) else 1
except BaseException:
    traceback.print_exc()
    ending = 1
threading._shutdown()
atexit._run_exitfuncs()
for stream in (sys.stdout, sys.stderr):
    if not stream.closed:
        stream.flush()
os._exit(ending)
"""


@dataclass(frozen=True)
class Process:
    """A process that was started."""

    pid: int
    plain: "subprocess.Popen[bytes] | None" = None

    def wait(self, timeout: float) -> int:
        """Wait for its end; returns the exit status, negative after a signal."""
        if self.plain is not None:
            return self.plain.wait(timeout)
        status = _ask({"pid": self.pid, "seconds": timeout})
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return status


def start(
    code: str,
    arguments: Sequence[object] = (),
    *,
    folder: Path | None = None,
    stdout: str | Path = os.devnull,
    stderr: str | Path = os.devnull,
) -> Process:
    """Run code in a process of its own, as ``python -c`` would; `stdout` and `stderr` are files that are there."""
    if not FORKS:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        with Path(stdout).open("ab") as out, Path(stderr).open("ab") as err:
            plain = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        return Process(plain.pid, plain)
    wanted = {
        "code": code,
        "arguments": [str(argument) for argument in arguments],
        "folder": str(folder or Path.cwd()),
        "stdout": str(stdout),
        "stderr": str(stderr),
    }
    pid = _ask(wanted)
    assert pid is not None
    return Process(pid)


def run(
    code: str, arguments: Sequence[object] = (), *, folder: Path | None = None, timeout: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    with tempfile.TemporaryDirectory() as place:
        said = [Path(place, name) for name in ("out", "err")]
        for file in said:
            file.touch()
        status = start(code, arguments, folder=folder, stdout=said[0], stderr=said[1]).wait(timeout)
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in said]
    return subprocess.CompletedProcess([code, *map(str, arguments)], status, *texts)


@functools.cache
def _nursery() -> "subprocess.Popen[str]":
    path = os.pathsep.join(str(Path(place).resolve()) for place in sys.path if place)
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY, *IMPORTED.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    atexit.register(process.kill)
    return process


def _ask(wanted: dict[str, object]) -> int | None:
    """Send one question, and read the answer, a line each."""
    nursery = _nursery()
    assert nursery.stdin
    assert nursery.stdout
    nursery.stdin.write(json.dumps(wanted) + "\n")
    nursery.stdin.flush()
    answer: int | None = json.loads(nursery.stdout.readline())
    return answer
