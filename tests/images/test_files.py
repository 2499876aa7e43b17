"""Folders and zips of encoded files, the ORL wheel, and what a path means."""

import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.files.wheels import ORL_FACES, Wheel
from zpoints.images.decoding import Cut
from zpoints.images.source import Source
from zpoints.images.sources import open_source
from zpoints.images.sources.folder import FolderSource
from zpoints.images.sources.zipped import ZipSource

Folder = Callable[..., Path]


def reasons(source: Source) -> dict[str, str]:
    results = [Cut((4, 4)).picture(opener) for opener in source.openers(0, len(source))]
    return {source.label(item): text for item, text in enumerate(results) if isinstance(text, str)}


def test_folder_is_read_below_and_in_order(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    for name in ("b.jpg", "a/2.jpg", "a/1.JPG", ".hidden.jpg", ".git/x.jpg", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"text" if name == "note.txt" else jpeg())
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "fifo")
    with open_source(ImageSettings(source=str(tmp_path))) as source:
        assert [source.label(item) for item in range(len(source))] == [
            "a/1.JPG",
            "a/2.jpg",
            "b.jpg",
            "note.txt",
        ]
        assert reasons(source) == {"note.txt": "not a picture but text"}
        assert source.natural_size == (96, 96)


def test_folder_rejects_empty_and_vanished_files(picture_folder: Folder) -> None:
    folder = picture_folder(3)
    source = FolderSource(folder, "f", None, 64)
    (folder / "000.jpg").write_bytes(b"")
    (folder / "001.jpg").unlink()
    assert reasons(source) == {
        "000.jpg": "empty file",
        "001.jpg": "cannot be read (No such file or directory)",
    }


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_folder_rejects_what_it_may_not_read(picture_folder: Folder) -> None:
    folder = picture_folder(2)
    (folder / "000.jpg").chmod(0)
    assert reasons(FolderSource(folder, "f", None, 64)) == {"000.jpg": "cannot be read (Permission denied)"}


