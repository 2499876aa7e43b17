"""What a text means: built-in sources, those of other packages, and which of them is asked first."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from PIL import Image

from support import line
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images.prepare import prepare
from zpoints.images.source import Opener, Options, Source, exists, path_of
from zpoints.images.sources import SOURCES, open_source
from zpoints.images.sources.celeba import CelebASource
from zpoints.images.sources.folder import FolderSource


class Stripes(Source):
    """Four pictures of one grey value each, in as few lines as one may write."""

    word = name = "stripes"

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        return cls()

    def __len__(self) -> int:
        return 4

    def describe(self) -> str:
        return "stripes"

    def fingerprint(self) -> str:
        return "stripes 1"

    def label(self, item: int) -> str:
        return f"stripe {item}"

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        return [lambda i=i: Image.new("L", (8, 8), 10 * i) for i in range(start, stop)]


class Album(Stripes):
    """A folder with a list of its own: more special than any folder."""

    word = None

    @classmethod
    def holds(cls, path: Path) -> bool:
        return (path / "album.txt").is_file()


class Remote(Stripes):
    """What is no path."""

    word = None

    @classmethod
    def recognises(cls, text: str) -> bool:
        return text.startswith("remote://")


class Failing(Stripes):
    """What raises anything, at any time."""

    word = None

    @classmethod
    def recognises(cls, text: str) -> bool:
        if text == "ask":
            raise RuntimeError("no idea\nat all")
        return text == "open"

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        raise KeyError("lost")


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in {"stripes": Stripes, "album": Album, "remote": Remote, "failing": Failing}.items():
        monkeypatch.setitem(SOURCES._loaded, name, kind)


@pytest.mark.usefixtures("others")
def test_a_source_of_ones_own_by_word_by_path_and_by_any_text(
    picture_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = picture_folder(2)
    assert isinstance(open_source(ImageSettings(source=str(folder))), FolderSource)
    (folder / "album.txt").write_text("")
    for text, kind in (("stripes", Stripes), (str(folder), Album), ("remote://x", Remote)):
        assert type(open_source(ImageSettings(source=text))) is kind
    store = prepare(ImageSettings(source="stripes", size=(8, 8)), tmp_path / "out")
    assert [int(picture.mean()) for picture in store.pixels] == [0, 10, 20, 30]
    assert store.index["source"].tolist() == [f"stripe {i}" for i in range(4)]


@pytest.mark.usefixtures("others")
def test_what_a_source_of_ones_own_raises_is_one_line() -> None:
    for text, why in (("ask", "no idea"), ("open", "'lost'")):
        with pytest.raises(SourceError) as caught:
            open_source(ImageSettings(source=text))
        assert f"{text}: the source 'failing' of" in line(caught.value)
        assert why in str(caught.value)


@pytest.mark.usefixtures("others")
def test_an_unknown_text_names_all_words() -> None:
    with pytest.raises(SourceError) as caught:
        open_source(ImageSettings(source="no/such"))
    assert "'faces', 'photo-faces', 'orl', 'olivetti', 'lfw', 'stripes'" in line(caught.value)


def test_a_folder_called_like_a_source(
    picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture_folder(2, name="faces").parent)
    assert open_source(ImageSettings(source="faces")).fingerprint().startswith("faces ")
    assert isinstance(open_source(ImageSettings(source="./faces")), FolderSource)
    picture_folder(2, name="zip")  # the name of a kind that is no word
    assert isinstance(open_source(ImageSettings(source="zip")), FolderSource)


def test_every_built_in_source_has_a_file_of_its_own_and_one_way_to_be_meant() -> None:
    words = ["faces", "photo-faces", "orl", "olivetti", "lfw"]
    folders = ["celeba", "parquet", "idx", "archives", "folder"]
    files = ["npy", "npz", "tar", "zip", "pattern"]
    assert SOURCES.names() == words + folders + files
    assert len({kind.__module__ for _, kind in SOURCES.members()}) == len(SOURCES)
    for name, kind in SOURCES.members():
        by_path = kind.form and ("holds" in vars(kind) or "recognises" in vars(kind))
        assert kind.word == name or (kind.word is None and by_path)


def test_contains_tells_what_lies_among_the_pictures(
    picture_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(2)
    monkeypatch.chdir(folder)
    source = open_source(ImageSettings(source="."))
    assert source.contains(folder / "runs" / "mine")
    assert source.contains(Path("out"))
    assert not source.contains(tmp_path / "out")
    (tmp_path / "link").symlink_to(folder)
    assert source.contains(tmp_path / "link" / "out")
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8), np.uint8))
    assert not open_source(ImageSettings(source=str(tmp_path / "x.npy"))).contains(tmp_path / "out")


def test_pictures_are_not_prepared_into_the_folder_of_celeba(
    picture_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = picture_folder(3, name="img_align_celeba")
    source = open_source(ImageSettings(source=str(tmp_path)))
    assert isinstance(source, CelebASource)
    with pytest.raises(SourceError, match="lies inside the folder of the pictures"):
        prepare(ImageSettings(source=str(tmp_path)), folder / "out")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("text", ["", "a\0b", "~nobody_of_this_name/x", "no/such"])
def test_what_is_no_path_does_not_exist(text: str) -> None:
    assert not exists(text)


def test_a_text_that_is_no_path_is_said_to_be_none() -> None:
    with pytest.raises(SourceError, match="not a path"):
        path_of("~nobody_of_this_name/x")
