"""Tars of pictures: plain and packed, shards with labels, and those of ill will."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import line, little_memory
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images import prepare as prepare_module
from zpoints.images.decoding import Cut
from zpoints.images.prepare import prepare
from zpoints.images.source import Source
from zpoints.images.sources import open_source
from zpoints.images.sources.archives import ArchivesSource
from zpoints.images.sources.tar import TarSource, _bytes_each
from zpoints.images.tars import Member


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "PNG")
    return buffer.getvalue()


def tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def values(source: Source, start: int = 0, stop: int | None = None) -> list[int | str]:
    results = [Cut((8, 8)).picture(opener) for opener in source.openers(start, stop or len(source))]
    return [_said(result) if isinstance(result, str) else int(result[0, 0, 0]) for result in results]


def _said(reason: str) -> str:
    """A reason, without what the file may be instead of a picture."""
    return "not a picture" if reason.startswith("not a picture") else reason


def opened(path: Path, **settings: object) -> Source:
    return open_source(ImageSettings(source=str(path), **settings))


@pytest.mark.parametrize(
    ("name", "mode"),
    [("p.tar", "w"), ("p.tgz", "w:gz"), ("p.tar.gz", "w:gz"), ("p.tar.bz2", "w:bz2"), ("p.tar.xz", "w:xz")],
)
def test_a_tar_is_read_in_its_order_forwards_and_backwards(tmp_path: Path, name: str, mode: str) -> None:
    files = {f"./a/{number}.png": png(number) for number in (3, 1, 2, 9)}
    path = tar(tmp_path / name, files | {"a/empty.png": b"", "a/.hidden.png": png(0), "note.md": b"x"}, mode)
    before = set(tmp_path.rglob("*"))
    with opened(path) as source:
        assert isinstance(source, TarSource)
        assert [source.label(item) for item in range(4)] == ["a/3.png", "a/1.png", "a/2.png", "a/9.png"]
        assert values(source) == [3, 1, 2, 9, "empty file", "not a picture"]
        assert values(source, 2, 4) == [2, 9]
        assert values(source, 0, 2) == [3, 1]
    assert set(tmp_path.rglob("*")) == before
    with opened(path, count=2) as source:
        assert values(source) == [3, 1]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_is_prepared_in_small_blocks(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    path = tar(tmp_path / "p.tar", {f"{number}.png": png(number) for number in range(30)}, mode)
    store = prepare(ImageSettings(source=str(path), size=(8, 8)), tmp_path / "out")
    assert [int(picture.mean()) for picture in store.pixels] == list(range(30))


def test_labels_beside_the_pictures_go_into_the_index(tmp_path: Path) -> None:
    files = {
        "0.png": png(0), "0.cls": b"7\n", "0.json": b'{"id": 5, "name": "a", "box": [1]}', "0.txt": b"a caption",
        "1.cls": b"8", "1.png": png(1), "1.json": b'{"id": 6, "split": "test"}', "1.txt": b"another",
        "readme.txt": b"no label of any picture", "2.png": png(2), "2.json": b"{", "2.cls": b"9",
    }  # fmt: skip
    with opened(tar(tmp_path / "p.tar", files)) as source:
        labels = [source.label(item) for item in range(len(source))]
        table = source.attributes
        assert labels == ["0.png", "1.png", "2.png", "2.json", "readme.txt"]
        assert table is not None
        assert table["cls"].tolist()[:3] == [7, 8, 9]
        assert table["id_there"].tolist()[:2] == [5, 6]
        assert table["txt"].tolist()[:2] == ["a caption", "another"]
        assert table["name"].tolist()[0] == "a"
        assert set(table.columns) == {"cls", "id_there", "name", "txt", "split_there"}


def test_shards_in_a_folder_are_one_source_in_natural_order(tmp_path: Path) -> None:
    for shard, split in ((0, "train"), (10, "train"), (2, "train"), (0, "test")):
        files = {f"{k}.png": png(10 * shard + k) for k in range(2)}
        tar(tmp_path / "shards" / f"{split}-{shard}.tar", files | {f"{k}.cls": b"1" for k in range(2)})
    (tmp_path / "shards" / "readme.md").write_text("x")
    with opened(tmp_path / "shards") as source:
        assert isinstance(source, ArchivesSource)
        assert source.label(0) == "test-0.tar/0.png"
        assert values(source) == [0, 1, 0, 1, 20, 21, 100, 101]
        assert values(source, 3, 5) == [1, 20]
        assert source.splits is not None
        assert source.splits.tolist() == [2, 2, 0, 0, 0, 0, 0, 0]
        assert source.attributes is not None
        assert source.attributes["cls"].tolist() == [1] * 8
        assert source.contains(tmp_path / "shards" / "out")
    for text in ("shards/train-*.tar", "shards/train-{0..2}.tar"):
        if "{" in text:
            tar(tmp_path / "shards" / "train-1.tar", {"0.png": png(5)})
        with opened(tmp_path / text) as source:
            expected = {"*": [0, 1, 20, 21, 100, 101], "{": [0, 1, 5, 20, 21]}
            assert values(source) == expected["{" if "{" in text else "*"]
            assert source.splits is None
    with pytest.raises(SourceError, match="1 file missing") as caught:
        opened(tmp_path / "shards/train-{0..3}.tar")
    assert "train-3.tar" in line(caught.value)


def test_a_tar_in_a_tar_and_one_tar_after_the_other(tmp_path: Path) -> None:
    inner = tar(tmp_path / "x" / "i.tar", {"0.png": png(4), "1.png": png(5)}).read_bytes()
    for mode in ("w", "w:gz"):
        path = tar(tmp_path / "o.tar", {"b.png": png(1), "d/i.tar": inner, "c.png": png(2)}, mode)
        with opened(path) as source:
            assert [source.label(item) for item in range(4)] == [
                "b.png",
                "d/i.tar/0.png",
                "d/i.tar/1.png",
                "c.png",
            ]
            assert values(source) == [1, 4, 5, 2]
    path = tmp_path / "two.tar"
    path.write_bytes(inner + inner)
    with opened(path) as source:
        assert values(source) == [4, 5, 4, 5]
    path.write_bytes(inner + b"no tar")
    with opened(path) as source:
        assert values(source) == [4, 5]
        assert any("data after the end: left out" in remark for remark in source.remarks)


def test_what_climbs_out_links_and_devices_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "p.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("../climbed.png", "a/../../climbed.png", "/absolute.png", "good.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png(7))
            archive.addfile(info, io.BytesIO(png(7)))
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"{number}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    before = set(tmp_path.rglob("*"))
    with opened(path) as source:
        assert values(source) == [7, 7]
        assert "4 x link or device: left out" in source.remarks
        assert "2 x name that climbs out of the tar: left out" in source.remarks
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/absolute.png").exists()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.8])
def test_a_truncated_tar_is_one_line(tmp_path: Path, mode: str, keep: float) -> None:
    noise = np.random.default_rng(0).bytes(20_000)
    path = tar(tmp_path / "p.tar", {f"{number}.png": noise for number in range(9)}, mode)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(SourceError, match=r"cannot be read as a tar|damaged") as caught:
        opened(path)
    assert str(path) in line(caught.value)


def test_a_damaged_header_ends_the_work_and_not_the_list(tmp_path: Path) -> None:
    path = tar(tmp_path / "p.tar", {f"{number}.png": png(number) for number in range(9)})
    raw = bytearray(path.read_bytes())
    raw[4 * 1024 : 4 * 1024 + 20] = bytes(range(1, 21))
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="damaged 4,096 bytes from its start"):
        opened(path)


def test_tars_that_claim_the_impossible(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.png")
    info.size = 2**40
    header = info.tobuf(tarfile.GNU_FORMAT)
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2**33
    negative = bytearray(tarfile.TarInfo("a.png").tobuf(tarfile.GNU_FORMAT))
    negative[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024 in base 256
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    contents = [header, long.tobuf(tarfile.GNU_FORMAT), bytes(negative), b"", b"no tar at all", bytes(10_240)]
    for number, content in enumerate(contents):
        for suffix, data in ((".tar", content), (".tgz", gzip.compress(content + bytes(2**22)))):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(data)
            with little_memory(64), pytest.raises(SourceError) as caught:
                opened(path)
            assert str(path) in line(caught.value)


def test_a_bomb_in_a_packed_tar_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "b.tgz"
    info = tarfile.TarInfo("a.bmp")
    info.size = 80 * 2**20
    with gzip.open(path, "wb", 1) as file:
        file.write(info.tobuf())
        for _ in range(80):
            file.write(bytes(2**20))
        file.write(bytes(1024))
    with little_memory(40), opened(path, max_megapixels=1) as source:
        assert values(source) == ["larger than a picture of 1 megapixels"]


def test_a_block_of_a_packed_tar_is_bounded_in_bytes() -> None:
    def members(*sizes: int) -> list[Member]:
        return [Member("x", 0, size) for size in sizes]

    assert _bytes_each(members(*[1000] * 5000), 10**9) == 2**25 // 256
    assert _bytes_each(members(*[2**20] * 5000), 10**9) == 2**25 // 32
    assert _bytes_each(members(*[2**20] * 5000, 2**26), 10**9) == 2**25 // 32
    assert _bytes_each(members(2**40, 10), 10**9) == 2**25 // 256


def test_the_fingerprint_follows_the_tar(tmp_path: Path) -> None:
    path = tar(tmp_path / "p.tar", {"0.png": png(0)})
    before = opened(path).fingerprint()
    assert opened(path).fingerprint() == before
    tar(path, {"0.png": png(1)})
    os.utime(path, (1, 1))
    assert opened(path).fingerprint() != before


def test_a_tar_of_pickles_says_how_to_convert(tmp_path: Path) -> None:
    path = tar(tmp_path / "cifar-10-python.tar.gz", {"cifar-10-batches-py/data_batch_1": b"\x80\x02"}, "w:gz")
    with pytest.raises(SourceError, match="batches of CIFAR") as caught:
        opened(path)
    assert "unpack it" in line(caught.value)


def test_folders_in_a_tar_are_classes(tmp_path: Path, picture_folder: Callable[..., Path]) -> None:
    path = tar(tmp_path / "lfw.tgz", {f"lfw/{name}/1.png": png(1) for name in ("Ann", "Bob")}, "w:gz")
    with opened(path) as source:
        assert source.attributes is not None
        assert source.attributes["class"].tolist() == ["Ann", "Bob"]


def test_several_pictures_of_one_key_are_said(tmp_path: Path) -> None:
    files = {f"{number}.{end}": png(number) for number in range(3) for end in ("input.png", "mask.png")}
    with open_source(ImageSettings(source=str(tar(tmp_path / "t.tar", files)))) as source:
        assert len(source) == 6
        assert "3 x several pictures of one name (.input.png, .mask.png)" in "; ".join(source.remarks)
