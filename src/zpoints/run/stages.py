"""The stages in order: prepare, train, encode, analyse, sample, decode, judge, report. What is done stays done.

Each stage reads files of the stages before and writes its own folder. A stage counts as done when ``run.json``
records it under the fingerprint that it would have now: its own settings, and the fingerprint of the stage
before it. So a changed setting makes stale exactly what depends on it.
"""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.analysis.analyse import analyse
from zpoints.analysis.result import ANALYSIS_FILES
from zpoints.config import SamplerName, Settings
from zpoints.errors import SourceError, StageError
from zpoints.files.documents import fingerprint, read_json, write_json
from zpoints.files.settings import save_settings
from zpoints.run.requirements import check_budget
from zpoints.system.budget import Budget, current, within
from zpoints.system.limits import ram_limit
from zpoints.system.lock import locked
from zpoints.system.meter import Meter, processor_name
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import MIB
from zpoints.vectors.latent_set import LatentSet

if TYPE_CHECKING:
    from zpoints.analysis.walks import Path as WalkPath
    from zpoints.models.codec import Codec
    from zpoints.samplers import Sampler

__all__ = [
    "STAGES",
    "Run",
    "decode_to_folder",
    "judge_run",
    "run_stages",
    "sample_to_folder",
    "train_to_folder",
]

SHEET_COLUMNS = 12
PACKAGES = ("zpoints", "torch", "numpy", "scipy", "numba", "scikit-learn", "pillow", "lightning-fabric")


@dataclass(frozen=True)
class Run:
    """A run's folder and settings, and the places of its files."""

    folder: Path
    settings: Settings

    @property
    def images(self) -> Path:
        """pixels.npy, index.parquet, rejected.csv."""
        return self.folder / "images"

    @property
    def model(self) -> Path:
        """weights.safetensors, model.json, history.csv."""
        return self.folder / "model"

    @property
    def latents(self) -> Path:
        """The z-points of all pictures."""
        return self.folder / "latents" / "z.npy"

    @property
    def analysis(self) -> Path:
        """analysis.json, components.parquet, planes.parquet, distribution.npz."""
        return self.folder / "analysis"

    def samples(self, method: SamplerName) -> Path:
        """z.npy, pictures.npy and grid.png of one sampler."""
        return self.folder / "samples" / method

    @property
    def judging(self) -> Path:
        """scores.json, and the nearest training pictures of each sampler's."""
        return self.folder / "judging"

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report" / "index.html"

    @property
    def record(self) -> dict[str, Any]:
        """What run.json says; empty stages if there is none."""
        path = self.folder / "run.json"
        content = read_json(path) if path.is_file() else {"stages": {}}
        stages = content.get("stages")
        whole = isinstance(stages, dict) and all(
            isinstance(stage, dict) and "key" in stage and isinstance(stage.get("seconds"), int | float)
            for stage in stages.values()
        )
        if not whole:
            raise StageError(f"{path}: is no record of stages; delete it, and they are done anew")
        return content

    def write_record(self, stage: str, entry: dict[str, Any] | None) -> None:
        """Note in run.json that a stage is done, or with None that it is not."""
        stages = self.record["stages"] | {stage: entry}
        limit, budget = ram_limit(), current()
        content = {
            "name": self.settings.name,
            "seed": self.settings.seed,
            "python": platform.python_version(),
            "system": platform.platform(),
            "processor": processor_name(),
            "ram_limit_mib": round(limit.size / MIB, 1) if limit else None,
            "ram_limit_of": limit.where if limit else None,
            "ram_budget_mib": round(budget.ram / MIB, 1) if budget.ram else None,
            "ram_budget_of": budget.ram_of,
            "vram_budget_mib": round(budget.vram / MIB, 1) if budget.vram else None,
            "versions": {name: found for name in PACKAGES if (found := _version(name))},
            "stages": {name: stages[name] for name in STAGES if stages.get(name)},
        }
        write_json(self.folder / "run.json", content)


def run_stages(run: Run, progress: Progress | None = None) -> list[str]:
    """Run every stage that is not done; returns the names of those that were run.

    Raises
    ------
    ZPointsError : what a stage could not do; everything finished before stays, and the next call goes on there.
    BudgetError : the memory that the settings allow cannot do; nothing was begun.
    StoppedError : the work outgrew its memory, and was stopped before the kernel would have killed it.
    """
    with locked(run.folder), within(Budget.of(run.settings.budget)):
        return _run_stages(run, progress or Silent())


