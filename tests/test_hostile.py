"""Files of ill will: each ends in one line, in no time, and in no more memory than the file itself justifies.

What the fuzzer found lies in tests/fuzz/corpus; here is what has a name.
"""

import csv
import io
import json
import os
import pickle
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from support import line, little_memory
from zpoints.analysis.distribution import Distribution
from zpoints.cli.commands import main
from zpoints.config import AutoencoderSettings, ImageSettings, Settings
from zpoints.errors import ArrayError, SourceError, StageError, UsageError, ZPointsError, one_line
from zpoints.files.documents import read_json
from zpoints.files.numpy_files import load_npz, open_array, write_npz
from zpoints.files.settings import load_settings
from zpoints.images.decoding import Cut, pillow_limits
from zpoints.images.journal import Journal
from zpoints.images.prepare import prepare
from zpoints.images.sources import open_source
from zpoints.images.sources.folder import FolderSource
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.checkpoint import TrainingState, load_autoencoder, save_autoencoder
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.run.folder import Run
from zpoints.samplers import SAMPLERS
from zpoints.samplers.base import Sampler
from zpoints.system.progress import LineProgress
from zpoints.vectors.latent_set import LatentSet

ODD_NAMES = [
    b"new\nline.png",
    b"re\rturn.png",
    b"esc\x1b[31m.png",
    b"no\xfftext.png",
    b'quo"te,comma.png',
    b"tab\t.png",
]


def refused(action: Callable[[], Any], part: str = "", kind: type[ZPointsError] = ZPointsError) -> str:
    """The one line of a refusal."""
    with pytest.raises(kind) as caught:
        action()
    text = line(caught.value)
    assert text.isprintable()
    assert part in text
    return text


