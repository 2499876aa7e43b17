"""Work in shards: which rows a shard holds, how its file is called, and what must not lie beside it.

A folder of shards holds a file for each, ``part-00003-of-00016.npy``, and a note, ``_part-00003-of-00016.json``, that
says of which work it is. Each process writes its own two files and no other, so that no two ever wait for each other.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from typing import Any

from zpoints.errors import ArrayError, StageError, UsageError
from zpoints.files.documents import read_json, write_json
from zpoints.files.numpy_files import open_array
from zpoints.files.remote import Address
from zpoints.system.lock import locked

__all__ = ["Shard", "check_no_shards", "check_shards", "claimed", "finished", "ranges"]

File = Path | Address
ASKED = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*")
NAMED = re.compile(r"(.+)-(\d{1,9})-of-(\d{1,9})((?:\.\w+)+)")
OURS = "part"
MOST = 99_999
"""Shards at most: five digits are what the names have."""
LISTED = 40
"""So many ranges of missing numbers are listed."""
OWN = ("part", "rows")
"""What in a note is the shard's own; all else is the same for all shards of one work."""


@dataclass(frozen=True)
class Shard:
    """One of several nearly equal parts of the rows.

    Attributes
    ----------
    number : from 1 to `of`.
    of : how many there are.

    Examples
    --------
    >>> shard = Shard.parse("3/16")
    >>> shard.name, shard.rows(2_000, 128)
    ('part-00003-of-00016', (256, 384))
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read what a user types: ``3/16``. Raises `UsageError`."""
        match = ASKED.fullmatch(text)
        if match is None:
            raise UsageError(f"--shard {text:.40}: is not K/N; the third of sixteen shards is 3/16")
        number, of = int(match[1]), int(match[2])
        if not 1 <= of <= MOST:
            raise UsageError(f"--shard {text:.40}: the number of shards is from 1 to {MOST:,}")
        if not 1 <= number <= of:
            raise UsageError(
                f"--shard {text:.40}: of {of:,} shard(s), the first is 1/{of}, the last {of}/{of}"
            )
        return cls(number, of)

    @property
    def name(self) -> str:
        """How its file is called, without what ends the name; names sort as the shards do."""
        return f"{OURS}-{self.number:05}-of-{self.of:05}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def rows(self, n: int, unit: int) -> tuple[int, int]:
        """Its first row, and the row after its last one.

        The m = ceil(n / unit) batches are dealt out in order: shard k gets those from floor((k - 1) m / of) to before
        floor(k m / of). So each row is in one shard, borders are multiples of `unit` (but for the last, n), and two
        shards differ by one batch at most. Where there are fewer batches than shards, some are empty.

        Parameters
        ----------
        n : number of rows in all.
        unit : rows in a batch.
        """
        batches = -(-n // unit)
        first, last = ((k * batches // self.of) * unit for k in (self.number - 1, self.number))
        return min(first, n), min(last, n)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as ``sbatch --array`` takes them.

    Examples
    --------
    >>> ranges([3, 5, 6, 7, 12])
    '3,5-7,12'
    """
    runs = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    ends = [(run[0], run[-1]) for run in ([number for _, number in pairs] for _, pairs in runs)]
    said = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ends[:LISTED])
    more = sum(last - first + 1 for first, last in ends[LISTED:])
    return f"{said} and {more:,} more" if more else said


def check_shards(path: File, files: Sequence[File]) -> None:
    """Refuse files named ``...-K-of-N`` that are not all there, or are of several works.

    Numbers may begin with 0, as in the data sets of Hugging Face, or with 1, as ours. Of a pattern, only files that
    it would have named count as missing.

    Parameters
    ----------
    path : the folder or the pattern that means them.
    files : what it means, all of one format.

    Raises
    ------
    ArrayError : lists the numbers that are missing, as ``sbatch --array`` takes them.
    """
    sets: dict[tuple[Path | str, str, str], list[tuple[File, int, int]]] = {}
    for file in files:
        if match := NAMED.fullmatch(file.name):
            kind = file.parent, match[1], match[4]
            sets.setdefault(kind, []).append((file, int(match[2]), int(match[3])))
    for found in sets.values():
        _check_complete(path, found)
        _check_one_work([file for file, _, _ in found if isinstance(file, Path)])


def _check_complete(path: File, found: Sequence[tuple[File, int, int]]) -> None:
    totals = sorted({of for _, _, of in found})
    if len(totals) > 1:
        said = " and ".join(f"of {of:,}" for of in totals[:4])
        raise ArrayError(
            f"{path}: holds shards {said}; name one kind, as in '{found[0][0].parent}/*-of-{totals[0]:05}*'"
        )
    numbers, of, file = {number for _, number, _ in found}, totals[0], found[0][0]
    first = 0 if 0 in numbers else 1
    missing = [
        number
        for number in range(first, first + of)
        if number not in numbers and (path.is_dir() or fnmatch(str(_sibling(file, number)), str(path)))
    ]
    if missing:
        unsure = of in missing and not file.name.startswith(f"{OURS}-")
        or_0 = f" (or 0 in place of {of}, if they count from it)" if unsure else ""
        raise ArrayError(
            f"{path}: {len(numbers):,} of {of:,} shards are there; missing: {ranges(missing)}{or_0}; make them "
            "first, or name the files that you mean by a pattern"
        )


def _sibling(file: File, number: int) -> File:
    """The file of another number in the same set."""
    match = NAMED.fullmatch(file.name)
    assert match is not None
    return file.with_name(f"{match[1]}-{number:0{len(match[2])}}-of-{match[3]}{match[4]}")


def _check_one_work(files: Sequence[Path]) -> None:
    first: tuple[Path, dict[str, Any]] | None = None
    for file in files:
        note = _note_beside(file)
        if not note.is_file():
            continue
        said = _shared(read_json(note))
        if first is None:
            first = file, said
        elif said != first[1]:
            raise ArrayError(
                f"{file}: was made of {_differing(said, first[1])} than {first[0].name}; make one of them anew in "
                "another folder"
            )


@dataclass(frozen=True)
class _Claim:
    """A shard in its folder, and what its note shall say."""

    folder: Path
    shard: Shard
    note: dict[str, Any]

    @property
    def file(self) -> Path:
        return self.folder / f"{self.shard.name}.npy"

    def check_others(self) -> None:
        """Refuse a folder that holds anything but shards of this very work."""
        wanted = _shared(self.note)
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith(f"_{OURS}-") and path.suffix == ".json":
                there = _shared_of(path) or wanted
                if there != wanted:
                    raise StageError(
                        f"{path}: this shard is of {_differing(there, wanted)}; choose another folder, or remove "
                        "the shards in this one"
                    )
            elif path.name[0] not in "._" and not path.name.startswith(f"{OURS}-"):
                raise UsageError(
                    f"{path}: is no shard, and would be read with them; choose a folder for shards alone"
                )

    def is_finished(self) -> bool:
        """Whether the shard is there, whole, by its note."""
        if not self.file.exists():
            return False
        if not _note_beside(self.file).is_file():
            raise UsageError(
                f"{self.file}: is there already, and no command of zpoints wrote it (no "
                f"{_note_beside(self.file).name} beside it); choose another folder, or move it away"
            )
        first, last = self.note["rows"]
        there = len(open_array(self.file))
        if there != last - first:
            raise StageError(f"{self.file}: holds {there:,} rows, not {last - first:,}; remove it")
        return True


def claimed(
    folder: Path, shard: Shard, rows: tuple[int, int], total: int, work: dict[str, Any]
) -> Path | None:
    """Make sure that a shard may be written, and note of which work it is.

    Parameters
    ----------
    folder : for shards of this work alone.
    rows : first row, and the row after the last one; `total`: of all shards.
    work : identifies the work, by names: the same for all shards of it.

    Returns
    -------
    The file to write; None if it is there and finished.

    Raises
    ------
    StageError : the folder holds shards of other work; another process is at work on this shard.
    UsageError : the folder holds files that are no shards.
    """
    claim = _Claim(
        folder, shard, {**work, "of": shard.of, "total": total, "part": shard.number, "rows": [*rows]}
    )
    with locked(folder, shard.name):
        claim.check_others()
        if claim.is_finished():
            return None
        note = _note_beside(claim.file)
        if note.is_file():
            return claim.file
        write_json(note, claim.note)
        try:
            claim.check_others()  # of two that began at once, at least one sees the other's note
        except BaseException:
            note.unlink()
            raise
    return claim.file


def finished(folder: Path, of: int) -> int:
    """How many of the shards are there."""
    return sum(1 for _ in folder.glob(f"{OURS}-*-of-{of:05}.npy"))


def check_no_shards(folder: Path) -> None:
    """Refuse a folder that holds shards to what is written as one file: both would be read as one array.

    Raises
    ------
    UsageError : names the first shard.
    """
    there = next(iter(sorted(folder.glob(f"{OURS}-*-of-*.npy*"))), None)
    if there is not None:
        raise UsageError(
            f"{there}: is a shard; give --shard, or choose another folder for one file of all rows"
        )


def _note_beside(file: Path) -> Path:
    """Begins with an underscore, so that whoever reads the folder as one array passes it over."""
    return file.with_name(f"_{file.name.partition('.')[0]}.json")


def _shared_of(path: Path) -> dict[str, Any] | None:
    """The same of a note's file; None if it has just been taken back."""
    try:
        return _shared(read_json(path))
    except ArrayError:
        if path.exists():
            raise
        return None


def _shared(note: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in note.items() if name not in OWN}


def _differing(a: dict[str, Any], b: dict[str, Any]) -> str:
    """In what two works differ, in words: names, since keys say nothing to a reader; numbers and words themselves."""
    names = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    words = {
        "of": f"{a.get('of')} shards, not {b.get('of')}",
        "work": f"other work ({a.get('work')}, not {b.get('work')})",
        "total": "another number of rows",
        "batch": "other batches",
        "features": f"other features ({a.get('features')}, not {b.get('features')})",
        "model": "another model",
    }
    return ", ".join(words.get(name, f"other {name}") for name in names[:3])
