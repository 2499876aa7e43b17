"""Writes the pictures of a source as one array, in bounded memory, and goes on where a killed run stopped.

Blocks of pictures are decoded by threads, one block ahead of the one that is being written. The pixels of a
block are synced first, then the journal notes the block: whatever the moment of a kill, the noted blocks are
whole, and what is not noted is done again. `pixels.npy` gets its name last: where it is, all is.
"""

import shutil
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zpoints.config import ImageSettings
from zpoints.errors import SourceError, ZPointsError
from zpoints.files.array_writer import ArrayWriter
from zpoints.files.documents import fingerprint, write_json
from zpoints.images.decoding import Cut, Facts, crop_box, pillow_limits
from zpoints.images.index import build_index, write_index, write_rejected
from zpoints.images.journal import Block, Journal
from zpoints.images.look import Look, look_at
from zpoints.images.remarks import left_out, remarks
from zpoints.images.selection import Selection, without
from zpoints.images.semaphore import ByteSemaphore
from zpoints.images.source import Crop, Opener, Source, UnusableError
from zpoints.images.sources import is_named, open_source
from zpoints.images.store import DESCRIPTION, INDEX, PIXELS, REJECTED, ImageStore
from zpoints.system.budget import require, share
from zpoints.system.forecast import forecast
from zpoints.system.lock import locked
from zpoints.system.meter import Meter
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import MIB, in_words
from zpoints.system.thread_count import processors

__all__ = ["RECIPE", "Prepared", "key_of", "prepare", "prepared_key"]

RECIPE = (
    2  # 1 cut squares whatever was asked for, knew no colour profiles, and showed 12 bits as if they were 16
)
"""Part of the key of the work: raise it when the same source and settings give other pixels."""
JOURNAL = "prepare.journal.jsonl"
BLOCK_PICTURES = 256
BLOCK_BYTES = 2**25
"""A block has at most so many pictures, and holds at most so many bytes (or one picture)."""
DECODING_BYTES = 2**30
"""Pictures that are being decoded take at most so many bytes together, where the budget has them."""
LEAST_BYTES = 3 * 2**25
"""Less is no budget: two blocks, and as much for pictures that are being decoded."""
LONG = 5000
"""So many pictures take long enough to say beforehand how long."""
_Chunk = tuple[list[np.ndarray | str], Counter[str]]
"""Pictures or reasons, and what the pictures have lost."""
CHUNK = 16
"""Pictures that a thread takes at once."""
TIMED = 64
"""So many pictures are decoded by the clock."""


def prepare(
    settings: ImageSettings,
    out: Path | str,
    seed: int = 0,
    progress: Progress | None = None,
    source: Source | None = None,
) -> ImageStore:
    """Bring all pictures of a source into ``out/pixels.npy``; ``index.parquet`` and ``rejected.csv`` beside.

    Row order is the source's own. A picture that cannot be used is named in ``rejected.csv``, with the
    reason. A run that was killed goes on where it stopped, and ends with the same bytes. A finished store of
    the same source, seed and settings is returned as it is; one of other work is replaced when the new one is
    whole. A `source` that is given takes the place of ``settings.source``; whoever opened it closes it.

    What is decided for all pictures (grey or colour, which value is white) follows from pictures of all parts of the
    source. What single pictures lose is counted: `ImageStore.remarks` says it.

    Raises `SourceError` if the source cannot be had or holds not one usable picture, or if `out` has no room.
    """
    progress, out = progress or Silent(), Path(out)
    opened = nullcontext(source) if source is not None else open_source(settings, seed, progress)
    with opened as whole, pillow_limits(settings.max_megapixels):
        pictures = without(whole, settings.leave_out)
        key = key_of(settings, seed, pictures)
        if not _is_finished(out, key):
            _make_folder(out, pictures)
            with locked(out):
                _Preparation(settings, out, seed, progress, pictures, key).run()
        _clear(out)
    return ImageStore.open(out)


class Prepared(NamedTuple):
    """What `prepare` would make of a source: its key, and what the pictures are, in one line."""

    key: str
    description: str


def prepared_key(settings: ImageSettings, seed: int) -> Prepared | None:
    """Look at a source that is a path, without reading a picture; None for one that is known by its name alone.

    Raises `SourceError` if the source cannot be had.
    """
    if is_named(settings.source):  # to open it may mean to download it
        return None
    with open_source(settings, seed) as source, pillow_limits(settings.max_megapixels):
        return Prepared(key_of(settings, seed, source), source.describe())


