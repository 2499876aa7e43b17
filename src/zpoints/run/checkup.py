"""What stands in the way of a run on this machine, and how fast it would be: all that `zpoints doctor` knows."""

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zpoints.config import TrainingSettings
from zpoints.errors import reason
from zpoints.files.wheels import cache_folder
from zpoints.run.speed import DiskRate, disk_rate, plane_rate
from zpoints.system.extras import have
from zpoints.system.installed import Part, installed_parts
from zpoints.system.kernels import SECONDS, compiling_told, kernel_folder
from zpoints.system.machine import Folder, Machine, folder_at, look_at_machine, nvidia_gpus
from zpoints.system.place import Place
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import GIB, MIB, clock, in_words

__all__ = ["Checkup", "Graphics", "Speed", "check_up", "remarks_on"]

LITTLE_ROOM, LITTLE_TEMPORARY, LITTLE_CACHE = 2 * GIB, 512 * MIB, 256 * MIB
"""Free bytes below which a word is said. The quick demo writes 134 MiB, a run of CelebA many GiB; temporary files are
wheels of up to 36 MiB on their way to the cache, which also holds the faces once drawn."""
LITTLE_MEMORY, QUICK_DEMO = 1 * GIB, 640 * MIB
"""A budget below the first one is little; the second one is the peak of the quick demo, by its run.json."""


