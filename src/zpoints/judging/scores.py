"""One table over all samplers: pictures, vectors, round trip, copies and cost; and which one to use."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.config import JudgeSettings
from zpoints.distribution import Distribution
from zpoints.images.store import ImageStore
from zpoints.judging.distances import Axes, DensityCoverage, frechet_bootstrap, kernel_distance
from zpoints.judging.features import Features, features_by_name
from zpoints.judging.region import Nearest, mahalanobis_summary, violated_planes
from zpoints.judging.words import recommendation
from zpoints.latents import LatentSet
from zpoints.progress import Progress, Silent, Task
from zpoints.report.sheets import in_turn, save_sheet
from zpoints.samplers import Sampler
from zpoints.storage import json_number, write_json

if TYPE_CHECKING:
    from zpoints.autoencoder.coding import Coder

__all__ = ["Candidate", "judge"]

BATCH = 128
FEWEST = 20  # held-out pictures
SUSPICIOUS = 12  # samples with the nearest training vectors, shown beside these
COPIES = 0.9
"""Samplers whose vectors lie nearer to training vectors than so many times the held-out ones' distance copy."""

Pictures = Callable[[int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fitted sampler, and how long its fit took (None if that was not measured)."""

    sampler: Sampler
    path: Path
    fit_seconds: float | None


@dataclass(frozen=True, eq=False)
class _Court:
    """Everything that every candidate is compared with."""

    coder: "Coder"
    features: Features
    axes: Axes
    held_features: np.ndarray
    held_projected: np.ndarray
    held_z: np.ndarray
    held_nearest: float
    held_trip: float
    training: LatentSet
    distribution: Distribution
    store: ImageStore
    rows: np.ndarray
    n: int
    seed: int
    out: Path


def judge(
    images: Path,
    model: Path,
    latents: Path,
    distribution: Distribution,
    candidates: list[Candidate],
    out: Path,
    settings: JudgeSettings,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge samplers by pictures that no stage before has seen; writes ``scores.json`` and sheets into `out`.

    Parameters
    ----------
    images, model, latents : a folder of pictures, of the network trained on them, and all their latent vectors.
    distribution : of the training vectors.
    candidates : fitted samplers.

    Raises
    ------
    SourceError : the network's weights are not in the cache and cannot be downloaded.

    With fewer than 20 held-out pictures nothing is judged, and ``scores.json`` says so.
    """
    from zpoints.autoencoder.coding import Coder

    progress = progress or Silent()
    store = ImageStore.open(images)
    training = store.rows("train")
    held = store.rows("test") if len(store.rows("test")) >= FEWEST else store.rows("val")
    if len(held) < FEWEST:
        why = f"{len(held)} held-out pictures; the judge needs at least {FEWEST}: raise images.test"
        progress.say(f"judge: {why}")
        scores = {"n": len(held), "skipped": why}
        write_json(out / "scores.json", scores)
        return scores
    n = min(settings.count, len(held))
    coder = Coder.load(model)
    features = features_by_name(settings.features, store.shape[2], progress)
    random = np.random.default_rng(seed)
    held = np.sort(random.permutation(held)[:n])
    sets = 4 + len(candidates)
    with progress.task("judge", sets * n, "pictures") as task:
        shown = np.sort(random.permutation(training)[: max(n, min(len(training), settings.axes * 50))])
        real = _featured(features, _stored(store, shown), len(shown), None)
        axes = Axes.of(real, settings.axes)
        held_features = _featured(features, _stored(store, held), n, task)
        z = LatentSet.open(latents, held).array()
        train = LatentSet.open(latents, training)
        court = _Court(
            coder=coder,
            features=features,
            axes=axes,
            held_features=held_features,
            held_projected=axes.project(held_features),
            held_z=z,
            held_nearest=float(np.median(Nearest.of(z, train).distance)),
            held_trip=_round_trip(coder, z, distribution),
            training=train,
            distribution=distribution,
            store=store,
            rows=training,
            n=n,
            seed=seed,
            out=out,
        )
        floors, drawn = {}, {}
        others = real[np.sort(random.permutation(len(real))[:n])]
        floors["training pictures"], _ = _by_pictures(court, others)
        task.advance(n)
        rebuilt = _featured(
            features, lambda a, b: coder.reconstruct(np.asarray(store.pixels[held[a:b]])), n, task
        )
        floors["reconstructions"], _ = _by_pictures(court, rebuilt)
        noise = random.standard_normal((n, train.dimension))
        found = _featured(features, lambda a, b: coder.decode(noise[a:b]), n, task)
        floors["N(0, I)"], _ = _by_pictures(court, found)
        samplers = {}
        for candidate in candidates:
            name = candidate.sampler.name
            samplers[name], drawn[name] = _sampler(court, candidate, task)
    reference = floors["reconstructions"]["frechet"]
    for row in samplers.values():
        row["ratio"] = row["frechet"] / reference if reference > 0 else None
    scores = {
        "n": n,
        "features": settings.features,
        "axes": axes.count,
        "asked_for": settings.count,
        "held_out_nearest": court.held_nearest,
        "held_out_round_trip": court.held_trip,
        "floors": floors,
        "samplers": samplers,
        **recommendation(samplers, floors, drawn, n, settings.count, COPIES),
    }
    write_json(out / "scores.json", scores)
    return scores


def _sampler(court: _Court, candidate: Candidate, task: Task) -> tuple[dict[str, Any], np.ndarray]:
    """One row of the table."""
    started = time.perf_counter()
    z = candidate.sampler.sample(court.n, seed=court.seed + 1).astype(np.float64)
    seconds = time.perf_counter() - started
    row, drawn = _by_pictures(
        court, _featured(court.features, lambda a, b: court.coder.decode(z[a:b]), court.n, task)
    )
    nearest = Nearest.of(z, court.training)
    pca = court.distribution.pca
    row |= {
        "mahalanobis": mahalanobis_summary(z, court.held_z, pca),
        "violated_planes": json_number(violated_planes(z, pca)),
        "nearest": float(np.median(nearest.distance)),
        "nearest_ratio": float(np.median(nearest.distance)) / court.held_nearest,
        "round_trip": _round_trip(court.coder, z, court.distribution),
        "fit_seconds": candidate.fit_seconds,
        "vectors_per_second": court.n / max(seconds, 1e-9),
        "bytes": candidate.path.stat().st_size,
    }
    suspects = np.argsort(nearest.distance)[:SUSPICIOUS]
    theirs = np.asarray(court.store.pixels[court.rows[nearest.number[suspects]]])
    sheet = in_turn(court.coder.decode(z[suspects]), theirs, SUSPICIOUS)
    save_sheet(court.out / f"nearest-{candidate.sampler.name}.png", sheet, SUSPICIOUS)
    return row, drawn


def _by_pictures(court: _Court, features: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """The figures of a set of pictures by their features, and the bootstrapped Fréchet distances."""
    distance, drawn = frechet_bootstrap(court.axes.project(features), court.held_projected, court.seed)
    kernel, kernel_error = kernel_distance(features, court.held_features)
    fill = DensityCoverage.of(features, court.held_features)
    row = {
        "frechet": distance,
        "frechet_error": float(drawn.std(ddof=1)),
        "kernel_distance": kernel,
        "kernel_distance_error": json_number(kernel_error),
        "density": fill.density,
        "coverage": fill.coverage,
    }
    return row, drawn


def _featured(features: Features, pictures: Pictures, count: int, task: Task | None) -> np.ndarray:
    """Features of pictures that are made batch by batch."""
    found = np.empty((count, features.dimension), np.float32)
    for start in range(0, count, BATCH):
        stop = min(start + BATCH, count)
        found[start:stop] = features.of(pictures(start, stop))
        if task is not None:
            task.advance(stop - start)
    return found


def _stored(store: ImageStore, rows: np.ndarray) -> Pictures:
    return lambda a, b: np.asarray(store.pixels[rows[a:b]])


def _round_trip(coder: "Coder", z: np.ndarray, distribution: Distribution) -> float:
    """Median Mahalanobis distance between vectors and what the Encoder makes of their pictures."""
    found = []
    whiten = distribution.pca.whiten
    for start in range(0, len(z), BATCH):
        part = z[start : start + BATCH]
        again = coder.encode(coder.decode(part)).astype(np.float64)
        found.append(np.linalg.norm(whiten(again) - whiten(part), axis=1))
    return float(np.median(np.concatenate(found)))