def _run_stages(run: Run, progress: Progress) -> list[str]:
    keys = dict(_keys(run.settings))
    ran: list[str] = []
    _say_what_changed(run, keys, progress)
    for name, (work, outputs) in STAGES.items():
        if name != "prepare":
            # Not before the pictures were found: a mistyped source leaves an older run as it was.
            save_settings(run.folder / "config.toml", run.settings)
        recorded = run.record["stages"].get(name)
        there = all(path.is_file() for path in outputs(run))
        if recorded and there and recorded["key"] == keys[name] and _holds(run, name, recorded):
            progress.say(f"{name}: done before, in {recorded['seconds']:.1f} s")
            continue
        if not ran or name == "train":  # at once, and again when the size of the pictures is known
            check_budget(current(), run.settings, _shape_of_pictures(run))
        if recorded and name != "prepare":
            # Its files are about to be replaced: killed among them, no old record may vouch for new ones. What
            # `prepare` leaves says itself whose it is, and stays as it was if the pictures cannot be found.
            run.write_record(name, None)
        with Meter() as meter:
            note = work(run, keys[name], progress)
        finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        run.write_record(name, {"key": keys[name], "finished": finished, **asdict(meter.cost), **note})
        ran.append(name)
    return ran


def _shape_of_pictures(run: Run) -> tuple[int, int, int] | None:
    from zpoints.images.store import ImageStore

    try:
        return ImageStore.open(run.images).shape
    except StageError:  # not prepared yet
        return None


def _say_what_changed(run: Run, keys: dict[str, str], progress: Progress) -> None:
    recorded = run.record["stages"]
    stale = [name for name, entry in recorded.items() if entry["key"] != keys.get(name)]
    if stale:
        kept = [name for name in recorded if name not in stale]
        rest = f"; still valid: {', '.join(kept)}" if kept else ""
        progress.say(f"settings have changed since; to be done again: {', '.join(stale)}{rest}")


def _holds(run: Run, stage: str, recorded: dict[str, Any]) -> bool:
    """Whether the prepared pictures are those that were recorded, and not another source's of later."""
    if stage != "prepare" or "pictures" not in recorded:
        return True
    return bool(read_json(run.images / "prepare.json").get("key") == recorded["pictures"])


def _keys(settings: Settings) -> Iterator[tuple[str, str]]:
    """The fingerprint of each stage: its settings on top of the fingerprint of what it reads."""
    s = settings
    prepare = fingerprint("prepare", s.images.model_dump(), s.seed)
    training = s.training.model_dump(exclude={"device", "retries"})
    train = fingerprint("train", prepare, s.autoencoder.model_dump(), training)
    encode = fingerprint("encode", train)
    # The length of a block changes no result.
    analysis = fingerprint("analyse", encode, s.analysis.model_dump(exclude={"block"}))
    sample = fingerprint("sample", analysis, s.samples.model_dump())
    decode = fingerprint("decode", sample, s.report.sheet)
    judging = fingerprint("judge", sample, s.judge.model_dump())
    report = fingerprint("report", decode, judging, s.report.model_dump(), s.name)
    found = (prepare, train, encode, analysis, sample, decode, judging, report)
    yield from zip(STAGES, found, strict=True)


