"""A run is stopped again and again, at random moments of every stage, and ends with the bytes of an undisturbed one.

``python -m tests.soak --kills 200`` from the project's root prints a table; its exit status is 1 if a file differs.
Most stops are SIGKILL, some SIGTERM and Ctrl-C. After each one, every file that has its final name must be whole;
after each run that reaches its end, every file must be that of the undisturbed run.

Only what tells of time and memory may differ: the fields that `TIMES` names, and what the report prints of them.
Of the checkpoints, ``best.safetensors`` is compared byte by byte and ``last.pt`` value by value; the state before
it, ``last-before.pt``, lies wherever the training was stopped last, and is not compared.
"""

import argparse
import csv
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zpoints.config import Settings
from zpoints.files.settings import save_settings
from zpoints.report.stage import STAGES as ALL
from zpoints.run.folder import Run
from zpoints.run.pipeline import undone

STAGES = [stage.name for stage in ALL]
SETTINGS: dict[str, Any] = {
    "name": "soak",
    "images": {"count": 400, "size": [16, 16], "test": 0.1},
    "autoencoder": {"channels": [8, 8], "latent": 4},
    "training": {"epochs": 3, "batch": 64},
    "samples": {"methods": ["normal", "ellipse", "elliptical", "independent"], "count": 24},
    "judge": {"features": "pixels"},
    "report": {"sheet": 12, "components": 2, "planes": 1},
}
TIMES = {
    "run.json": {"seconds", "finished", "peak_ram_mib", "peak_vram_mib"},
    "prepare.json": {"seconds"},
    "history.csv": {"images_per_second", "seconds", "peak_ram_mib", "peak_vram_mib"},
    "last.pt": {"images_per_second", "seconds", "peak_ram_mib", "peak_vram_mib"},
    "analysis.json": {"seconds", "peak_ram_mib", "peak_vram_mib"},
    "cost.json": {"fit_seconds"},
    "scores.json": {"fit_seconds", "vectors_per_second"},
}
PRINTED_TIMES = (
    r"<b>[\d.]+ min</b><span>from pictures to this page",
    r"<td>[\d.]+ s</td>\s*<td>[\d.]+ MB</td></tr>",  # a sampler's fit, and the size of its file
    rf"<tr><td>(?:{'|'.join(STAGES)})</td><td>[\d.]+</td>\s*<td>[\d,]+ MiB</td>\s*</tr>\s*",
    r"[\d,]+ images per second",
)
UNDER_WAY = re.compile(r"\.tmp|\.partial|\.lock|journal|checkpoints/|history\.csv|run\.json")
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no other one
SIGNALS = (KILL, signal.SIGTERM, signal.SIGINT)
WEIGHTS = (6, 2, 2)
START_SECONDS = 2.0  # of a stage in a new process, for its imports
FOLDERS = {
    "prepare": "images", "train": "model", "encode": "latents", "analyse": "analysis", "sample": "samples",
    "judge": "judging", "report": "report",
}  # fmt: skip


@dataclass
class Tally:
    """What was done, and what was found."""

    stops: Counter[tuple[str, str]] = field(default_factory=Counter)
    finished: int = 0
    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def of_stage(self, stage: str) -> int:
        """How often a stage was stopped."""
        return sum(number for (name, _), number in self.stops.items() if name == stage)

    def table(self) -> str:
        """One row per stage, one column per signal."""
        names = [number.name for number in SIGNALS]
        rows = [f"{'stopped in':<12}" + "".join(f"{name:>9}" for name in names) + f"{'all':>9}"]
        for stage in [*STAGES, "its end"]:
            counts = [self.stops[stage, name] for name in names]
            rows.append(f"{stage:<12}" + "".join(f"{count:>9}" for count in [*counts, sum(counts)]))
        return "\n".join([*rows, self.sum(), *self.differences])

    def sum(self) -> str:
        """All of it in one line."""
        return (
            f"{self.stops.total()} stops, {self.finished} runs to the end, {self.compared:,} files compared: "
            f"{len(self.differences)} differences"
        )