def png(value: int = 100, side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (value, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    content = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(content)) + content + data


def reads(path: Path) -> list[Callable[[], Any]]:
    """Everything that reads an array of this file."""
    settings = ImageSettings(source=str(path))
    found: list[Callable[[], Any]] = [
        lambda: list(LatentSet.open(path).blocks(64)),
        lambda: [opener() for opener in open_source(settings).openers(0, 1)],
    ]
    whole = (lambda: load_npz(path)) if path.suffix == ".npz" else (lambda: open_array(path))
    return [*found, whole]


def in_npz(content: bytes, path: Path, method: int = zipfile.ZIP_STORED, name: str = "z.npy") -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


# Zips


def test_paths_that_climb_out_of_a_zip_lead_nowhere(tmp_path: Path) -> None:
    outer = tmp_path / "a" / "b"
    outer.mkdir(parents=True)
    names = [
        "../../climbed.png",
        "in/../../../climbed.png",
        "/absolute.png",
        "C:\\windows.png",
        "..\\back.png",
        "good.png",
    ]
    with zipfile.ZipFile(outer / "p.zip", "w") as archive:
        for name in names:
            archive.writestr(name, png())
    before = set(tmp_path.rglob("*"))
    store = prepare(ImageSettings(source=str(outer / "p.zip")), outer / "out")
    new = set(tmp_path.rglob("*")) - before
    assert new
    assert all(path.is_relative_to(outer / "out") for path in new)
    assert not Path("/absolute.png").exists()
    assert set(store.index["source"]) <= {"/absolute.png", "C:/windows.png", "good.png"}
    assert "good.png" in set(store.index["source"])


def test_names_of_zip_members_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("e.png", png())
        archive.writestr("a.png", png())
    path.write_bytes(path.read_bytes().replace(b"e.png", b"\0.png"))  # a name ends at its first zero
    with open_source(ImageSettings(source=str(path))) as source:
        assert [source.label(item) for item in range(len(source))] == ["a.png"]
    raw = path.read_bytes().replace(b"a.png", b"\xff.png")
    flags = raw.index(b"PK\1\2", raw.index(b"PK\1\2") + 1) + 8
    path.write_bytes(raw[:flags] + b"\0\x08" + raw[flags + 2 :])  # the name is said to be UTF-8, and is not
    refused(lambda: open_source(ImageSettings(source=str(path))), "cannot be read as a zip", SourceError)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_zip(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(9):
            archive.writestr(f"{number}.png", png(number))
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    text = refused(
        lambda: open_source(ImageSettings(source=str(path))), "cannot be read as a zip", SourceError
    )
    assert str(path) in text


def test_encrypted_members_of_a_zip(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.zeros((4, 3)))
    for path, what in ((in_npz(content.getvalue(), tmp_path / "x.npz"), ".npz"), (tmp_path / "p.zip", "")):
        if not what:
            in_npz(png(), path, name="a.png")
        raw = bytearray(path.read_bytes())
        for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            raw[raw.index(signature) + offset] |= 1
        path.write_bytes(raw)
    for read in reads(tmp_path / "x.npz"):
        assert "encrypted" in refused(read)
    with open_source(ImageSettings(source=str(tmp_path / "p.zip"))) as source:
        assert Cut((4, 4)).picture(source.openers(0, 1)[0]) == "encrypted"


def bomb(path: Path, name: str, head: bytes, mebibytes: int) -> Path:
    """A zip of one member that inflates to many times its size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        member.write(head)
        for _ in range(mebibytes):
            member.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    return path


def test_a_zip_bomb_is_never_in_memory(tmp_path: Path) -> None:
    path = bomb(tmp_path / "p.zip", "a.bmp", png(), 160)
    raw = bytearray(path.read_bytes())
    place = raw.index(b"PK\1\2") + 24
    raw[place : place + 4] = struct.pack("<I", 1000)  # the directory lies
    path.write_bytes(raw)
    with little_memory(64), open_source(ImageSettings(source=str(path), max_megapixels=1)) as source:
        assert isinstance(Cut((4, 4)).picture(source.openers(0, 1)[0]), str)


def test_an_npz_bomb_is_read_as_a_stream_or_refused(tmp_path: Path) -> None:
    rows = 160 * 2**20 // 512
    head = npy(repr({"descr": "<f8", "fortran_order": False, "shape": (rows, 64)}))
    path = bomb(tmp_path / "z.npz", "z.npy", head, 160)
    with little_memory(64):
        assert sum(len(block) for block in LatentSet.open(path).blocks(1024)) == rows
        refused(lambda: load_npz(path), "would inflate to 167,772,")


def test_vectors_too_long_to_be_measured(tmp_path: Path) -> None:
    head = npy(repr({"descr": "<f8", "fortran_order": False, "shape": (2, 10 * 2**20)}))
    path = bomb(tmp_path / "z.npz", "z.npy", head, 160)
    refused(lambda: LatentSet.open(path), "components; more than 65,536", ArrayError)


# Pictures


def test_an_image_bomb_inside_a_small_frame_is_rejected(tmp_path: Path) -> None:
    """An icon that claims 16x16 pixels, around a PNG that claims 30,000 x 30,000."""
    inner = bytearray(png())
    inner[16:24] = struct.pack(">II", 30_000, 30_000)
    inner[29:33] = struct.pack(">I", zlib.crc32(inner[12:29]))
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner
    (tmp_path / "a.ico").write_bytes(icon)
    with pillow_limits(1), little_memory(64):
        opener = FolderSource(tmp_path, "p", None, 1).openers(0, 1)[0]
        assert isinstance(Cut((4, 4)).picture(opener), str)


def test_file_names_of_every_kind_survive_a_preparation(tmp_path: Path) -> None:
    folder = tmp_path / "p\nq"
    folder.mkdir()
    for number, name in enumerate(ODD_NAMES):
        (folder / os.fsdecode(name)).write_bytes(png(number) if number % 2 else b"no picture")
    (folder / "good.png").write_bytes(png())
    store = prepare(ImageSettings(source=str(folder)), tmp_path / "out")
    labels = sorted(name.decode("utf-8", "backslashreplace") for name in ODD_NAMES)
    with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as file:
        rejected = list(csv.DictReader(file))
    assert {row["reason"] for row in rejected} == {"not a picture but text"}
    assert sorted([*(row["source"] for row in rejected), *store.index["source"]]) == sorted(
        [*labels, "good.png"]
    )
    assert "\n" in "".join(labels)
    again = pd.read_parquet(tmp_path / "out" / "index.parquet")
    assert list(again["source"]) == list(store.index["source"])


def test_file_names_of_every_kind_in_a_zip(tmp_path: Path) -> None:
    names = ["new\nline.png", "esc\x1b[31m.png", "bad\nnews.png"]
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name in names:
            archive.writestr(name, png() if name != names[-1] else b"no picture")
    store = prepare(ImageSettings(source=str(tmp_path / "p.zip")), tmp_path / "out")
    assert sorted(store.index["source"]) == sorted(names[:2])
    with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as file:
        assert [row["source"] for row in csv.DictReader(file)] == names[2:]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_error_line_names_any_file_in_one_line(
    tmp_path: Path, name: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / os.fsdecode(name + b".npy")
    path.write_bytes(b"no array")
    text = refused(lambda: LatentSet.open(path), one_line(str(path)), ArrayError)
    monkeypatch.setattr("sys.argv", ["zpoints", "analyse", str(path), str(tmp_path / "out")])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "error: " + " ".join(text.split()) + "\n"


def test_a_progress_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    LineProgress().say("prepare: a\nb\x1b[2J.jpg")
    assert capsys.readouterr().err == "prepare: a\\nb\\x1b[2J.jpg\n"


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder that is gone afterwards: pytest's own way of clearing up would meet the end of Python's stack."""
    (tmp_path / "deep").mkdir()
    yield tmp_path / "deep"
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


def test_folders_nested_deeper_than_the_stack(deep: Path) -> None:
    home = Path.cwd()
    try:
        os.chdir(deep)
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
        Path("a.png").write_bytes(png())
    finally:
        os.chdir(home)
    source = FolderSource(deep, "deep", None, 1)
    assert source.label(0) == "d/" * 1200 + "a.png"
    assert not isinstance(Cut((4, 4)).picture(source.openers(0, 1)[0]), str)


# Arrays


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 9223372036854775808)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1" + "0" * 5000 + ")}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2.0)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 500 + ")" * 500 + "}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 2000 + ")}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2)",
        "{'descr': '<M8[\x89]', 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': '(3,)f4', 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': [('a',)], 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': '|S0', 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': '|V2000000000', 'fortran_order': False, 'shape': (4, 2)}",
        "{'descr': '<f4', 'fortran_order': 3, 'shape': (4, 2)}",
        "{'descr': '<f4', 'shape': (4, 2)}",
        "__import__('os').abort()",
        "'''",
        "\0",
        "",
    ],
)
def test_a_corrupt_npy_header(tmp_path: Path, header: str) -> None:
    content = npy(header, bytes(64))
    (tmp_path / "z.npy").write_bytes(content)
    with little_memory(64):
        for path in (tmp_path / "z.npy", in_npz(content, tmp_path / "z.npz")):
            latents, images, _ = reads(path)
            assert str(path) in refused(latents)
            assert str(path) in refused(images)


