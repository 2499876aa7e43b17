"""One table over all samplers: pictures, vectors, round trip, copies and cost; and which one to use."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.analysis.distribution import Distribution
from zpoints.config import JudgeSettings
from zpoints.errors import StageError
from zpoints.files.documents import json_number, write_json
from zpoints.images.sheets import Row, interleaved, save_rows, save_sheet
from zpoints.images.store import ImageStore
from zpoints.judging.distances import DensityCoverage, frechet_bootstrap, kernel_distance
from zpoints.judging.features import features_by_name
from zpoints.judging.recommendation import recommendation
from zpoints.judging.reference import Reference, RunInputs
from zpoints.judging.region import Nearest, mahalanobis_summary, two_sample_test, violated_planes
from zpoints.samplers import Sampler
from zpoints.system.forecast import forecast
from zpoints.system.lock import locked
from zpoints.system.meter import anonymous_bytes
from zpoints.system.progress import Progress, Silent, Task

__all__ = ["Candidate", "judge"]

FEWEST = 20  # held-out pictures
SUSPICIOUS = 12  # samples with the nearest training vectors, shown beside these
SHOWN = 12  # pictures of each sampler on the sheet of all
LONG, TRIED = (
    5000,
    64,
)  # pictures: so many take long enough to say beforehand how long, by the time of so many
COPIES = 0.9
"""Samplers whose vectors lie nearer to training vectors than so many times the held-out ones' distance copy."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fitted sampler, and how long its fit took (None if that was not measured)."""

    sampler: Sampler
    path: Path
    fit_seconds: float | None