@dataclass
class Soak:
    """An undisturbed run, and one beside it that is stopped again and again."""

    place: Path
    chance: random.Random
    source: str = "faces"
    tally: Tally = field(default_factory=Tally)
    runs: int = 0

    def __post_init__(self) -> None:
        tree = SETTINGS | {"images": SETTINGS["images"] | {"source": self.source}}
        self.settings = Settings.of(tree, "soak")
        self.config = self.place / "soak.toml"
        save_settings(self.config, self.settings)
        self.model = Run(self.place / "undisturbed", self.settings)
        if (status := self.start(self.model.folder).wait()) != 0:
            raise RuntimeError(f"the undisturbed run ended with {status}: {self.said()}")
        stages = self.model.record["stages"].items()
        self.seconds = {(name, False): entry["seconds"] for name, entry in stages}
        self.renew()

    def renew(self) -> None:
        """Go on in a new folder."""
        self.runs += 1
        self.run = Run(self.place / f"stopped-{self.runs}", self.settings)

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """The command that a user would give."""
        command = [sys.executable, "-c", "from zpoints.cli.commands import main; main()"]
        arguments = ["run", str(self.config), "--out", str(folder), "-q"]
        with (self.place / "said").open("wb") as file:
            return subprocess.Popen(command + arguments, stdout=file, stderr=file)

    def said(self) -> str:
        """What the last process printed."""
        return (self.place / "said").read_text(encoding="utf-8", errors="replace").strip()

    def go(self, stops: int) -> Tally:
        """Stop so many times, then let the run reach its end."""
        for _ in range(20 * stops):
            if self.tally.stops.total() >= stops:
                break
            self.stop_once()
            print(self.tally.sum(), file=sys.stderr)
        else:
            self.tally.differences.append(f"only {self.tally.stops.total()} stops in {20 * stops} starts")
        if self.undone():
            self.ended(self.start(self.run.folder).wait(), None)
        return self.tally

    def undone(self) -> list[str]:
        """The stages that are not recorded as done, or whose files are gone."""
        return undone(self.run, ALL)

    def stop_once(self) -> None:
        """Start, wait for the least often stopped stage that is left, and stop somewhere in it.

        If others were stopped less often than all that is left, the run may reach its end: else the last stage would
        be stopped over and over.
        """
        if not self.undone():
            self.undo()
        number = self.chance.choices(SIGNALS, WEIGHTS)[0]
        process, first = self.start(self.run.folder), self.undone()[0]
        while process.poll() is None and (left := self.undone()):
            target = min(left, key=self.tally.of_stage)
            if self.tally.of_stage(target) > min(map(self.tally.of_stage, STAGES)):
                break
            if self.stop_inside(process, target, target == first, number):
                return
        self.ended(process.wait(), None)

    def stop_inside(
        self, process: subprocess.Popen[bytes], stage: str, first: bool, number: signal.Signals
    ) -> bool:
        """Stop at a random moment of a stage; False if the stage ends before that, or the process.

        How long the stage takes is learnt where it was guessed too long; the first one of a process takes longer, by
        its imports.
        """
        began = self.wait_for(process, stage)
        length = self.seconds.get((stage, first), self.seconds[stage, False] + first * START_SECONDS)
        moment = began + self.chance.random() * length
        while (now := time.monotonic()) < moment and process.poll() is None:
            if stage not in self.undone():
                self.seconds[stage, first] = now - began
                return False
            time.sleep(min(0.005, moment - now))
        if process.poll() is not None:
            return False
        process.send_signal(number)
        status = process.wait()
        self.tally.stops[next(iter(self.undone()), "its end"), number.name] += 1
        self.compare(under_way=True)
        self.ended(status, number)
        return True

    def wait_for(self, process: subprocess.Popen[bytes], stage: str) -> float:
        """Return the moment at which the stage has begun, or the process has ended."""
        before = set(STAGES[: STAGES.index(stage)])
        lock = self.run.folder / ".lock.owner"
        while process.poll() is None:
            try:
                begun = lock.read_text() == f"{process.pid}\n"
            except OSError:
                begun = False
            if begun and before.isdisjoint(self.undone()):
                break
            time.sleep(0.005)
        return time.monotonic()

    def ended(self, status: int, number: signal.Signals | None) -> None:
        """Look at how a process ended; one that reached its end must have left what the undisturbed run left."""
        lines = self.said().splitlines()
        silent, told = not lines, len(lines) == 1 and lines[0].startswith("error: ")
        # Python drops an interrupt that is raised inside a destructor, and says so; the run goes on to its end.
        dropped = number not in (None, KILL) and lines and lines[0].startswith("Exception ignored")
        fine = {
            0: silent or dropped,
            130: told and number in SIGNALS[1:],
            -9: silent and number == SIGNALS[0],
        }
        if not fine.get(status, False):
            name = number.name if number else "undisturbed"
            self.tally.differences.append(f"{name}: ended with {status}, saying {lines[:2]} ... {lines[-2:]}")
        if status == 0:
            self.tally.finished += 1
            self.compare(under_way=False)

    def compare(self, under_way: bool) -> None:
        """Compare the files with those of the undisturbed run: those that have their final names, or all."""
        mine, theirs = files(self.run.folder), files(self.model.folder)
        if under_way:
            mine = {name: path for name, path in mine.items() if not UNDER_WAY.search(name)}
        elif odd := sorted(mine.keys() ^ theirs.keys()):
            self.tally.differences.append(f"{self.run.folder.name}: only one of the two has {', '.join(odd)}")
        for name in sorted(mine.keys() & theirs.keys()):
            self.tally.compared += 1
            if lasting(mine[name]) != lasting(theirs[name]):
                when = "after a stop" if under_way else "at its end"
                self.tally.differences.append(f"{self.run.folder.name}, {when}: {name} differs")

    def undo(self) -> None:
        """Have a stage done again that was stopped least often: without its record, or its files, or all anew."""
        stage = min(STAGES, key=lambda name: (self.tally.of_stage(name), self.chance.random()))
        how = self.chance.choices(("record", "files", "all"), (4, 4, 1))[0]
        if how == "all":
            shutil.rmtree(self.run.folder)
            self.renew()
        elif how == "files" and stage in FOLDERS:
            shutil.rmtree(self.run.folder / FOLDERS[stage])
        else:
            record = self.run.record
            del record["stages"][stage]
            record.get("parts", {}).pop(stage, None)
            (self.run.folder / "run.json").write_text(json.dumps(record))