@dataclass(frozen=True)
class _Preparation:
    """One run of `prepare` that has work to do."""

    settings: ImageSettings
    out: Path
    seed: int
    progress: Progress
    source: Source
    key: str

    def run(self) -> None:
        journal = Journal(self.out / JOURNAL, self.key)
        is_free = self.settings.crop == "auto"
        crop = self.source.default_crop if self.settings.crop == "auto" else self.settings.crop
        height, width = self._size(crop)
        require(LEAST_BYTES, "preparing pictures")
        gate = ByteSemaphore(share(DECODING_BYTES, least=LEAST_BYTES))
        with _workers() as pool:
            cut = Cut((height, width), crop, gate=gate, fit=is_free)
            look = Look.from_json(journal.decided) or look_at(
                self.source, self.settings, partial(_all_facts, cut, pool)
            )
            cut = replace(cut, channels=look.channels, white=look.white)
            shape = (height, width, look.channels)
            with ArrayWriter(self.out / PIXELS, shape, np.uint8, self.key) as writer:
                journal.restart(look.to_json(), writer.rows)
                writer.rewind(journal.rows)
                _check_room(self.out, (len(self.source) - journal.items) * writer.row_bytes)
                self._write(cut, writer, journal, pool)
                self._finish(writer, journal, look)

    def _size(self, crop: Crop) -> tuple[int, int]:
        if self.settings.size != "auto":
            return self.settings.size
        size = self.source.picture_size
        if size is None or self.settings.crop == "auto":
            return self.source.natural_size
        try:
            left, top, right, bottom = crop_box(crop, size)
        except UnusableError as error:
            raise SourceError(f"{self.source.name}: {error}; change images.crop") from error
        return bottom - top, right - left

    def _write(self, cut: Cut, writer: ArrayWriter, journal: Journal, pool: ThreadPoolExecutor) -> None:
        total, done = len(self.source), journal.items
        if total - done > LONG:
            self._say_how_long(cut, total - done, done, pool)
        started = time.monotonic()
        with self.progress.task("prepare", total, "images", done=done) as task:
            for first, pictures, notes in self._decoded(cut, done, pool, BLOCK_PICTURES):
                rejected = tuple(
                    (first + place, picture)
                    for place, picture in enumerate(pictures)
                    if isinstance(picture, str)
                )
                usable = [picture for picture in pictures if not isinstance(picture, str)]
                if usable:
                    writer.append(np.stack(usable))
                    writer.sync()
                now = time.monotonic()
                seconds = round(now - started, 6)
                journal.add(Block(first, len(pictures), rejected, seconds, {**+notes}))
                started = now
                task.advance(len(pictures))

    def _say_how_long(self, cut: Cut, count: int, start: int, pool: ThreadPoolExecutor) -> None:
        """Decode one block by the clock, and say what all will take."""
        with Meter(every=0.005) as meter:
            _, pictures, _ = next(self._decoded(cut, start, pool, TIMED))
        cost = meter.cost
        ram = int((cost.peak_ram_mib or 0) * MIB) + 2 * BLOCK_BYTES
        self.progress.say(forecast("prepare", f"{count:,} images", ram, cost.seconds * count / len(pictures)))

    def _decoded(
        self, cut: Cut, start: int, pool: ThreadPoolExecutor, at_most: int
    ) -> Iterator[tuple[int, list[np.ndarray | str], Counter[str]]]:
        """Yield (first item, one picture or reason per item, notes) block by block, decoding one block ahead."""
        height, width = cut.size
        picture_bytes = max(height * width * 3, self.source.held_bytes)
        size = min(at_most, max(1, BLOCK_BYTES // picture_bytes))
        waiting: deque[tuple[int, list[Future[_Chunk]]]] = deque()
        for first in range(start, len(self.source), size):
            openers = self.source.openers(first, min(first + size, len(self.source)))
            chunks = (openers[place : place + CHUNK] for place in range(0, len(openers), CHUNK))
            waiting.append((first, [pool.submit(_cut_all, cut, list(chunk)) for chunk in chunks]))
            if len(waiting) > 1:
                yield _collect(*waiting.popleft())
        while waiting:
            yield _collect(*waiting.popleft())

    def _finish(self, writer: ArrayWriter, journal: Journal, look: Look) -> None:
        rejected = [
            (self.source.label(item), reason) for block in journal.blocks for item, reason in block.rejected
        ]
        if not writer.rows:
            self._give_up(writer, rejected)
        items = np.concatenate([block.accepted for block in journal.blocks])
        index, splits = build_index(
            self.source, items, self.settings.validation, self.settings.test, self.seed
        )
        if self.source.splits is not None and splits == "random":
            self.progress.say("prepare: too few pictures for the official split; splitting at random")
        height, width, channels = writer.row_shape
        description = {
            "key": self.key,
            "recipe": RECIPE,
            "description": self.source.describe(),
            "count": writer.rows,
            "rejected": len(rejected),
            "rejected_mostly": left_out(rejected),
            "remarks": self._remarks(look, journal, writer),
            "height": height,
            "width": width,
            "channels": channels,
            "splits": splits,
            "seconds": round(sum(block.seconds for block in journal.blocks), 3),
        }
        # An older store goes now that the new one is on disk: pixels must never lie beside a foreign index.
        (self.out / PIXELS).unlink(missing_ok=True)
        write_rejected(self.out / REJECTED, rejected)
        write_index(self.out / INDEX, index)
        write_json(self.out / DESCRIPTION, description)
        writer.finish()

    def _remarks(self, look: Look, journal: Journal, writer: ArrayWriter) -> list[str]:
        height, width, _ = writer.row_shape
        lines = remarks(self.settings, look, journal.notes, writer.rows, (height, width))
        if isinstance(self.source, Selection):
            whole = len(self.source.source)
            lines.insert(0, f"{self.source.left_out:,} of {whole:,} files are left out by images.leave_out")
        return lines

    def _give_up(self, writer: ArrayWriter, rejected: list[tuple[str, str]]) -> None:
        if not (self.out / PIXELS).exists():  # else the list belongs to the store that is there
            write_rejected(self.out / REJECTED, rejected)
        writer.close()
        _clear(self.out)
        first = "; ".join(f"{label!r}: {reason}" for label, reason in rejected[:3])
        raise SourceError(
            f"{self.source.name}: none of {len(rejected):,} files is a usable picture ({first}); "
            "name a source of pictures"
        )


def _cut_all(cut: Cut, openers: Sequence[Opener]) -> "_Chunk":
    notes: Counter[str] = Counter()
    return [cut.picture(opener, notes) for opener in openers], notes


def _collect(first: int, futures: "list[Future[_Chunk]]") -> tuple[int, list[np.ndarray | str], Counter[str]]:
    chunks = [future.result() for future in futures]
    notes = sum((found for _, found in chunks), Counter[str]())
    return first, [picture for pictures, _ in chunks for picture in pictures], notes


def _all_facts(cut: Cut, pool: ThreadPoolExecutor, openers: Sequence[Opener]) -> list[Facts | str]:
    return list(pool.map(cut.facts, openers))


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Open one thread per processor that this process may use; an interrupt drops what has not begun."""
    pool = ThreadPoolExecutor(processors())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def key_of(settings: ImageSettings, seed: int, source: Source) -> str:
    """Identify the work: everything that the result depends on."""
    parts: dict[str, Any] = settings.model_dump(mode="json") | {"source": source.fingerprint()}
    return fingerprint(RECIPE, seed, len(source), parts)


def _is_finished(out: Path, key: str) -> bool:
    try:
        return ImageStore.open(out).details.get("key") == key
    except ZPointsError:
        return False


def _make_folder(out: Path, source: Source) -> None:
    if source.contains(out):
        raise SourceError(f"{out}: lies inside the folder of the pictures; choose another place")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"{out}: cannot be made a folder ({error.strerror}); choose another place"
        ) from error


def _clear(out: Path) -> None:
    """Remove what work in progress leaves, of this work or of any other."""
    for name in (JOURNAL, f"{PIXELS}.partial", f"{PIXELS}.partial.json"):
        (out / name).unlink(missing_ok=True)


def _check_room(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if needed > free:
        raise SourceError(
            f"{out}: the pictures need {in_words(needed)}, {in_words(free)} are free; "
            "make room, or lower images.size or images.count"
        )
