"""Zips in zips, folders of zips, and what lies beside them."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from support import line, little_memory
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images import pieces
from zpoints.images.decoding import Cut
from zpoints.images.prepare import prepare
from zpoints.images.source import Source
from zpoints.images.sources import open_source
from zpoints.images.sources.archives import ArchivesSource
from zpoints.images.sources.folder import FolderSource
from zpoints.images.sources.zipped import ZipSource


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo("x")
            member.filename, member.compress_type = name, method  # as it is: a backslash stays one
            archive.writestr(member, content)
    return buffer.getvalue()


def opened(path: Path, **settings: object) -> Source:
    return open_source(ImageSettings(source=str(path), **settings))


def values(source: Source) -> dict[str, int | str]:
    results = [Cut((8, 8)).picture(opener) for opener in source.openers(0, len(source))]
    return {
        source.label(item): result if isinstance(result, str) else int(result[0, 0, 0])
        for item, result in enumerate(results)
    }


@pytest.fixture(params=[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def nested(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    inner = {f"{k}.zip": zipped({f"p/{n}.png": png(10 * k + n) for n in range(3)}) for k in (10, 2)}
    (tmp_path / "outer.zip").write_bytes(zipped(inner | {"readme.txt": b"hello"}, request.param))
    return tmp_path / "outer.zip"


def test_a_zip_in_a_zip_is_read_in_its_place(nested: Path, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    with opened(nested) as source:
        assert isinstance(source, ArchivesSource)
        expected = {f"{k}.zip/p/{n}.png": 10 * k + n for k in (2, 10) for n in range(3)}
        assert values(source) == expected
        assert "1 other file beside the zips in it: left out" in source.remarks
    assert set(tmp_path.rglob("*")) == before
    store = prepare(ImageSettings(source=str(nested), size=(8, 8)), tmp_path / "out")
    assert [int(picture.mean()) for picture in store.pixels] == list(expected.values())


def test_inflated_zips_go_to_disk_beyond_a_limit_and_nothing_stays(
    nested: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    monkeypatch.setattr(pieces, "IN_MEMORY", 100)
    with opened(nested) as source:
        assert list(values(source).values()) == [20, 21, 22, 100, 101, 102]
    assert list(room.iterdir()) == []


def test_without_room_for_an_inflated_zip_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "o.zip").write_bytes(zipped({"i.zip": zipped({"a.png": png(1)})}, zipfile.ZIP_DEFLATED))
    monkeypatch.setattr(
        pieces.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and type("U", (), {"free": 3})
    )
    with pytest.raises(SourceError, match="set TMPDIR to another folder") as caught:
        opened(tmp_path / "o.zip")
    assert "i.zip" in line(caught.value)


def test_a_copy_of_a_nested_zip_is_the_same_source(nested: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zip"
    copy.write_bytes(nested.read_bytes())
    assert opened(copy).fingerprint() == opened(nested).fingerprint()


def test_a_folder_of_zips(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for k in (1, 2):
        (folder / f"{k}.zip").write_bytes(zipped({"a.png": png(k)}))
    with opened(folder) as source:
        assert isinstance(source, ArchivesSource)
        assert values(source) == {"1.zip/a.png": 1, "2.zip/a.png": 2}
        before = source.fingerprint()
    assert opened(folder, count=1).label(0) == "1.zip/a.png"
    (folder / "2.zip").write_bytes(zipped({"a.png": png(3)}))
    assert opened(folder).fingerprint() != before


def test_where_pictures_lie_loose_archives_are_left_out_with_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(1))
    (folder / "backup.zip").write_bytes(zipped({"a.png": png(1)}))
    with opened(folder) as source:
        assert isinstance(source, FolderSource)
        assert "1 archive beside the pictures: left out; name it to use it" in source.remarks
    (tmp_path / "z.zip").write_bytes(zipped({"a.png": png(1), "i.zip": zipped({"b.png": png(2)})}))
    with opened(tmp_path / "z.zip") as source:
        assert isinstance(source, ZipSource)
        assert any("1 zip beside the pictures: left out" in remark for remark in source.remarks)


def test_a_bomb_and_damage_inside_a_zip_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "o.zip"
    for content, match in (
        (bytes(2**25), "would inflate to 33,554,432 bytes"),
        (b"no zip", "o.zip/i.zip: cannot be read as a zip"),
    ):
        path.write_bytes(zipped({"i.zip": content}, zipfile.ZIP_DEFLATED))
        with little_memory(32), pytest.raises(SourceError, match=match) as caught:
            opened(path)
        assert line(caught.value)
    raw = bytearray(zipped({"i.zip": zipped({"a.png": png(1)}) + bytes(2**22)}, zipfile.ZIP_DEFLATED))
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        place = (raw.index if signature == b"PK\3\4" else raw.rindex)(signature) + offset
        raw[place : place + 4] = struct.pack("<I", 300)
    path.write_bytes(raw)
    with little_memory(32), pytest.raises(SourceError):
        opened(path)


def test_names_of_windows_are_normalised_and_system_files_left_out(tmp_path: Path) -> None:
    files = {
        "set\\": b"",
        "set\\sub\\": b"",
        "set\\Thumbs.db": b"x",
        "desktop.ini": b"x",
        "__MACOSX\\set\\._0.jpg": b"x",
    }
    (tmp_path / "w.zip").write_bytes(zipped(files | {f"set\\sub\\{k}.png": png(k) for k in range(2)}))
    with opened(tmp_path / "w.zip") as source:
        assert values(source) == {"set/sub/0.png": 0, "set/sub/1.png": 1}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "real" / name).mkdir(parents=True)
        (tmp_path / "real" / name / "0.png").write_bytes(png(len(name)))
    return tmp_path / "real"


def test_linked_folders_are_followed_once_and_circles_end(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "links"
    root.mkdir()
    for name in ("cat", "dog"):
        (root / name).symlink_to(tree / name)
    (root / "again").symlink_to(tree / "cat")
    (root / "circle").symlink_to(root)
    (root / "broken").symlink_to(root / "nowhere")
    (root / "own.png").write_bytes(png(9))
    with opened(root) as source:
        assert list(values(source)) == ["again/0.png", "dog/0.png", "own.png"]
        assert "2 links to folders that are read anyhow: left out" in source.remarks
        assert "1 link to nothing: left out" in source.remarks
        assert source.attributes is not None
        assert source.attributes["class"].tolist()[:2] == ["again", "dog"]
        assert source.contains(tree / "dog" / "out")
        assert not source.contains(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="lies inside the folder"):
        prepare(ImageSettings(source=str(root)), tree / "dog" / "out")


def test_a_real_folder_comes_before_a_link_to_it(tree: Path) -> None:
    (tree / "a link").symlink_to(tree / "cat")
    assert list(values(opened(tree))) == ["cat/0.png", "dog/0.png"]


def test_class_folders_become_a_column_and_the_split_stays_random(tree: Path, tmp_path: Path) -> None:
    for number in range(1, 10):
        (tree / "cat" / f"{number}.png").write_bytes(png(number))
    store = prepare(ImageSettings(source=str(tree)), tmp_path / "out")
    assert store.index["class"].tolist() == ["cat"] * 10 + ["dog"]
    assert store.details["splits"] == "random"


def test_folders_of_splits_are_official(tmp_path: Path, picture_folder: Callable[..., Path]) -> None:
    for split, name, count in (("train", "a", 3), ("train", "b", 3), ("val", "a", 2), ("test", "b", 2)):
        (tmp_path / "d" / split / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "d" / split / name / f"{number}.png").write_bytes(png(number))
    (tmp_path / "d" / "readme.txt").write_text("x")
    store = prepare(ImageSettings(source=str(tmp_path / "d")), tmp_path / "out")
    assert store.details["splits"] == "official"
    assert all(row.source.startswith(row.split) for row in store.index.itertuples())
    assert all(row.source.split("/")[1] == row._asdict()["_4"] for row in store.index.itertuples())