@dataclass(frozen=True)
class Graphics:
    """What PyTorch would train on.

    Attributes
    ----------
    version : of PyTorch; None where it is not there, or does not work: `fault` says why.
    device : as a person calls it; `precision`, the format of its products.
    gpus : those that PyTorch can use; `hidden`, those of NVIDIA's driver where PyTorch can use none.
    """

    version: str | None = None
    fault: str = ""
    device: str = ""
    precision: str = ""
    gpus: list[dict[str, Any]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Speed:
    """Rates in a second: vectors times planes, pictures of 64x64 in training, bytes of the disk.

    What could not be measured is None; `faults` says why.
    """

    planes: float | None
    pictures: float | None
    disk: DiskRate | None
    faults: list[str]


@dataclass(frozen=True)
class Checkup:
    """All that was found.

    Attributes
    ----------
    parts : None where zpoints runs from its sources, without pip's list.
    folder, temporary, cache : where runs, temporary files, and downloads go.
    kernels : where machine code is kept; None where every process compiles for itself.
    speed : None where it was not asked for.
    problems : what stands in the way of work; `notes`, what makes it slower or might surprise.
    """

    version: str
    machine: Machine
    place: Place
    graphics: Graphics
    parts: list[Part] | None
    folder: Folder
    temporary: Folder
    cache: Folder
    kernels: Path | None
    speed: Speed | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as JSON has it: paths as texts."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inside) for name, inside in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inside) for inside in value]
    return str(value) if isinstance(value, Path) else value


def check_up(
    folder: Path, version: str, with_speed: bool = True, progress: Progress | None = None
) -> Checkup:
    """Look at everything.

    Parameters
    ----------
    folder : where runs are to lie; nothing stays in it.
    version : of zpoints.
    with_speed : also measure how fast the machine is, some seconds long.
    """
    progress = progress or Silent()
    graphics = _graphics()
    facts = Checkup(
        version=version,
        machine=look_at_machine(),
        place=Place.here(),
        graphics=graphics,
        parts=installed_parts(),
        folder=folder_at(folder, locks=True),
        temporary=folder_at(Path(tempfile.gettempdir())),
        cache=folder_at(cache_folder().parent),
        kernels=kernel_folder(),
        speed=_speed(folder, graphics, progress) if with_speed else None,
    )
    problems, notes = remarks_on(facts)
    return Checkup(**{**vars(facts), "problems": problems, "notes": notes})


def _graphics() -> Graphics:
    if not have("torch"):
        return Graphics(hidden=nvidia_gpus())
    try:
        from zpoints.system.device import Device, gpus, torch_version

        device, usable, version = Device.of(TrainingSettings()), gpus(), torch_version()
    except Exception as error:  # whatever a broken PyTorch, or a driver that does not fit it, raises
        return Graphics(fault=reason(error), hidden=nvidia_gpus())
    return Graphics(
        version=version,
        device=device.name,
        precision=device.precision,
        gpus=[asdict(gpu) for gpu in usable],
        hidden=[] if usable else nvidia_gpus(),
    )


def _speed(folder: Path, graphics: Graphics, progress: Progress) -> Speed:
    faults: list[str] = []

    def measured(what: str, work: Any) -> Any:
        try:
            return work()
        except Exception as error:  # what stops the work is what was asked for
            faults.append(f"{what}: {reason(error)}")
            return None

    def pictures() -> float:
        from zpoints.models.autoencoder.speed import training_rate

        return training_rate()

    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    with compiling_told(progress):
        planes = measured("planes", plane_rate)
    return Speed(
        planes=planes,
        pictures=measured("training", pictures) if graphics.version and have("lightning_fabric") else None,
        disk=measured("disk", lambda: disk_rate(there)),
        faults=faults,
    )


# --- what these facts mean


def remarks_on(facts: Checkup) -> tuple[list[str], list[str]]:
    """Problems, which stand in the way, and notes; each a line that says what to do."""
    problems = [*_about_packages(facts), *_about_folders(facts)]
    return problems, [
        *_notes_on_places(facts),
        *_notes_on_machine(facts),
        *(facts.speed.faults if facts.speed else []),
    ]


def _about_packages(facts: Checkup) -> list[str]:
    found, parts = [], facts.parts or []
    for part in parts:
        if part.name == "core" and part.wrong:
            words = ", ".join(package.words for package in part.wrong)
            found.append(f"{words}, without which nothing works: {part.command}")
    # What is not there of an extra is not wanted. What is there and too old may have come with something else.
    old: dict[str, list[Part]] = {}
    for part in parts[1:]:
        for package in part.wrong:
            if package.version is not None:
                old.setdefault(package.words, []).append(part)
    for words, wanting in old.items():
        found.append(f"{words} by {', '.join(part.name for part in wanting)}: {wanting[0].command}")
    if facts.graphics.fault:
        found.append(f"PyTorch is installed, and does not work ({facts.graphics.fault}): install it anew")
    return found


def _about_folders(facts: Checkup) -> list[str]:
    if not facts.folder.writable:
        return [
            f"{facts.folder.path}: no files can be made there; choose another folder: zpoints doctor FOLDER"
        ]
    return []


def _notes_on_places(facts: Checkup) -> list[str]:
    found = []
    room, free = facts.folder, facts.folder.free
    if free is not None and free < LITTLE_ROOM:
        found.append(
            f"{room.path}: {in_words(free)} are free; a run of 100,000 pictures of 96x96 needs some GiB"
        )
    if room.locks is False:
        found.append(
            f"{room.path}: its drive knows no locks: see to it that one run at a time works in a folder"
        )
    temporary = facts.temporary
    if not temporary.writable or (temporary.free is not None and temporary.free < LITTLE_TEMPORARY):
        state = f"{in_words(temporary.free or 0)} are free" if temporary.writable else "is not writable"
        found.append(
            f"{temporary.path}: {state}, and downloads pass through it: set TMPDIR to another folder"
        )
    cache = facts.cache
    if not cache.writable or (cache.free is not None and cache.free < LITTLE_CACHE):
        state = f"{in_words(cache.free or 0)} are free" if cache.writable else "is not writable"
        found.append(
            f"{cache.path}: {state}, and downloads are kept there: set ZPOINTS_CACHE to another folder"
        )
    if facts.kernels is None:
        found.append(
            f"machine code cannot be kept, so that every process compiles for {clock(SECONDS)} first: set "
            "NUMBA_CACHE_DIR to a folder of yours"
        )
    return found


def _notes_on_machine(facts: Checkup) -> list[str]:
    machine, graphics, found = facts.machine, facts.graphics, []
    if machine.budget is not None and machine.budget < LITTLE_MEMORY:
        found.append(
            f"memory: a run may take {in_words(machine.budget)} ({machine.ram_of} allows "
            f"{in_words(machine.ram or 0)}), and even the quick demo takes {in_words(QUICK_DEMO)}"
        )
    elif machine.budget and machine.ram_left is not None and machine.ram_left < machine.budget:
        found.append(
            f"memory: {in_words(machine.ram_left)} are left, less than the budget of {in_words(machine.budget)}: end "
            "other programs, or give --ram"
        )
    for name, value in machine.variables.items():
        if value.isdecimal() and int(value) < machine.processors:
            found.append(
                f"{name}={value} keeps work from {machine.processors} processors: unset it, unless you mean it"
            )
    for name, threads in machine.blas.items():
        if threads > machine.processors:
            found.append(
                f"{name} takes {threads} threads for {machine.processors} processors: set OMP_NUM_THREADS="
                f"{machine.processors}"
            )
    if machine.busy is not None and machine.busy > machine.processors / 4:
        found.append(
            f"other programs keep {machine.busy:.1f} of {machine.processors} processors busy: what is measured here "
            "would be faster without them"
        )
    if graphics.hidden:
        names, why = (
            ", ".join(graphics.hidden),
            "this PyTorch cannot use it" if graphics.version else "PyTorch is missing",
        )
        found.append(f"there is a GPU ({names}), and {why}: install the PyTorch that fits your driver")
    if not facts.place.alone:
        found.append(f"torchrun has started this {facts.place.world} times")
    if facts.parts is None:
        found.append("zpoints runs from its sources, without pip: what belongs to which extra is not known")
    return found
