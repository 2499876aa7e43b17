"""CelebA as people have it: the aligned pictures, the official split and the forty attributes, wherever these lie."""

import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import pandas as pd
from PIL import Image

from zpoints.errors import SourceError
from zpoints.images.celeba_lists import (
    ATTRIBUTES,
    ENDS,
    PARTITION,
    ListFile,
    is_list,
    read_attributes,
    read_partition,
)
from zpoints.images.files import FileSource
from zpoints.images.naming import in_words, is_hidden, is_picture
from zpoints.images.pieces import Spool
from zpoints.images.source import Opener, Options, Source, UnusableError, path_of
from zpoints.images.sources.archives import inner_zip
from zpoints.images.sources.folder import FolderSource
from zpoints.images.sources.zipped import ZipSource, is_zip, name_of

__all__ = ["CelebASource", "find_pictures"]

PICTURES = "img_align_celeba"
NAMES = (PICTURES, f"{PICTURES}_png", "img_celeba")
"""The folders of pictures that the authors give out: aligned, aligned without loss, as found."""
BELOW = ("", "Img", "celeba", "CelebA", "celeba/Img", "CelebA/Img", "archive", "celeba-dataset")
"""Where they may lie below the folder that is named: the authors' Drive, torchvision, Kaggle."""
LIST_FOLDERS = ("", "Eval", "Anno", "eval", "anno")
"""Where the lists may lie beside them."""
DEEPEST, MOST_BESIDE = 8, 16
"""Folders in folders, and what is hidden beside each, that are looked through."""
KINDS = (PARTITION, ATTRIBUTES)
PACKED = (f"{PICTURES}_png.7z", "img_celeba.7z")
"""Downloads of CelebA that cannot be read in their place; the second is of parts, .001 and so on."""


def find_pictures(path: Path) -> Path | None:
    """Return the zip or folder that holds CelebA's pictures if `path` is a download of it, else None."""
    if path.resolve().name in (*NAMES, f"{PICTURES}.zip") or path.name in NAMES:
        return path
    if path.is_dir():
        for folder in _alone_below(path):
            for below in BELOW:
                for name in (f"{PICTURES}.zip", *NAMES):
                    if (found := folder / below / name).exists():
                        return found
            if _lists_beside([folder]) and not _packed_in(folder):
                return folder  # the pictures under another name, beside the lists
        return None
    return path if is_zip(path) and _is_celeba_zip(path) else None


def _alone_below(path: Path) -> Iterator[Path]:
    """The folder, and those that a download was unpacked into: one in each, with nothing else beside it."""
    for _ in range(DEEPEST):
        yield path
        try:
            inside = [each for each in islice(path.iterdir(), MOST_BESIDE) if not is_hidden(each.name)]
        except OSError:  # whoever reads it will say so
            return
        if len(inside) != 1 or not inside[0].is_dir():
            return
        path = inside[0]