def judge(
    inputs: RunInputs,
    distribution: Distribution,
    candidates: list[Candidate],
    out: Path,
    settings: JudgeSettings,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge samplers by pictures that no stage before has seen.

    Writes ``scores.json``, a sheet ``samplers.png`` of all samplers' pictures with their scores, and for each
    sampler ``nearest-NAME.png``: its most suspicious samples above the training pictures nearest to them.

    Parameters
    ----------
    inputs : the pictures, the network trained on them, and all their latent vectors.
    distribution : of the training vectors.
    candidates : fitted samplers.

    Raises
    ------
    SourceError : the features' weights are not in the cache and cannot be downloaded.

    With fewer than 20 held-out pictures nothing is judged, and ``scores.json`` says so.
    """
    with locked(out):
        return _judge(inputs, distribution, candidates, out, settings, seed, progress or Silent())


def _judge(
    inputs: RunInputs,
    distribution: Distribution,
    candidates: list[Candidate],
    out: Path,
    settings: JudgeSettings,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    store = ImageStore.open(inputs.images)
    held = store.rows("test") if len(store.rows("test")) >= FEWEST else store.rows("val")
    if len(held) < FEWEST:
        why = f"{len(held)} held-out pictures; the judge needs at least {FEWEST}: raise images.test"
        progress.say(f"judge: {why}")
        scores = {"n": len(held), "skipped": why}
        write_json(out / "scores.json", scores)
        return scores
    n = min(settings.count, len(held))
    total = (4 + len(candidates)) * n
    if total > LONG:
        _say_how_long(store, settings, total, progress)
    with progress.task("judge", total, "pictures") as task:
        reference = Reference.of(inputs, distribution, held, n, settings, seed, progress, task)
        baselines, sheet = _baselines(reference, task)
        samplers, drawn = {}, {}
        bound = baselines["reconstructions"]["frechet"]
        for candidate in candidates:
            name = candidate.sampler.name
            found = _sampler(reference, candidate, task)
            drawn[name] = found.drawn
            ratio = found.row["frechet"] / bound if bound > 0 else None
            samplers[name] = found.row | {"ratio": ratio}
            _show_suspects(reference, found, out / f"nearest-{name}.png")
            sheet.append((name, samplers[name], reference.decode(found.z[:SHOWN])))
    scores = {
        "n": n,
        "features": settings.features,
        "axes": reference.axes.count,
        "asked_for": settings.count,
        "held_out_nearest": reference.held_nearest,
        "held_out_round_trip": reference.held_trip,
        "baselines": baselines,
        "samplers": samplers,
        **recommendation(samplers, baselines, drawn, n, settings.count, COPIES),
    }
    _save_sheet_of_all(out / "samplers.png", sheet, reference)
    write_json(out / "scores.json", scores)
    return scores


Shown = tuple[str, dict[str, Any], np.ndarray]


def _say_how_long(store: ImageStore, settings: JudgeSettings, total: int, progress: Progress) -> None:
    """Features of a few pictures by the clock: nearly all of the judge's time goes into them."""
    features = features_by_name(settings.features, store.shape[2], progress)
    some = np.array(store.pixels[:TRIED])
    features.of(some)
    started = time.perf_counter()
    features.of(some)
    seconds = (time.perf_counter() - started) * total / len(some)
    ram = (
        anonymous_bytes() or 0
    ) + 4 * features.dimension * total  # one array of features per row of the table
    progress.say(forecast("judge", f"{total:,} pictures", ram, seconds))


def _baselines(reference: Reference, task: Task) -> tuple[dict[str, dict[str, Any]], list[Shown]]:
    """What bounds every sampler: other real pictures, reconstructions, and N(0, I); and pictures of the last two."""
    noise = np.random.default_rng([reference.seed, 3]).standard_normal(
        (reference.n, reference.training.dimension)
    )
    features = {
        "training pictures": reference.others,
        "reconstructions": reference.featured(reference.reconstructed, task),
        "N(0, I)": reference.featured(lambda a, b: reference.decode(noise[a:b]), task),
    }
    baselines = {name: _by_pictures(reference, found)[0] for name, found in features.items()}
    shown = [
        ("reconstructions", baselines["reconstructions"], reference.reconstructed(0, SHOWN)),
        ("N(0, I)", baselines["N(0, I)"], reference.decode(noise[:SHOWN])),
    ]
    return baselines, shown


@dataclass(frozen=True, eq=False)
class _Found:
    """One row of the table, bootstrapped Fréchet distances, the vectors, and what lies nearest to them."""

    row: dict[str, Any]
    drawn: np.ndarray
    z: np.ndarray
    nearest: Nearest


def _sampler(reference: Reference, candidate: Candidate, task: Task) -> _Found:
    started = time.perf_counter()
    z = candidate.sampler.sample(reference.n, seed=reference.seed + 1).astype(np.float64)
    seconds = time.perf_counter() - started
    if not np.isfinite(z).all():
        raise StageError(
            f"{candidate.path}: {candidate.sampler.name} draws vectors that are not finite; fit it anew"
        )
    row, drawn = _by_pictures(reference, reference.featured(lambda a, b: reference.decode(z[a:b]), task))
    pca = reference.distribution.pca
    nearest = Nearest.of(z, reference.training)
    median = float(np.median(nearest.distance))
    row |= {
        "mahalanobis": mahalanobis_summary(z, reference.held_z, pca),
        "violated_planes": json_number(violated_planes(z, pca)),
        "two_sample": two_sample_test(z, reference.held_z, pca, reference.seed),
        "nearest": median,
        "nearest_ratio": median / reference.held_nearest,
        "round_trip": reference.round_trip(z),
        "fit_seconds": candidate.fit_seconds,
        "vectors_per_second": reference.n / max(seconds, 1e-9),
        "bytes": candidate.path.stat().st_size,
    }
    return _Found(row, drawn, z, nearest)


def _show_suspects(reference: Reference, found: _Found, path: Path) -> None:
    """Write the samples nearest to training vectors, above the pictures of these."""
    suspects = np.argsort(found.nearest.distance)[:SUSPICIOUS]
    theirs = np.asarray(reference.store.pixels[reference.rows[found.nearest.number[suspects]]])
    save_sheet(path, interleaved(reference.decode(found.z[suspects]), theirs, SUSPICIOUS), SUSPICIOUS)


def _by_pictures(reference: Reference, features: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """The figures of a set of pictures by their features, and the bootstrapped Fréchet distances."""
    distance, drawn = frechet_bootstrap(
        reference.axes.project(features), reference.held_projected, reference.seed
    )
    kernel, kernel_error = kernel_distance(features, reference.held_features)
    fill = DensityCoverage.of(features, reference.held_features)
    row = {
        "frechet": distance,
        "frechet_error": float(drawn.std(ddof=1)),
        "kernel_distance": kernel,
        "kernel_distance_error": json_number(kernel_error),
        "density": fill.density,
        "coverage": fill.coverage,
    }
    return row, drawn


def _save_sheet_of_all(path: Path, shown: list[Shown], reference: Reference) -> None:
    """One row of unselected pictures for each sampler, best first, under held-out pictures and reconstructions."""
    floor, *rest = shown
    rest.sort(key=lambda row: row[1]["frechet"])
    held = np.asarray(reference.store.pixels[reference.held[:SHOWN]])
    rows = [Row("held-out pictures", "distances (and ratios to reconstructions')", held)]
    for name, score, pictures in [floor, *rest]:
        note = f"Fréchet distance {score['frechet']:,.0f}"
        if score.get("ratio") is not None:
            note += f" ({score['ratio']:.2f})"
        if "nearest_ratio" in score and score["nearest_ratio"] < COPIES:
            note += ", copies"
        rows.append(Row(name, note, pictures))
    save_rows(path, rows)
