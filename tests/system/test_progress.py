"""Long work: lines with rate and totals, or nothing."""

import re
import sys
import time

import pytest

from zpoints.system.budget import Budget, within
from zpoints.system.progress import BarProgress, LineProgress, Silent, for_terminal
from zpoints.system.sizes import MIB


def work(progress, units: int = 4, done: int = 0, pause: float = 0.01) -> None:  # type: ignore[no-untyped-def]
    with progress.task("encode", units, "vectors", done=done) as task:
        for number in range(units - done):
            time.sleep(pause)
            task.advance(note=f"loss {number}")
    progress.say("finished [all]")


def test_lines_show_share_totals_rate_and_time_left(capsys):
    work(LineProgress(every=0.0), units=4000, done=3996)
    out, err = capsys.readouterr()
    assert out == ""
    *advances, last, said = err.splitlines()
    assert said == "finished [all]"
    assert len(advances) == 4
    assert re.fullmatch(
        r"encode +100 % 3,997 of 4,000 vectors, \d+/s, 1 s left(, RAM \S+ [MG]iB)?  loss 0",
        advances[0],
    )
    assert re.fullmatch(r"encode +100 % 4,000 of 4,000 vectors, \d+/s(, RAM \S+ [MG]iB)?  loss 3", last)


def test_the_rate_counts_only_what_was_done_now(capsys):
    work(LineProgress(every=60), units=1_000_000, done=999_996, pause=0.02)
    (last, _) = capsys.readouterr().err.splitlines()
    rate = int(re.search(r"([\d,]+)/s", last).group(1).replace(",", ""))  # type: ignore[union-attr]
    assert 5 <= rate <= 50


def test_lines_come_only_every_few_seconds(capsys):
    work(LineProgress(every=60))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_time_left_is_the_rest_at_the_present_rate(capsys):
    with LineProgress(every=0.0).task("train", 60_000) as task:
        time.sleep(0.1)
        task.advance(100)
    first = capsys.readouterr().err.splitlines()[0]
    seconds = re.search(r"  0 % 100 of 60,000 images, .* (\d+) s left", first).group(1)  # type: ignore[union-attr]
    assert int(seconds) == pytest.approx(60, rel=0.4)


def test_hours_are_told_as_people_say_them(capsys):
    with LineProgress(every=0.0).task("train", 10_000_000) as task:
        time.sleep(0.05)
        task.advance(10)
    assert re.search(r" \d+ h \d\d min left", capsys.readouterr().err)


def test_a_task_of_nothing(capsys):
    with LineProgress().task("prepare", 0):
        pass
    assert "0 of 0 images" in capsys.readouterr().err


def test_silent_prints_nothing(capfd):
    work(Silent())
    assert capfd.readouterr() == ("", "")


def test_a_bar_shows_totals_and_leaves_brackets_alone(capfd):
    work(BarProgress())
    out, err = capfd.readouterr()
    assert out == ""
    assert "4/4" in err
    assert "finished [all]" in err


def test_what_fits_the_terminal(monkeypatch):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    assert isinstance(for_terminal(quiet=True), Silent)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert isinstance(for_terminal(quiet=False), LineProgress)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert isinstance(for_terminal(quiet=False), BarProgress)


def test_a_notebook_is_no_terminal_for_a_bar(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert isinstance(for_terminal(quiet=False), LineProgress)


def test_without_an_error_stream_nothing_is_shown_anywhere(monkeypatch, capfd):
    monkeypatch.setattr("sys.stderr", None)
    assert isinstance(for_terminal(quiet=False), Silent)
    work(LineProgress(every=0.0))
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no RssAnon")
@pytest.mark.parametrize("progress", [LineProgress, BarProgress])
def test_the_memory_is_shown_beside_the_budget(progress, capfd):
    with within(Budget(4096 * MIB, "--ram")):
        work(progress())
    assert re.search(r"RAM [\d.]+/4\.0 GiB", " ".join(capfd.readouterr().err.split()))