def _prepare(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    from zpoints.images.prepare import prepare

    store = prepare(run.settings.images, run.images, run.settings.seed, progress)
    return {"images": len(store), "pictures": store.key}


def _train(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    train_to_folder(run.settings, run.images, run.model, progress)
    return {}


def _encode(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    from zpoints.images.store import ImageStore
    from zpoints.models.coding import encode
    from zpoints.models.kinds import open_codec

    store = ImageStore.open(run.images)
    encode(open_codec(run.model, run.settings.training), store, run.latents, progress, key)
    return {"images": len(store)}


def _analyse(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    from zpoints.images.store import ImageStore

    # Held-out pictures stay out of the distribution, so that a judge can use them.
    rows = ImageStore.open(run.images).rows("train")
    if len(rows) < 2:
        raise StageError(f"{run.images}: {len(rows)} training picture(s); a distribution needs at least 2")
    analyse(run.latents, run.settings.analysis, rows, progress).save(run.analysis)
    return {"vectors": len(rows)}


def _sample(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    from zpoints.images.store import ImageStore
    from zpoints.samplers import by_name
    from zpoints.samplers.points import Points

    s = run.settings.samples
    vectors = LatentSet.open(run.latents, ImageStore.open(run.images).rows("train"))
    points = Points.of(run.analysis / "distribution.npz", vectors)
    with progress.task("sample", len(s.methods) * s.count, "vectors") as task:
        for method in s.methods:
            sampler = by_name(method, s.sigma, s.temperature)
            sample_to_folder(points, run.samples(method), sampler, s.count, run.settings.seed)
            task.advance(s.count, method)
    return {"vectors": len(s.methods) * s.count}


def _decode(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    from zpoints.models.kinds import open_codec

    codec = open_codec(run.model, run.settings.training)
    for method in run.settings.samples.methods:
        folder = run.samples(method)
        decode_to_folder(
            codec, folder / "z.npy", folder, run.settings.report.sheet, progress, f"{key} {method}"
        )
    return {"images": len(run.settings.samples.methods) * run.settings.samples.count}


def _judge(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    try:
        return {"held_out": judge_run(run, progress)["n"]}
    except SourceError as error:
        # Everything else is there, and one command makes up for it.
        why = f"{error}; later: zpoints judge {run.folder}"
        progress.say(f"judge: {why}")
        write_json(run.judging / "scores.json", {"n": 0, "skipped": why})
        return {"held_out": 0}


def judge_run(run: Run, progress: Progress) -> dict[str, Any]:
    """Compare a run's samplers by its held-out pictures; see `judging.scores.judge`."""
    from zpoints.analysis.distribution import Distribution
    from zpoints.judging.reference import RunInputs
    from zpoints.judging.scores import Candidate, judge
    from zpoints.samplers import Sampler

    candidates = []
    for method in run.settings.samples.methods:
        path = run.samples(method) / "sampler.npz"
        seconds = read_json(run.samples(method) / "cost.json")["fit_seconds"]
        candidates.append(Candidate(Sampler.load(path), path, seconds))
    return judge(
        RunInputs(run.images, run.model, run.latents, run.settings.training),
        Distribution.load(run.analysis / "distribution.npz"),
        candidates,
        run.judging,
        run.settings.judge,
        run.settings.seed,
        progress,
    )


def _report(run: Run, key: str, progress: Progress) -> dict[str, Any]:
    from zpoints.report.page import write_report

    with progress.task("report", 1, "pages") as task:
        write_report(run)
        task.advance()
    return {}


Work = Callable[[Run, str, Progress], dict[str, Any]]
Outputs = Callable[[Run], list[Path]]


def _below(folder: str, *names: str) -> Outputs:
    return lambda run: [run.folder / folder / name for name in names]


def _model_files(run: Run) -> list[Path]:
    from zpoints.models.kinds import CODECS

    kind = CODECS[run.settings.autoencoder.kind]
    return [run.model / name for name in (*kind.outputs, "reconstructions.png")]


def _of_samplers(*names: str) -> Outputs:
    return lambda run: [
        run.samples(method) / name for method in run.settings.samples.methods for name in names
    ]


STAGES: dict[str, tuple[Work, Outputs]] = {
    "prepare": (_prepare, _below("images", "pixels.npy", "index.parquet", "prepare.json")),
    "train": (_train, _model_files),
    "encode": (_encode, lambda run: [run.latents]),
    "analyse": (_analyse, _below("analysis", *ANALYSIS_FILES)),
    "sample": (_sample, _of_samplers("z.npy", "sampler.npz", "cost.json")),
    "decode": (_decode, _of_samplers("grid.png", "pictures.npy")),
    "judge": (_judge, lambda run: [run.judging / "scores.json"]),
    "report": (_report, lambda run: [run.report]),
}


def train_to_folder(settings: Settings, images: Path, out: Path, progress: Progress) -> None:
    """Train, and lay a sheet of originals above their reconstructions beside the model."""
    from zpoints.images.sheets import interleaved, save_sheet
    from zpoints.images.store import ImageStore
    from zpoints.models.coding import reconstruct
    from zpoints.models.kinds import train_codec

    store = ImageStore.open(images)
    codec = train_codec(images, out, settings, progress)
    watched = store.rows("val") if len(store.rows("val")) else store.rows("train")
    originals = np.asarray(store.pixels[watched[: 2 * SHEET_COLUMNS]])
    rebuilt = reconstruct(codec, originals)
    save_sheet(out / "reconstructions.png", interleaved(originals, rebuilt, SHEET_COLUMNS), SHEET_COLUMNS)


def sample_to_folder(source: Any, out: Path, sampler: "Sampler", count: int, seed: int) -> None:
    """Fit a sampler; write ``sampler.npz``, ``cost.json``, and ``z.npy`` (count, d) float32.

    For `source` see `Sampler.fit`.
    """
    from zpoints.files.numpy_files import write_npy

    started = time.perf_counter()
    sampler.fit(source)
    write_json(out / "cost.json", {"fit_seconds": time.perf_counter() - started})
    sampler.save(out / "sampler.npz")
    write_npy(out / "z.npy", sampler.sample(count, seed))


def decode_to_folder(
    codec: "Codec", latents: Path, out: Path, sheet: int, progress: Progress, key: str = ""
) -> None:
    """Decode a file of vectors to ``pictures.npy`` (n, H, W, C) uint8, and the first `sheet` to ``grid.png``."""
    from zpoints.files.numpy_files import open_array
    from zpoints.images.sheets import save_sheet
    from zpoints.models.coding import decode

    decode(codec, LatentSet.open(latents), out / "pictures.npy", progress, key)
    save_sheet(out / "grid.png", np.asarray(open_array(out / "pictures.npy")[:sheet]), SHEET_COLUMNS)


def walk_to_folder(codec: "Codec", path: "WalkPath", out: Path, sigma: float) -> None:
    """Decode a path: ``z.npy``, ``walk.png`` (pictures beyond `sigma` framed), ``walk.webp`` and ``walk.gif``."""
    from zpoints.files.numpy_files import write_npy
    from zpoints.images.sheets import framed, save_animation, save_sheet

    write_npy(out / "z.npy", path.vectors.astype(np.float32))
    pictures = codec.decode(path.vectors)
    save_sheet(out / "walk.png", framed(pictures, np.abs(path.steps) > sigma), SHEET_COLUMNS)
    for kind in ("webp", "gif"):
        save_animation(out / f"walk.{kind}", pictures)


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError

    try:
        return version(package)
    except PackageNotFoundError:
        return None