def files(folder: Path) -> dict[str, Path]:
    """All files of a run but the state before the last checkpoint, by their names below its folder."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    found.pop("model/checkpoints/last-before.pt", None)
    return found


def lasting(path: Path) -> Any:
    """What a file holds, without what tells of time and memory."""
    times = TIMES.get(path.name, set())
    if path.name == "last.pt":
        import torch

        return _plain(torch.load(path, map_location="cpu", weights_only=True), times)
    content = path.read_bytes()
    if not times and path.suffix != ".html":
        return content
    text = content.decode("utf-8")
    if path.suffix == ".json":
        return _plain(json.loads(text), times)
    if path.suffix == ".csv":
        return [{k: v for k, v in row.items() if k not in times} for row in csv.DictReader(io.StringIO(text))]
    for pattern in PRINTED_TIMES:
        text = re.sub(pattern, "", text)
    return text


def _plain(value: Any, without: set[str]) -> Any:
    """Nested values that can be compared, without the named ones."""
    if isinstance(value, dict):
        return {name: _plain(inner, without) for name, inner in value.items() if name not in without}
    if isinstance(value, list | tuple):
        return [_plain(inner, without) for inner in value]
    return value.numpy().tobytes() if hasattr(value, "numpy") else value


def main() -> int:
    """Soak, print the table, and tell by the exit status whether all files are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", default="faces")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        tally = Soak(Path(place), random.Random(options.seed), options.source).go(options.kills)
    print(tally.table())
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
