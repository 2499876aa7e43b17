"""The notebook for Colab, executed from top to bottom: in two sessions, the local disk emptied between them."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

import zpoints
from support import blobs

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "colab.ipynb"
EPOCHS = 25
SMALL = {
    "COUNT": 300,
    "LATENT": 8,
    "EPOCHS": EPOCHS,
    "METHODS": ["uniform", "normal"],
    "MORE": ["autoencoder.channels=[8, 16, 16, 32]"],
    "PACKAGE": None,
    "RAM": "4GiB",
}


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def notebook(last: str = "", **parameters: object) -> NotebookNode:
    """The notebook with other parameters, up to the cell with the tag `last`."""
    found = nbformat.read(NOTEBOOK, 4)
    if last:
        end = next(number for number, cell in enumerate(found.cells) if last in tags(cell))
        found.cells = found.cells[: end + 1]
    (cell,) = [cell for cell in found.cells if "parameters" in tags(cell)]
    for name, value in (SMALL | parameters).items():
        assert f"\n{name} = " in f"\n{cell.source}"
        cell.source += f"\n{name} = {value!r}"
    return found


def execute(cells: NotebookNode, place: Path, stop_at: Path | None = None) -> str:
    """Execute it in a folder, and press the stop button when a file appears; returns all that was printed."""
    client = NotebookClient(cells, timeout=300, resources={"metadata": {"path": str(place)}})
    over = threading.Event()

    def press_stop() -> None:
        while not over.is_set():
            if stop_at is not None and stop_at.exists():
                os.killpg(client.km.provisioner.pid, signal.SIGINT)  # as Jupyter does
                return
            time.sleep(0.02)

    watcher = threading.Thread(target=press_stop, daemon=True)
    watcher.start()
    try:
        client.execute()
    finally:
        over.set()
        watcher.join()
    return printed(cells)


def printed(cells: NotebookNode) -> str:
    outputs = [output for cell in cells.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def pictures_shown(cells: NotebookNode) -> int:
    outputs = [output for cell in cells.cells if cell.cell_type == "code" for output in cell.outputs]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "zpoints", "version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == zpoints.__version__


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both sessions are held: ./drive stays, ./local is emptied between them."""
    return tmp_path_factory.mktemp("colab")


@pytest.fixture(scope="module")
def first(place: Path) -> tuple[pd.DataFrame, str]:
    """A session that ends in the middle of the training, by the stop button: its history, and what it printed."""
    cells = notebook()
    history = place / "drive/runs/faces/model/history.csv"
    with pytest.raises(CellExecutionError, match="nothing is lost"):
        execute(cells, place, stop_at=history)
    return pd.read_csv(history), printed(cells)


@pytest.fixture(scope="module")
def second(place: Path, first: object) -> NotebookNode:
    """The session after it, on an empty disk."""
    shutil.rmtree(place / "local")
    cells = notebook()
    execute(cells, place)
    return cells


def test_nothing_is_stored_in_the_notebook() -> None:
    found = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(found)
    code = [cell for cell in found.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.slow
def test_the_stop_button_keeps_what_was_learnt(place: Path, first: tuple[pd.DataFrame, str]) -> None:
    history, text = first
    assert 1 <= len(history) < EPOCHS
    assert "going on from there" not in text
    assert "start the same command again to go on" in text
    assert (place / "drive/runs/faces/model/checkpoints/last.pt").is_file()


@pytest.mark.slow
def test_the_next_session_goes_on(place: Path, first: tuple[pd.DataFrame, str], second: NotebookNode) -> None:
    history = pd.read_csv(place / "drive/runs/faces/model/history.csv")
    assert "was finished before; going on from there" in printed(second)
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))
    # Seconds never repeat by chance: these epochs are those of the first session.
    pd.testing.assert_frame_equal(history.head(len(first[0])), first[0])


@pytest.mark.slow
def test_the_budget_reaches_the_commands(second: NotebookNode) -> None:
    commands = [line for line in printed(second).splitlines() if line.startswith("$ zpoints")]
    commands = [
        line for line in commands if not line.startswith("$ zpoints explore")
    ]  # keeps nothing in memory
    assert len(commands) == 4 + 2 * len(SMALL["METHODS"])
    assert all("--ram 4GiB" in line for line in commands)


