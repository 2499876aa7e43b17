"""Forms that are not read: what is said of them, and that the commands do what they say."""

import io
import pickle
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from support import line
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.conversions import FORMS
from zpoints.images.sources import open_source


def said(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(ImageSettings(source=str(path)))
    text = line(caught.value)
    assert str(path) in text
    assert len(text) < 800 + 3 * len(str(path))
    return text


@pytest.fixture
def convert(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Do what the line says, as a shell would understand it."""

    def do(text: str) -> None:
        monkeypatch.chdir(tmp_path)
        exec(shlex.split(text[text.index("python -c") :])[2], {})

    return do


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("data.mdb", bytes(16) + b"\xde\xc0\xef\xbe" + bytes(100), "LMDB"),
        ("x", b"\x80\x04rest", "pickle"),
        ("x.pkl", b"any", "pickle"),
        ("ffhq-r08.tfrecords", bytes(100), "TensorFlow"),
        ("train-00000-of-01024.tfrecord", bytes(100), "TensorFlow"),
        ("x.mat", b"MATLAB 5.0 MAT-file", "MATLAB"),
        ("x.h5", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("clip.mp4", b"\0\0\0\x18ftypmp42", "video"),
        ("clip.avi", b"RIFF", "video"),
        ("x.7z", b"7z\xbc\xaf\x27\x1c", "7z"),
        ("img.7z.001", b"any", "7z"),
        ("x.rar", b"Rar!\x1a\x07", "RAR"),
        ("x.tar.zst", b"\x28\xb5\x2f\xfd", "Zstandard"),
        ("x.arrow", b"ARROW1", "Arrow"),
        ("x.pdf", b"%PDF-1.4", "PDF"),
        ("x.jpg", b"\xff\xd8\xff", "one picture; name the folder"),
        ("notes.csv", b"a,b\n1,2\n", "a table; if a row is a picture"),
    ],
)
def test_a_foreign_file_is_named_with_the_way_out(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    (tmp_path / name).write_bytes(content)
    text = said(tmp_path / name)
    assert what in text
    assert ";" in text


def test_other_files_list_every_kind_of_source(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("x")
    text = said(tmp_path / "a.xyz")
    assert "neither a folder nor a zip, CelebA's download, Parquet files" in text
    for form in ("a folder", "a zip", "a tar", "a .npy", "a .npz", "Parquet files", "an IDX file"):
        assert form in text


@pytest.mark.parametrize("name", ["data_batch_1", "x.tfrecord", "data.mdb", "clip.mp4", "frames.h5"])
def test_a_folder_of_foreign_files_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_bytes(b"x" * 30)
    assert "holds" in said(tmp_path / "d")


def test_beside_pictures_they_are_files_like_any_other(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0")
    assert len(open_source(ImageSettings(source=str(tmp_path)))) == 2


def test_every_command_is_plain_text_with_its_file_in_it() -> None:
    for form in FORMS:
        text = form.line("a folder/x.bin")
        assert "{" not in text.split("**{")[0].replace("{'xy'", "")
        assert text.isprintable()
        if "python -c" in text:
            compile(shlex.split(text[text.index("python -c") :])[2], "command", "exec")
    assert "'" not in FORMS[3].line("it's.pkl").partition("load(open(")[2][:6].strip("'")


def test_the_command_for_cifar(tmp_path: Path, convert: Callable[[str], None]) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    random = np.random.default_rng(0)
    batches = {}
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        batches[name] = {b"data": random.integers(0, 256, (4, 3072), np.uint8), b"labels": [1, 2, 3, 4]}
        (folder / name).write_bytes(pickle.dumps(batches[name]))
    convert(said(folder))
    with open_source(ImageSettings(source=str(tmp_path / "cifar.npz"))) as source:
        assert source.splits is not None
        assert source.splits.tolist() == [0] * 8 + [2] * 4
        assert source.attributes["label"].tolist() == [1, 2, 3, 4] * 3
        picture = np.asarray(source.openers(8, 9)[0]())
    expected = batches["test_batch"][b"data"][0].reshape(3, 32, 32).transpose(1, 2, 0)
    np.testing.assert_array_equal(picture, expected)


def test_the_command_for_a_table_of_pixels(tmp_path: Path, convert: Callable[[str], None]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 784))
    header = "label," + ",".join(f"pixel{k}" for k in range(784))
    rows = [",".join(map(str, [7, *row])) for row in pixels]
    (tmp_path / "train.csv").write_text("\n".join([header, *rows]))
    convert(said(tmp_path / "train.csv"))
    with open_source(ImageSettings(source=str(tmp_path / "train.npz"))) as source:
        assert source.attributes["label"].tolist() == [7] * 5
        found = np.asarray(source.openers(2, 3)[0]())
        np.testing.assert_array_equal(found.reshape(28, 28), pixels[2].reshape(28, 28))


def test_the_commands_for_a_mat_file_and_a_pickle(tmp_path: Path, convert: Callable[[str], None]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (8, 8, 3, 5), np.uint8)
    savemat(tmp_path / "train_32x32.mat", {"X": x, "y": np.arange(5)[:, None]})
    convert(said(tmp_path / "train_32x32.mat"))
    with np.load(tmp_path / "train_32x32.npz") as made:
        np.testing.assert_array_equal(made["images"], x.transpose(3, 0, 1, 2))
    buffer = io.BytesIO()
    pickle.dump(x.transpose(3, 0, 1, 2), buffer)
    (tmp_path / "p.pkl").write_bytes(buffer.getvalue())
    convert(said(tmp_path / "p.pkl"))
    assert len(open_source(ImageSettings(source=str(tmp_path / "p.npy")))) == 5