class CelebASource(Source):
    """CelebA's pictures, with what the list files beside or above them say; each of the two is optional.

    A picture that a list leaves out is rejected.
    """

    form = "CelebA's download"

    def __init__(self, pictures: Path, name: str, count: int | None, max_megapixels: float) -> None:
        self.name = name
        self.spool = Spool()
        self.unlisted: dict[int, str] = {}
        self.lists: dict[str, ListFile] = {}
        self.missing = 0
        self.pictures = self._opened(pictures, count, max_megapixels)
        self.default_crop = self.pictures.default_crop
        try:
            self._read_lists([PurePosixPath(self.label(item)).stem for item in range(len(self))])
        except BaseException:
            self.close()
            raise
        self.remarks = (self._told(), *self.pictures.remarks)
        if self.missing and count is None:
            self.remarks += (f"{in_words(self.missing, 'picture')} of the lists not there",)

    @classmethod
    def holds(cls, path: Path) -> bool:
        """Whether it is CelebA's download, or a part of it."""
        return find_pictures(path) is not None or bool(path.is_dir() and _packed_in(path))

    @classmethod
    def of(cls, text: str, options: Options) -> Self:
        """Open the download that the text means."""
        path = path_of(text)
        pictures = find_pictures(path)
        if pictures is None:
            if packed := _packed_in(path):
                folder = packed.parent
                raise SourceError(
                    f"{text}: CelebA's pictures are in {packed.name}, a 7z archive, which is not read in its place; "
                    f"unpack it: 7z x '{folder / packed.name}' -o'{folder}'; then name {text} again. Or download "
                    f"{PICTURES}.zip, which is read as it is"
                )
            raise SourceError(f"{text}: no {PICTURES}.zip and no folder {PICTURES}; download CelebA again")
        return cls(pictures, text, options.count, options.max_megapixels)

    def __len__(self) -> int:
        return len(self.pictures)

    def describe(self) -> str:
        """Give the credit, and say which lists there are."""
        found = [self.lists[list_].file for list_ in KINDS if list_ in self.lists] or ["no list file"]
        return f"CelebA (Liu et al. 2015), {self.name}: {len(self):,} files, with {' and '.join(found)}"

    def fingerprint(self) -> str:
        """Name the pictures, and hash the lists: they are read anyhow, and a copy is as good."""
        marks = [self.lists[list_].sha256 if list_ in self.lists else "none" for list_ in KINDS]
        return f"celeba {self.pictures.fingerprint()} {' '.join(marks)}"

    def label(self, item: int) -> str:
        """Return the path of the picture."""
        return self.pictures.label(item)

    def openers(self, start: int, stop: int) -> Sequence[Opener]:
        """Return one opener per picture."""
        openers = list(self.pictures.openers(start, stop))
        for item in self.unlisted.keys() & set(range(start, stop)):
            openers[item - start] = _refuse(self.unlisted[item])
        return openers

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the folder of the pictures."""
        return self.pictures.contains(path)

    def close(self) -> None:
        """Close the zip."""
        self.pictures.close()
        self.spool.close()

    def _opened(self, path: Path, count: int | None, max_megapixels: float) -> FileSource:
        """Open the pictures, and find the lists around and inside."""
        self.lists = _lists_beside(_around(path))
        if path.is_dir():
            folder = FolderSource(path, self.name, None, max_megapixels)
            folder.paths = [file for file in folder.paths if not _is_companion(file)][:count]
            return self._checked(folder)
        outer = ZipSource(path, self.name, None, max_megapixels)
        try:
            self.lists = _lists_inside(outer) | self.lists
            pictures = _pictures_in(outer, self.spool)
            for list_ in self.lists.values():
                _ = list_.content  # read while the zip around the pictures is open
            pictures.members = pictures.members[:count]
            self._checked(pictures)
        except BaseException:
            outer.close()
            raise
        if pictures is not outer:
            outer.close()
        return pictures

    def _checked(self, pictures: FileSource) -> FileSource:
        if not len(pictures):
            raise SourceError(
                f"{self.name}: holds lists and no pictures; download {PICTURES}.zip beside them"
            )
        return pictures

    def _read_lists(self, stems: list[str]) -> None:
        if list_ := self.lists.get(PARTITION):
            table = self._in_order(stems, *read_partition(list_), list_.file)
            self.splits = table["partition"].to_numpy()
        if list_ := self.lists.get(ATTRIBUTES):
            self.attributes = self._in_order(stems, *read_attributes(list_), list_.file)

    def _in_order(self, stems: list[str], names: list[str], table: pd.DataFrame, list_: str) -> pd.DataFrame:
        """Bring the rows of a list into the order of the pictures, which may be .png where the list says .jpg."""
        listed = [PurePosixPath(name).stem for name in names]
        if len(set(listed)) < len(listed):
            raise SourceError(f"{list_}: names a picture twice; download the list again")
        rows = pd.Index(listed).get_indexer(pd.Index(stems))
        self.missing = max(self.missing, len(listed) - int((rows >= 0).sum()))
        for item in np.flatnonzero(rows < 0):
            self.unlisted.setdefault(int(item), f"not in {list_}")
        return table.take(np.maximum(rows, 0)).reset_index(drop=True)

    def _told(self) -> str:
        split = (
            "the official split"
            if self.splits is not None
            else f"no {PARTITION}.txt or .csv, so no official split"
        )
        attributes = (
            in_words(self.attributes.shape[1], "attribute")
            if self.attributes is not None
            else f"no {ATTRIBUTES}.txt or .csv, so no attributes"
        )
        return f"CelebA, {in_words(len(self), 'picture')}; {split}; {attributes}"


def _around(pictures: Path) -> Iterator[Path]:
    """The folder of the pictures, and three above: Kaggle's lie in a folder of the same name, the Drive's in Img."""
    seen = []
    for path in (
        pictures,
        pictures.resolve(),
    ):  # a link's lists may lie beside it, or beside what it leads to
        for folder in ([path] if path.is_dir() else []) + list(path.absolute().parents)[:3]:
            if folder not in seen:
                seen.append(folder)
                yield folder


def _lists_beside(folders: Sequence[Path] | Iterator[Path]) -> dict[str, ListFile]:
    """The first list of each kind in the folders, or in the Drive's folders there."""
    found: dict[str, ListFile] = {}
    places = [folder / below for folder in folders for below in LIST_FOLDERS]
    for list_ in (PARTITION, ATTRIBUTES):
        files = (place / f"{list_}{end}" for place in places for end in ENDS)
        if path := next((file for file in files if file.is_file()), None):
            found[list_] = ListFile.at(path)
    return found