@pytest.mark.parametrize("shape", [(10**12, 2), (2**32, 2**32), (-4, 2)])
def test_whole_files_are_not_larger_in_memory_than_on_disk(tmp_path: Path, shape: tuple[int, ...]) -> None:
    content = npy(repr({"descr": "<f8", "fortran_order": False, "shape": shape}), bytes(64))
    (tmp_path / "z.npy").write_bytes(content)
    with little_memory(64):
        refused(lambda: open_array(tmp_path / "z.npy"), "z.npy")
        refused(lambda: load_npz(in_npz(content, tmp_path / "z.npz")), "z.npz")


@pytest.mark.parametrize("name", ["x" * 5000, "new\nline"])
def test_many_arrays_with_long_names(tmp_path: Path, name: str) -> None:
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        for number in range(500):
            archive.writestr(f"{number}{name}.npy", content.getvalue())
    for read in reads(tmp_path / "z.npz")[:2]:
        assert len(refused(read, str(tmp_path / "z.npz"))) < 700


class Trap:
    """Loading its pickle makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (self.marker,)


def test_pickled_objects_in_the_files_of_a_run(tmp_path: Path) -> None:
    marker = tmp_path / "sprung"
    trap = np.array([[Trap(marker), 1.0]], dtype=object)
    for name in ("distribution.npz", "sampler.npz"):
        np.savez(tmp_path / name, head=trap, mean=trap, allow_pickle=True)
    refused(lambda: Distribution.load(tmp_path / "distribution.npz"), "distribution.npz", ArrayError)
    refused(lambda: Sampler.load(tmp_path / "sampler.npz"), "sampler.npz", ArrayError)
    torch.save({"key": "key", "network": Trap(marker)}, tmp_path / "last.pt")
    refused(lambda: TrainingState.load(tmp_path / "last.pt", "key"), "last.pt", StageError)
    (tmp_path / "last.pt").write_bytes(pickle.dumps(Trap(marker)))
    refused(lambda: TrainingState.load(tmp_path / "last.pt", "key"), "last.pt", StageError)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Trap(marker)))
    assert marker.exists(), "the trap works"


@pytest.mark.parametrize("claimed", [2**31, 2**63 - 1, 2**64 - 1, 99_000_000])
def test_a_safetensors_header_of_gigabytes(tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "z.safetensors"
    for size in (2**31 + 4096, 100):  # with and without the disk space for it; a hole in the file
        with path.open("wb") as file:
            file.write(struct.pack("<Q", claimed) + b"{")
            file.truncate(size)
        refused(lambda: LatentSet.open(path), "cannot be read as safetensors", ArrayError)


@pytest.mark.parametrize("shape", [[10**12, 2], [2**32, 2**32, 2], [2, -2], [4, 2, 0]])
def test_a_safetensors_shape_that_the_file_does_not_hold(tmp_path: Path, shape: list[int]) -> None:
    header = json.dumps({"z": {"dtype": "F32", "shape": shape, "data_offsets": [0, 16]}}).encode()
    path = tmp_path / "z.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    with little_memory(64):
        refused(lambda: LatentSet.open(path), str(path), ArrayError)


def test_a_parquet_index_that_is_damaged_past_its_footer(tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", np.zeros((300, 3, 3, 1), np.uint8))
    table = {"id": range(300), "source": [f"{k}.png" for k in range(300)], "split": ["train"] * 300}
    path = tmp_path / "index.parquet"
    pq.write_table(pa.table({name: list(values) for name, values in table.items()}), path)
    content = bytearray(path.read_bytes())
    content[4:1500] = bytes(1496)
    path.write_bytes(content)
    store = ImageStore.open(tmp_path)
    refused(lambda: store.index, "index.parquet: cannot be read as parquet", StageError)


# Texts


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{b = " * 5000,
        "seed = 1" + "0" * 5000,
        'name = ".."',
        'name = "."',
        'name = "a/b"',
        'name = "a\\nb"',
        '"new\\nline" = 1',
        '[images]\n"\\u001b[31m" = 1',
        "images.size = [1, 2, 3]",
        "images = [[1]]",
        "a = 1979-99-99",
        "seed = nan",
        "\ufeff\ufeffseed = 1",
        'name = "' + "/" * 5000 + '"',
        "x" * 5000 + " = 1",
    ],
    ids=lambda text: text[:20],
)
def test_hostile_toml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    assert len(refused(lambda: load_settings(path), str(path), UsageError)) < 700


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"a": 1' + "0" * 5000 + "}", "\ud800", ""]
)
def test_hostile_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(lambda: read_json(path), str(path), ArrayError)
    path.replace(tmp_path / "journal")
    assert not Journal(tmp_path / "journal", "key").blocks


@pytest.mark.parametrize(
    "text", ["{}", '{"stages": []}', '{"stages": {"prepare": 1}}', '{"stages": {"train": {}}}']
)
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    refused(lambda: Run(tmp_path, Settings()).record, "run.json: is no record", StageError)


@pytest.mark.parametrize(
    "line_",
    [
        '{"first": 0, "number": -5, "rejected": [], "seconds": 0}',
        '{"first": 0, "number": 5, "rejected": [[7, "x"]], "seconds": 0}',
        '{"first": 0, "number": 5, "rejected": [[1, "x"], [1, "y"]], "seconds": 0}',
        '{"first": 0, "number": "many", "rejected": [], "seconds": 0}',
        '{"first": 0, "number": 1e999, "rejected": [], "seconds": 0}',
        '{"first": 0, "number": 5, "rejected": [], "seconds": "long"}',
        '{"first": 0, "number": 5, "rejected": [], "seconds": 1, "notes": ["grey"]}',
        '{"first": 0, "number": 5, "rejected": [], "seconds": 1, "notes": {"grey": "many"}}',
        "[]",
        "[" * 100_000,
    ],
)
def test_a_journal_that_cannot_be_true_ends_before_the_lie(tmp_path: Path, line_: str) -> None:
    path = tmp_path / "journal"
    path.write_text('{"key": "key", "decided": {}}\n' + line_ + "\n")
    assert Journal(path, "key").blocks == []


@pytest.mark.parametrize("announced", ["²", "1" * 5000, "-2", "02"])
def test_the_number_of_pictures_in_a_list(tmp_path: Path, announced: str) -> None:
    folder = tmp_path / "img_align_celeba"
    folder.mkdir()
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes(png())
    text = f"{announced}\nSmiling\n1.png 1\n2.png -1\n"
    (tmp_path / "list_attr_celeba.txt").write_text(text, encoding="utf-8")
    settings = ImageSettings(source=str(folder))
    if announced == "02":
        assert len(open_source(settings)) == 2
    else:
        refused(lambda: open_source(settings), "list_attr_celeba.txt, line 1", SourceError)


# Networks and samplers


@pytest.fixture
def model(tmp_path: Path) -> Path:
    settings = AutoencoderSettings(channels=(2,), kernel=2, latent=2)
    save_autoencoder(tmp_path / "model", Autoencoder(Architecture.of((4, 4, 1), settings)), {})
    return tmp_path / "model"


@pytest.mark.parametrize(
    "change",
    [
        {"latent": 10**12},
        {"latent": 3},
        {"height": 2**19, "width": 2**19},
        {"height": 2**80},
        {"height": 0},
        {"height": "4"},
        {"channels": []},
        {"channels": [10**9]},
        {"channels": [1] * 40},
        {"channels": None},
        {"kernel": 1000},
        {"activation": "none"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_an_architecture_that_the_weights_are_not_of(model: Path, change: dict[str, Any]) -> None:
    content = read_json(model / "model.json")
    content["architecture"] |= change
    (model / "model.json").write_text(json.dumps(content))
    with little_memory(64):
        refused(lambda: load_autoencoder(model))


@pytest.mark.parametrize("content", [b"[1]", b'{"architecture": 1}', b'{"architecture": []}', b"{}"])
def test_a_model_without_architecture(model: Path, content: bytes) -> None:
    (model / "model.json").write_bytes(content)
    refused(lambda: load_autoencoder(model), "model.json", ArrayError)


def test_a_checkpoint_bomb_and_other_kinds_of_files(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    state = TrainingState("key", network={"w": torch.zeros(50 * 2**18)})
    state.save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    (tmp_path / "x").replace(path)
    with little_memory(32):
        refused(lambda: TrainingState.load(path, "key"), "compressed", StageError)
    torch.save(vars(TrainingState("key")), path, _use_new_zipfile_serialization=False)
    refused(lambda: TrainingState.load(path, "key"), "last.pt", StageError)
    torch.save(vars(TrainingState("key")) | {"epoch": "x"}, path)
    refused(lambda: TrainingState.load(path, "key"), "'epoch' is no int", StageError)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("normal", {"rank": np.array("x")}),
        ("normal", {"mean": np.array(["a", "b"])}),
        ("normal", {"mean": np.zeros((2, 2))}),
        ("normal", {"covariance": np.full((2, 2), np.nan)}),
        ("normal", {"n": np.zeros(3)}),
        ("normal", {"head": np.array("[" * 100_000)}),
        ("normal", {"head": np.array("[]")}),
        ("normal", {"head": np.array('{"sampler": "normal", "settings": []}')}),
        ("normal", {"head": np.array('{"sampler": [], "settings": {}}')}),
        ("kernel", {"points": np.zeros(())}),
        ("kernel", {"points": np.zeros((0, 2))}),
        ("kernel", {"points": np.zeros((5, 3))}),
        ("kernel", {"width": np.array("wide")}),
        ("mixture", {"mixture_weights": np.zeros((2, 2))}),
        ("mixture", {"mixture_means": np.zeros((1, 1))}),
        ("mixture", {"mixture_covariances": np.array("x")}),
    ],
    ids=str,
)
def test_arrays_of_a_sampler_that_do_not_fit(
    tmp_path: Path, name: str, changes: dict[str, np.ndarray]
) -> None:
    path = tmp_path / "sampler.npz"
    SAMPLERS[name]().fit(np.random.default_rng(0).normal(size=(60, 2))).save(path)
    Sampler.load(path).sample(3)
    write_npz(path, load_npz(path) | changes)
    refused(lambda: Sampler.load(path), str(path), ArrayError)


def test_settings_of_a_sampler_that_ask_for_all_memory(tmp_path: Path) -> None:
    path = tmp_path / "sampler.npz"
    sampler = SAMPLERS["flow-matching"](width=8, blocks=1, steps=2, batch=8)
    sampler.fit(np.random.default_rng(0).normal(size=(60, 2))).save(path)
    arrays = load_npz(path)
    for change in ({"blocks": 10**9}, {"blocks": 2}, {"width": 3}):
        head = json.loads(str(arrays["head"]))
        head["settings"] |= change
        write_npz(path, arrays | {"head": np.array(json.dumps(head))})
        with little_memory(64):
            refused(lambda: Sampler.load(path), "not a whole sampler", ArrayError)