def test_names_that_are_no_text_have_a_label(picture_folder: Folder) -> None:
    folder = picture_folder(1)
    try:
        (folder / "000.jpg").rename(folder / os.fsdecode(b"\xff.jpg"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    source = FolderSource(folder, "f", None, 64)
    assert source.label(0) == "\\xff.jpg"
    assert reasons(source) == {}
    assert source.fingerprint()


def test_folder_fingerprint_follows_the_files(picture_folder: Folder) -> None:
    folder = picture_folder(3)
    before = FolderSource(folder, "f", None, 64).fingerprint()
    assert FolderSource(folder, "another name", None, 64).fingerprint() == before
    (folder / "001.jpg").write_bytes(b"other")
    assert FolderSource(folder, "f", None, 64).fingerprint() != before


def test_count_takes_the_first(picture_folder: Folder, zipped: Callable[..., Path], tmp_path: Path) -> None:
    folder = picture_folder(5)
    path = zipped(folder, tmp_path / "p.zip")
    for source in (str(folder), str(path)):
        with open_source(ImageSettings(source=source, count=2)) as opened:
            assert [opened.label(item)[-7:] for item in range(len(opened))] == ["000.jpg", "001.jpg"]


def test_zip_gives_the_pictures_of_the_folder(
    picture_folder: Folder, zipped: Callable[..., Path], tmp_path: Path
) -> None:
    folder = picture_folder(4)
    path = zipped(folder, tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._000.jpg", b"x")
        archive.writestr("pictures/.DS_Store", b"x")
        archive.writestr("pictures/empty.jpg", b"")
        archive.mkdir("pictures/sub") if hasattr(archive, "mkdir") else None
    cut = Cut((8, 8))
    with ZipSource(path, "z", None, 64) as source:
        assert len(source) == 5
        assert reasons(source) == {"pictures/empty.jpg": "empty file"}
        there = [cut.picture(opener) for opener in source.openers(0, 4)]
    here = [cut.picture(opener) for opener in FolderSource(folder, "f", None, 64).openers(0, 4)]
    assert np.array_equal(there, here)


def zip_with_lie(path: Path, content: bytes, claimed: int) -> Path:
    """Write one deflated member and overwrite its size in both directories."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", content)
    raw = bytearray(path.read_bytes())
    true = struct.pack("<I", len(content))
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        place = raw.index(signature) + offset
        assert raw[place : place + 4] == true
        raw[place : place + 4] = struct.pack("<I", claimed)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("claimed", "reason"),
    [(10, "damaged in the zip"), (2**31, "larger than a picture of 1 megapixels")],
)
def test_zip_members_that_lie_are_rejected(
    tmp_path: Path, jpeg: Callable[..., bytes], claimed: int, reason: str
) -> None:
    path = zip_with_lie(tmp_path / "lie.zip", jpeg(), claimed)
    with ZipSource(path, "z", None, 1) as source:
        assert reasons(source) == {"a.jpg": reason}


def test_zip_bomb_is_not_inflated(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bmp", bytes(12_000_000))
    with ZipSource(tmp_path / "b.zip", "z", None, 1) as source:
        assert reasons(source) == {"a.bmp": "larger than a picture of 1 megapixels"}


def test_damaged_member_is_rejected(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", jpeg())
    raw = bytearray(path.read_bytes())
    raw[60:80] = bytes(20)
    path.write_bytes(raw)
    with ZipSource(path, "z", None, 64) as source:
        assert reasons(source) == {"a.jpg": "damaged in the zip"}


@pytest.mark.parametrize("name", ["p.zip", "p.npz"])
def test_damaged_archive_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\3\4 and no more")
    with pytest.raises(SourceError, match="cannot be read as") as caught:
        open_source(ImageSettings(source=str(tmp_path / name)))
    assert "\n" not in str(caught.value)


def test_empty_folder_and_empty_zip_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    for name in ("empty", "empty.zip"):
        with pytest.raises(SourceError, match="holds no files"):
            open_source(ImageSettings(source=str(tmp_path / name)))


def test_missing_path_names_itself_and_the_built_in_sources() -> None:
    with pytest.raises(SourceError) as caught:
        open_source(ImageSettings(source="no/such/folder"))
    assert all(name in str(caught.value) for name in ["no/such/folder", "faces", "orl", "olivetti", "lfw"])


@pytest.mark.parametrize("source", ["a\0b", "~nobody_of_this_name/x", ""])
def test_impossible_paths_are_source_errors(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError):
        open_source(ImageSettings(source=source))


def test_other_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("1,2")
    with pytest.raises(SourceError, match="neither a folder nor a zip"):
        open_source(ImageSettings(source=str(tmp_path / "a.xyz")))


def test_tilde_is_expanded(picture_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(picture_folder(2).parent))
    with open_source(ImageSettings(source="~/pictures")) as source:
        assert len(source) == 2


def test_orl(downloaded: Callable[[Wheel], Path]) -> None:
    downloaded(ORL_FACES)
    with open_source(ImageSettings(source="orl")) as source:
        assert len(source) == 400
        assert [source.label(item) for item in (0, 9, 10, 399)] == [
            "s1/1.pgm",
            "s1/10.pgm",
            "s2/1.pgm",
            "s40/10.pgm",
        ]
        assert source.attributes is not None
        assert source.attributes["person"].value_counts().eq(10).all()
        assert "AT&T Laboratories Cambridge" in source.describe()
        picture = Cut(source.natural_size).picture(source.openers(7, 8)[0])
        assert picture.shape == (112, 92, 1)
    with open_source(ImageSettings(source="orl", count=3)) as source:
        assert len(source) == 3


def test_zip_fingerprint_follows_the_contents_and_not_the_place(
    picture_folder: Folder, zipped: Callable[..., Path], tmp_path: Path
) -> None:
    folder = picture_folder(3)
    before = ZipSource(zipped(folder, tmp_path / "p.zip"), "p", None, 64).fingerprint()
    (tmp_path / "elsewhere").mkdir()
    copy = Path(shutil.copyfile(tmp_path / "p.zip", tmp_path / "elsewhere" / "q.zip"))
    os.utime(copy, (1, 1))
    assert ZipSource(copy, "another name", None, 64).fingerprint() == before
    content = bytearray((folder / "001.jpg").read_bytes())
    content[-20] ^= 1  # as many bytes, under the same name
    (folder / "001.jpg").write_bytes(content)
    assert ZipSource(zipped(folder, tmp_path / "p.zip"), "p", None, 64).fingerprint() != before


def test_a_link_to_itself_is_one_to_nothing(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    with open_source(ImageSettings(source=str(tmp_path))) as source:
        assert len(source) == 1
        assert "2 links to nothing: left out" in source.remarks