@pytest.mark.slow
def test_pictures_come_out(place: Path, second: NotebookNode) -> None:
    run = place / "drive/runs/faces"
    for sheet in ("model/reconstructions.png", "samples/uniform/grid.png", "samples/normal/grid.png"):
        with Image.open(run / sheet) as picture:
            assert np.asarray(picture).std() > 5
    made = np.load(run / "samples/normal/pictures.npy")
    assert made.shape == (48, 64, 64, 3)
    # First pictures, three figures, reconstructions, and a sheet for each method.
    assert pictures_shown(second) == 5 + len(SMALL["METHODS"])


@pytest.mark.slow
def test_it_says_what_its_text_promises(second: NotebookNode) -> None:
    (cell,) = [cell for cell in second.cells if "distances" in tags(cell)]
    rows = re.findall(r"^(.+?) +([\d.]+)$", cell.outputs[0].data["text/plain"], re.MULTILINE)
    distance = {name: float(figure) for name, figure in rows}
    assert distance["uniform"] > 1.5 * distance["z-points of the training"]
    assert distance["normal"] < 1.5 * distance["z-points of the training"]


@pytest.mark.slow
def test_it_shows_the_explorer(place: Path, second: NotebookNode) -> None:
    """The page of a server that ended with its notebook, and the file that stays."""
    (cell,) = [cell for cell in second.cells if "explorer" in tags(cell)]
    (shown,) = [output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})]
    assert re.search(r'<iframe src="http://127\.0\.0\.1:\d+/[\w-]{20,}/"', shown)
    page = (place / "drive/runs/faces/explorer.html").read_text()
    assert "<title>" in page
    assert len(page) < 25e6


@pytest.mark.slow
def test_own_pictures_keep_their_identity_and_are_not_mixed_up(tmp_path: Path) -> None:
    archive = tmp_path / "drive" / "pictures.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as pictures:
        for number, pixels in enumerate(blobs(40, 20, 20, 3)):
            Image.fromarray(pixels).save(tmp_path / "one.png")
            pictures.write(tmp_path / "one.png", f"{number}.png")
    mine = {"NAME": "mine", "SOURCE": "pictures.zip", "SIZE": [16, 16]}

    execute(notebook("look", **mine), tmp_path)
    shape = np.load(tmp_path / "local/mine/images/pixels.npy").shape
    assert shape == (40, 16, 16, 3)
    shutil.rmtree(tmp_path / "local")
    os.utime(archive, (1, 1))  # a drive may give another date in another session

    execute(notebook("look", **mine), tmp_path)  # would be refused if the pictures did not count as the same
    with pytest.raises(CellExecutionError, match="choose another NAME"):
        execute(notebook("look", **mine | {"EPOCHS": EPOCHS + 1}), tmp_path)


def test_the_time_limit_stops_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call, pause = helper()
    with pytest.raises(pause, match="nothing is lost"):
        call("prepare", "faces", tmp_path / "images", minutes=0)
    with pytest.raises(pause, match="last line above"):
        call("prepare", tmp_path / "nothing", tmp_path / "images")
    assert "error: " in capsys.readouterr().out


def test_a_command_in_the_notebooks_shell_writes_few_lines(tmp_path: Path) -> None:
    """A ``!`` line looks like a terminal, but every state of a bar would stay as an output of its own."""
    np.save(tmp_path / "z.npy", np.random.default_rng(0).normal(size=(2000, 4)))
    command = f"!{sys.executable} -m zpoints analyse z.npy out"
    cells = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(command)])
    text = execute(cells, tmp_path)
    assert (tmp_path / "out" / "analysis.json").is_file(), text
    assert "\x1b" not in text
    assert len(cells.cells[0].outputs) < 40
    assert len(text.splitlines()) < 40


def helper() -> tuple[Callable[..., None], type[Exception]]:
    """The function that the notebook's commands are called by, and the exception that it raises."""
    names: dict[str, object] = {}
    found = nbformat.read(NOTEBOOK, 4)
    (source,) = [cell.source for cell in found.cells if "helper" in tags(cell)]
    exec("import sys\n" + source, names)
    return names["zpoints"], names["PauseError"]
