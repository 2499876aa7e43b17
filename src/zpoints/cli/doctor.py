"""The command that looks at the machine: what is installed, how fast it is, what it allows, what is amiss."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zpoints.cli.errors import say
from zpoints.cli.options import Debug, progress_of

if TYPE_CHECKING:
    from zpoints.run.checkup import Checkup, Graphics, Speed
    from zpoints.system.installed import Part
    from zpoints.system.machine import Folder, Machine

__all__ = ["doctor", "lines_of"]

LABEL = 14  # letters
BIG = (170_000, 256 * 255 // 2)
"""Vectors and planes of the articles' case, in which the rate of the planes is said."""
DEMO = 4 * 4250
"""Pictures that the demo's training shows."""


def doctor(
    folder: Annotated[Path, typer.Argument(help="Where runs are to lie.")] = Path(),
    speed: Annotated[bool, typer.Option(help="Measure how fast the machine is, some seconds long.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that was found as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """What is installed, what is missing and what it would give; how fast this machine is; what stands in the way.

    The exit status is 1 where something does.
    """
    import json

    from zpoints import __version__
    from zpoints.run.checkup import check_up

    found = check_up(folder, __version__, speed, progress_of(as_json))
    say(json.dumps(found.as_json(), indent=2) if as_json else "\n".join(lines_of(found)))
    if found.problems:
        raise typer.Exit(1)


def lines_of(found: "Checkup") -> list[str]:
    """All that was found, as a person reads it."""
    sections = [
        _machine(found.machine, found.graphics),
        _places(found),
        [
            _line("core" if part.name == "core" else f"[{part.name}]", _part(part))
            for part in found.parts or []
        ],
        _speed(found.speed) if found.speed else [],
        [*_listed("problem", found.problems), *_listed("note", found.notes)],
    ]
    lines = [f"zpoints {found.version}, {found.machine.python}, {found.machine.system}"]
    for section in sections:
        lines += ["", *section] if section else []
    return [*lines, "", "nothing stands in the way" if not found.problems else "see the problems above"]


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{text}"


def _listed(label: str, texts: list[str]) -> list[str]:
    return [_line(label, text) for text in texts]


def _machine(machine: "Machine", graphics: "Graphics") -> list[str]:
    from zpoints.system.sizes import in_words

    quota = f", of which the container allows the time of {machine.quota:g}" if machine.quota else ""
    busy = f"; other programs keep {machine.busy:.1f} busy" if machine.busy is not None else ""
    lines = [
        _line("processor", machine.processor),
        _line("processors", f"{machine.processors} of {machine.cores} may be used{quota}{busy}"),
    ]
    if machine.ram is None or machine.budget is None:
        lines.append(_line("memory", "the system tells of no limit, so that there is no budget: give --ram"))
    else:
        left = f", {in_words(machine.ram_left)} are left" if machine.ram_left is not None else ""
        lines.append(_line("memory", f"{in_words(machine.ram)} ({machine.ram_of}){left}"))
        lines.append(_line("budget", f"{in_words(machine.budget)}; --ram gives another one"))
    libraries = "; ".join(f"{name}, {threads} threads" for name, threads in machine.blas.items())
    lines.append(_line("BLAS", libraries or "not known"))
    return [*lines, *_graphics(graphics)]


def _graphics(graphics: "Graphics") -> Iterator[str]:
    from zpoints.system.sizes import in_words

    for gpu in graphics.gpus:
        memory = f", {in_words(gpu['memory'])}, {in_words(gpu['free'])} free" if gpu["memory"] else ""
        capability = f", compute capability {gpu['capability']}" if gpu["capability"] else ""
        yield _line("GPU", f"{gpu['name']}{memory}{capability}")
    if graphics.version:
        yield _line(
            "training", f"on {graphics.device}, in {graphics.precision}, by PyTorch {graphics.version}"
        )
    else:
        yield _line("training", "only of kind 'pca', without PyTorch")


def _places(found: "Checkup") -> list[str]:
    folder = found.folder
    locks = {True: ", locks work", False: ", no locks", None: ""}[folder.locks]
    return [
        _line("runs", _folder(folder) + locks),
        _line("temporary", _folder(found.temporary)),
        _line("downloads", _folder(found.cache)),
        _line("kernels", str(found.kernels) if found.kernels else "are kept nowhere"),
    ]


def _folder(folder: "Folder") -> str:
    from zpoints.system.sizes import in_words

    free = f": {in_words(folder.free)} free" if folder.free is not None else ""
    return f"{folder.path.absolute()}{free}{'' if folder.writable else ', not writable'}"


def _part(part: "Part") -> str:
    """What is there; of an extra that is not whole, what is missing, what it gives, and how pip brings it."""
    if not part.wrong:
        names = [package.words for package in part.packages]
        return (
            ", ".join(names)
            if part.name != "core"
            else f"whole: {', '.join(names[:8])} and {len(names) - 8} more"
        )
    missing = ", ".join(package.words for package in part.wrong)
    return f"{missing}; {part.purpose}: {part.command}"


def _speed(speed: "Speed") -> list[str]:
    from zpoints.system.sizes import MIB, clock

    lines = []
    if speed.planes:
        vectors, planes = BIG
        lines.append(
            _line(
                "planes",
                f"{speed.planes / 1e6:,.0f} million vectors times planes in a second; "
                f"the {planes:,} planes of {vectors:,} x 256 vectors in {clock(vectors * planes / speed.planes)}",
            )
        )
    if speed.pictures:
        lines.append(
            _line(
                "training",
                f"{speed.pictures:,.0f} pictures of 64x64 in a second; the demo's training in "
                f"{clock(DEMO / speed.pictures)}",
            )
        )
    if speed.disk:
        read = f", reads {speed.disk.read / MIB:,.0f}" if speed.disk.read else ""
        lines.append(_line("disk", f"writes {speed.disk.write / MIB:,.0f} MiB in a second{read}"))
    return lines
