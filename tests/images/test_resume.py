"""A preparation that is killed, at any moment, ends with the same bytes as one that is not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zpoints.config import ImageSettings
from zpoints.files.array_writer import ArrayWriter
from zpoints.images import index as index_module
from zpoints.images import prepare as prepare_module
from zpoints.images.decoding import Cut
from zpoints.images.journal import Block, Journal
from zpoints.images.prepare import JOURNAL, prepare

Folder = Callable[..., Path]
FILES = ("pixels.npy", "index.parquet", "rejected.csv")


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


def content(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.fixture
def work(picture_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> ImageSettings:
    """Thirty files in blocks of four; among them a whole block that is rejected."""
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    folder = picture_folder(30)
    for number in (3, 8, 9, 10, 11, 29):
        (folder / f"{number:03d}.jpg").write_bytes(b"damaged")
    return ImageSettings(source=str(folder), size=(16, 16))


@pytest.fixture
def undisturbed(work: ImageSettings, tmp_path: Path) -> dict[str, bytes]:
    return content(prepare(work, tmp_path / "undisturbed", seed=1).folder)


MOMENTS = [
    (ArrayWriter, "append", 1),
    (ArrayWriter, "append", 4),
    (ArrayWriter, "sync", 1),
    (ArrayWriter, "sync", 5),
    (ArrayWriter, "finish", 1),
    (Journal, "restart", 1),
    (Journal, "add", 1),
    (Journal, "add", 3),
    (Journal, "add", 8),
    (prepare_module, "write_rejected", 1),
    (prepare_module, "write_index", 1),
    (prepare_module, "write_json", 1),
    (prepare_module, "_clear", 1),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name", "call"), MOMENTS)
def test_killed_at(
    owner: object,
    name: str,
    call: int,
    after: bool,
    work: ImageSettings,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true, calls = getattr(owner, name), []

    def deadly(*arguments: object, **options: object) -> object:
        calls.append(name)
        if len(calls) == call and not after:
            raise Killed
        result = true(*arguments, **options)
        if len(calls) == call:
            raise Killed
        return result

    out = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, deadly)
        with pytest.raises(Killed):
            prepare(work, out, seed=1)
    prepare(work, out, seed=1)
    assert content(out) == undisturbed
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "prepare.json"])


def test_finished_blocks_are_not_decoded_again(
    work: ImageSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, decoded = tmp_path / "out", []
    true_add, true_picture = Journal.add, Cut.picture

    def add(journal: Journal, block: Block) -> None:
        true_add(journal, block)
        if block.first == 16:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", add)
        with pytest.raises(Killed):
            prepare(work, out)

    def picture(cut: Cut, opener: Callable, notes: object) -> object:
        decoded.append(opener)
        return true_picture(cut, opener, notes)

    monkeypatch.setattr(Cut, "picture", picture)
    prepare(work, out)
    assert len(decoded) == 30 - 20
    prepare(work, out)
    assert len(decoded) == 30 - 20


def die_before_the_end(work: ImageSettings, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare all pictures, and die before the index is written."""
    with monkeypatch.context() as patch:
        patch.setattr(prepare_module._Preparation, "_finish", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            prepare(work, out, seed=1)


@pytest.mark.parametrize("cut", [1, 20, 90])
def test_a_cut_journal_is_used_as_far_as_it_goes(
    cut: int,
    work: ImageSettings,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    die_before_the_end(work, out, monkeypatch)
    journal = out / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-cut])
    prepare(work, out, seed=1)
    assert content(out) == undisturbed


@pytest.mark.parametrize("damage", ["pixels", "rows", "journal", "noise"])
def test_lost_parts_are_done_again(
    damage: str,
    work: ImageSettings,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    die_before_the_end(work, out, monkeypatch)
    lost = {"pixels": "pixels.npy.partial", "rows": "pixels.npy.partial.json", "journal": JOURNAL}
    if damage == "noise":
        (out / JOURNAL).write_bytes(b"\xff\0{]\n[]\n")
    else:
        (out / lost[damage]).unlink()
    prepare(work, out, seed=1)
    assert content(out) == undisturbed


def test_other_settings_or_other_files_start_anew(work: ImageSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = prepare(work, out, seed=1)
    pixels = first.pixels.copy()
    moment = (out / "pixels.npy").stat().st_mtime_ns
    prepare(work, out, seed=1)
    assert (out / "pixels.npy").stat().st_mtime_ns == moment
    assert prepare(work.model_copy(update={"size": (8, 8)}), out, seed=1).shape == (8, 8, 3)
    assert np.array_equal(prepare(work, out, seed=1).pixels, pixels)
    (Path(work.source) / "000.jpg").unlink()
    assert len(prepare(work, out, seed=1)) == len(pixels) - 1


def test_an_older_store_stays_whole_until_the_new_one_is(
    work: ImageSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    before = content(prepare(work, out, seed=1).folder)
    other = work.model_copy(update={"size": (8, 8)})

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(index_module, "random_splits", die)
        with pytest.raises(Killed):
            prepare(other, out, seed=1)
    assert content(out) == before
    with monkeypatch.context() as patch:
        patch.setattr(prepare_module, "write_json", die)
        with pytest.raises(Killed):
            prepare(other, out, seed=1)
    assert not (out / "pixels.npy").exists()
    assert prepare(other, out, seed=1).shape == (8, 8, 3)


def test_a_store_that_lost_its_index_is_made_anew(
    work: ImageSettings, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "undisturbed" / "index.parquet").unlink()
    assert content(prepare(work, tmp_path / "undisturbed", seed=1).folder) == undisturbed


SCRIPT = """
import sys
from pathlib import Path
from zpoints.config import ImageSettings
from zpoints.images import prepare
prepare.BLOCK_PICTURES = 4
prepare.prepare(ImageSettings(source=sys.argv[1]), Path(sys.argv[2]))
"""


def test_sigkill(picture_folder: Folder, tmp_path: Path) -> None:
    folder, out = picture_folder(400), tmp_path / "killed"
    (folder / "033.jpg").write_bytes(b"damaged")
    command = [sys.executable, "-c", SCRIPT, str(folder), str(out)]
    interrupted = 0
    for blocks in (2, 20, 45):
        process = subprocess.Popen(command)
        while process.poll() is None:
            if (out / JOURNAL).exists() and (out / JOURNAL).read_bytes().count(b"\n") > blocks:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        interrupted += process.wait() == -signal.SIGKILL and not (out / "pixels.npy").exists()
    assert interrupted
    subprocess.run(command, check=True)
    store = prepare(ImageSettings(source=str(folder)), tmp_path / "undisturbed")
    assert content(out) == content(store.folder)
