"""What a stop is to those who catch it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from zpoints.system.stopping import StoppedError, graceful, stop_work, terminable


def test_who_catches_ctrl_c_catches_a_stop():
    with pytest.raises(KeyboardInterrupt, match="start the same command again"), terminable():
        signal.raise_signal(signal.SIGINT)
    assert issubclass(StoppedError, KeyboardInterrupt)
    assert not issubclass(StoppedError, Exception)  # `except Exception` lets it pass


def test_graceful_work_is_asked_first_and_interrupted_second():
    with graceful() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("raise KeyboardInterrupt", 130, "interrupted; start the same command again to go on"),
        ("signal.raise_signal(signal.SIGINT)", 130, "interrupted; start the same command again to go on"),
        ("signal.raise_signal(signal.SIGTERM)", 130, "asked to end (SIGTERM); start the same command"),
        ("raise StoppedError('no memory is left', 1)", 1, "no memory is left"),
    ],
)
def test_the_command_line_says_why_it_stopped(fault: str, status: int, said: str):
    code = f"""
import signal, sys
from zpoints.cli import commands
from zpoints.system.stopping import StoppedError
@commands.app.command("trial")
def trial() -> None:
    {fault}
sys.argv = ["zpoints", "trial"]
commands.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1


def test_a_stop_for_want_of_memory_is_one_too():
    with graceful() as stop:
        stop_work("too little")
        assert stop.asked
        with pytest.raises(KeyboardInterrupt, match="too little"):
            stop.now()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_that_makes_its_own_error_of_a_stop_does_not_hide_it(number: int):
    def compile_something():
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except BaseException as error:
            raise RuntimeError("the compiler ended") from error

    with pytest.raises(StoppedError, match="start the same command again"), terminable():
        compile_something()
    with pytest.raises(RuntimeError, match="of its own"), terminable():
        raise RuntimeError("of its own")
