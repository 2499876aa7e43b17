"""A browser that is killed, a server that is killed: the other one goes on, says so, and nothing is left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsers import BROWSERS, opened, place, until

from zpoints.explorer.serving import Explorer

PROCESSES = Path("/proc")


def processes(word: str) -> list[int]:
    """Numbers of the processes that were started with a word."""
    found = []
    for folder in PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.skipif(not PROCESSES.is_dir(), reason="looks for the browser's processes in /proc")
def test_a_killed_browser_disturbs_nobody(browser: Any, explorer: Explorer) -> None:
    before = set(threading.enumerate())
    word = f"--zpoints-test-of-{os.getpid()}"
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    other = browser.browser_type.launch(executable_path=path, args=["--no-sandbox", word])
    page = opened(other, explorer.url)
    page.mouse.move(*place(page, 0.45, 0.5))
    page.mouse.down()
    for step in range(8):
        page.mouse.move(*place(page, 0.45 - 0.02 * step, 0.5))
    assert processes(word)
    for number in processes(word):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    page = opened(browser, explorer.url)
    until(page, "performance.getEntriesByName('zpoints: picture').length > 0")
    page.context.close()
    left = [thread.name for thread in set(threading.enumerate()) - before if "explorer" in thread.name]
    assert left == []


def test_a_killed_server_is_said(browser: Any, explored_run: Any) -> None:
    command = [sys.executable, "-m", "zpoints", "explore", str(explored_run.folder), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            page = opened(browser, server.stdout.readline().strip())
        finally:
            server.kill()
    assert urlsplit(page.url).hostname == "127.0.0.1"
    page.mouse.move(*place(page, 0.45, 0.5))
    page.mouse.down()
    page.mouse.move(*place(page, 0.3, 0.4))
    page.mouse.up()
    until(page, "!document.getElementById('trouble').hidden")
    assert "zpoints explore" in page.inner_text("#trouble")
    page.context.close()