def _lists_inside(archive: ZipSource) -> dict[str, ListFile]:
    found: dict[str, ListFile] = {}
    for member in sorted(archive.members, key=lambda member: name_of(member).endswith(".csv")):
        if kind := is_list(name_of(member)):
            found.setdefault(
                kind, ListFile(f"{archive.name}/{name_of(member)}", partial(_read_list, archive, member))
            )
    return found


def _read_list(archive: ZipSource, member: zipfile.ZipInfo, most: int) -> bytes:
    with archive.archive.open(member) as file:
        return file.read(most)


def _pictures_in(archive: ZipSource, spool: Spool) -> ZipSource:
    """The zip itself, its members those of the folder of pictures; or a zip of that name inside it."""
    of_pictures = [member for member in archive.members if is_picture(name_of(member))]
    inside = [member for member in archive.members if name_of(member).endswith(f"{PICTURES}.zip")]
    if inside and not of_pictures:
        return inner_zip(archive, inside[0], spool)
    in_folder = [member for member in of_pictures if set(name_of(member).split("/")[:-1]) & set(NAMES)]
    archive.members = in_folder or of_pictures
    return archive


def _is_companion(name: str) -> bool:
    """Whether a file among the pictures is one of the authors' lists."""
    file = name.rpartition("/")[2].lower()
    return file.endswith(ENDS) and file.startswith(("list_", "identity_"))


def _is_celeba_zip(path: Path) -> bool:
    """Whether a zip holds CelebA's folder of pictures, or its lists."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = map(name_of, archive.infolist())
            return any(is_list(name) or set(name.split("/")[:-1]) & set(NAMES) for name in names)
    except Exception:  # no zip at all; whoever reads it will say so
        return False


def _packed_in(folder: Path) -> Path | None:
    """A 7z archive of CelebA's pictures at or below a folder; of parts the first."""
    for below in (*BELOW, "Img/img_celeba.7z", "img_celeba.7z"):
        for name in (*PACKED, f"{PACKED[-1]}.001"):
            if (found := folder / below / name).is_file():
                return found
    return None


def _refuse(reason: str) -> Opener:
    def opener() -> Image.Image:
        raise UnusableError(reason)

    return opener
