"""One table over all samplers: pictures, vectors, round trip, copies and cost; and which one to use."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from zpoints.analysis.distribution import Distribution
from zpoints.config import JudgeSettings, TrainingSettings
from zpoints.errors import StageError
from zpoints.files.documents import json_number
from zpoints.images.sheets import Row, interleaved, save_rows, save_sheet
from zpoints.images.store import ImageStore
from zpoints.judging.distances import PictureDistances, PictureSet, vendi_score
from zpoints.judging.features import Features, features_by_name
from zpoints.judging.frechet import FrechetFigures
from zpoints.judging.looks import Look
from zpoints.judging.neighbours import CopiedShare, Nearest, copied_share, copying_z
from zpoints.judging.recommendation import agreement, recommended
from zpoints.judging.reference import SHOWN, Reference, RunInputs
from zpoints.judging.region import BothSides, mahalanobis_summary, two_sample_test, violated_planes
from zpoints.judging.result import Judgement, PictureFigures, SamplerFigures
from zpoints.models.codec import Codec
from zpoints.models.kinds import open_codec
from zpoints.models.pca import PCACodec, fitted, most_components
from zpoints.samplers import Sampler
from zpoints.system.forecast import forecast
from zpoints.system.lock import locked
from zpoints.system.meter import anonymous_bytes
from zpoints.system.progress import Progress, Silent, Task
from zpoints.vectors.latent_set import LatentSet

__all__ = ["Candidate", "judge"]

FEWEST = 20  # held-out pictures
SUSPICIOUS = 12  # samples with the nearest training vectors, shown beside these
LONG, TRIED = (
    5000,
    64,
)  # pictures: so many take long enough to say beforehand how long, by the time of so many
ABOVE = 2.0  # standard errors of a distance above 0, for others to be a multiple of it


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
) -> Judgement:
    """Judge samplers by pictures that no stage before has seen.

    Writes ``scores.json``, a sheet ``samplers.png`` of all samplers' pictures with their scores, and for each
    sampler ``nearest-NAME.png``: its most suspicious samples above the training pictures nearest to them. The linear
    codec that every other one has to beat is fitted once, and kept in ``pca.safetensors``.

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
) -> Judgement:
    store = ImageStore.open(inputs.images)
    held = store.rows("test") if len(store.rows("test")) >= FEWEST else store.rows("val")
    if len(held) < FEWEST:
        why = f"{len(held)} held-out pictures; the judge needs at least {FEWEST}: raise images.test"
        progress.say(f"judge: {why}")
        return _written(Judgement(n=len(held), skipped=why), out)
    n = min(settings.count, len(held))
    kinds = _kinds(settings, store.shape[2], progress)
    _place(kinds, inputs.training)
    codec = open_codec(inputs.model, inputs.training)
    linear = _linear(codec, store, out, seed, progress)
    total = (4 + (linear is not None) + len(candidates)) * n
    if total > LONG:
        _say_how_long(store, kinds, total, progress)
    with progress.task("judge", total, "pictures") as task:
        reference = Reference.of(inputs, codec, distribution, kinds, held, n, settings, seed, task)
        baselines, sheet = _baselines(reference, linear, task)
        pictures = _Pictures.of(reference)
        samplers: dict[str, SamplerFigures] = {}
        distances = {}
        for candidate in candidates:
            name = candidate.sampler.name
            found = _sampler(reference, pictures, candidate, baselines["reconstructions"], task)
            samplers[name], distances[name] = found.row, found.distance
            _save_suspects(reference, found, out / f"nearest-{name}.png")
            sheet.append((name, found.row, found.shown))
    judgement = Judgement(
        n=n,
        asked_for=settings.count,
        features=settings.features,
        axes=reference.views[0].axes.count,
        **_of_reference(reference),
        baselines=baselines,
        samplers=samplers,
    )
    _save_sheet_of_all(out / "samplers.png", sheet, reference)
    return _written(agreement(recommended(judgement, distances)), out)


def _place(kinds: tuple[Features, ...], training: TrainingSettings) -> None:
    """Let features that are a network's be worked out on the GPU that trains, if that is one."""
    if "torch" in sys.modules:  # else none of them is a network's
        from zpoints.system.device import Device

        if (device := Device.of(training)).kind == "cuda":
            for kind in kinds:
                kind.to(device.kind)


def _kinds(settings: JudgeSettings, channels: int, progress: Progress) -> tuple[Features, ...]:
    """The features that pictures are compared by, and the second ones, unless they are the same or none."""
    first = features_by_name(settings.features, channels, progress)
    if settings.second in ("none", settings.features):
        return (first,)
    return first, features_by_name(settings.second, channels, progress)


def _of_reference(reference: Reference) -> dict[str, Any]:
    """What the table says of held-out vectors and pictures, and of the second features."""
    natural = copied_share(reference.held_nearest, None)
    first, *second = reference.views
    warnings = []
    if reference.from_training:
        warnings.append(
            f"reconstructions are of {reference.rebuilt_of}: too few others are held out, and training pictures are "
            "rebuilt better"
        )
    return {
        "second": second[0].name if second else None,
        "second_axes": second[0].axes.count if second else None,
        "rebuilt": reference.rebuilt_of,
        "held_out_copied": natural.share,
        "held_out_vendi": vendi_score(first.held),
        "held_out_nearest": float(np.median(reference.held_nearest.distance)),
        "held_out_round_trip": reference.rebuilt.trip,
        "warnings": tuple(warnings),
    }


def _written(judgement: Judgement, out: Path) -> Judgement:
    judgement.write(out / "scores.json")
    return judgement


def _linear(codec: Codec, store: ImageStore, out: Path, seed: int, progress: Progress) -> PCACodec | None:
    """The linear codec that a model has to beat; None where the model is one itself."""
    if codec.kind == PCACodec.kind:
        return None
    d = min(codec.dimension, most_components(store.shape, len(store.rows("train"))))
    return fitted(out / "pca.safetensors", store, d, seed, progress, "judge: pca")


Shown = tuple[str, PictureFigures, np.ndarray]


def _say_how_long(store: ImageStore, kinds: tuple[Features, ...], total: int, progress: Progress) -> None:
    """Features of a few pictures by the clock: nearly all of the judge's time goes into them."""
    some = np.array(store.pixels[:TRIED])
    for features in kinds:
        features.of(some)
    started = time.perf_counter()
    for features in kinds:
        features.of(some)
    seconds = (time.perf_counter() - started) * total / len(some)
    # One array of features per row of the table.
    ram = (anonymous_bytes() or 0) + 4 * sum(features.dimension for features in kinds) * total
    progress.say(forecast("judge", f"{total:,} pictures", ram, seconds))


def _baselines(
    reference: Reference, linear: PCACodec | None, task: Task
) -> tuple[dict[str, PictureFigures], list[Shown]]:
    """What bounds every sampler, and what a model has to beat; and pictures of all but the first.

    Other real pictures, reconstructions, those of a linear codec with as many components, and N(0, I).
    """
    noise = np.random.default_rng([reference.seed, 3]).standard_normal(
        (reference.n, reference.training.dimension)
    )
    looks = {"reconstructions": reference.rebuilt}
    if linear is not None:
        looks[f"PCA, {linear.dimension} components"] = reference.rebuilt_by(linear, task)
    looks["N(0, I)"] = reference.look(noise, task, range(SHOWN))
    baselines = {"training pictures": PictureFigures(**_by_pictures(reference, reference.others)[0])}
    baselines |= {
        name: PictureFigures(**_by_pictures(reference, look.features)[0]) for name, look in looks.items()
    }
    return baselines, [(name, baselines[name], look.kept) for name, look in looks.items()]


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Training pictures by their features, among which copies are looked for, and the reconstructions' nearest.

    Reconstructions of others are what pictures from the model look like that copy nothing. A blurred copy is far from
    its original by features that see detail, and near by coarse ones: so all kinds of features are asked.

    Attributes
    ----------
    training, rebuilt : by each kind of features.
    seen : share of the training pictures whose features are known.
    """

    training: tuple[LatentSet, ...]
    rebuilt: tuple[Nearest, ...]
    seen: float

    @classmethod
    def of(cls, reference: Reference) -> Self:
        known = tuple(LatentSet.open(view.training) for view in reference.views)
        rebuilt = tuple(map(Nearest.of, reference.rebuilt.features, known))
        return cls(known, rebuilt, known[0].n / len(reference.rows))

    def copied(self, look: Look) -> tuple[CopiedShare, float]:
        """Share of copies by the features that see most, and C_T by the first ones, of a sampler's pictures."""
        nearest = [Nearest.of(*each) for each in zip(look.features, self.training, strict=True)]
        shares = [copied_share(a, b, self.seen) for a, b in zip(nearest, self.rebuilt, strict=True)]
        surest = max(shares, key=lambda found: found.share / max(found.error, 1e-12))
        return surest, copying_z(nearest[0], self.rebuilt[0])


@dataclass(frozen=True, eq=False)
class _Found:
    """One row of the table, its Fréchet distance with all that comparing it takes, and pictures.

    `shown` are the first ones, `suspects` those of vectors that lie nearest to training vectors, the numbers of which
    are `copied`.
    """

    row: SamplerFigures
    distance: FrechetFigures
    shown: np.ndarray
    suspects: np.ndarray
    copied: np.ndarray


def _sampler(
    reference: Reference, pictures: _Pictures, candidate: Candidate, bound: PictureFigures, task: Task
) -> _Found:
    """One row: `bound` are the figures of reconstructions."""
    started = time.perf_counter()
    z = candidate.sampler.sample(reference.n, seed=reference.seed + 1).astype(np.float64)
    seconds = time.perf_counter() - started
    if not np.isfinite(z).all():
        raise StageError(
            f"{candidate.path}: {candidate.sampler.name} draws vectors that are not finite; fit it anew"
        )
    nearest = Nearest.of(z, reference.training)
    # Known before the pictures are made, so that each is made once.
    suspects = np.argsort(nearest.distance)[:SUSPICIOUS]
    look = reference.look_and_encode(z, task, [*range(SHOWN), *suspects.tolist()])
    figures, distance = _by_pictures(reference, look.features)
    known = bound.frechet > ABOVE * bound.frechet_error
    row = {
        **figures,
        **_by_vectors(reference, z),
        **_by_nearest(reference, nearest),
        **_by_nearest_pictures(*pictures.copied(look)),
        "round_trip": look.trip,
        "fit_seconds": candidate.fit_seconds,
        "vectors_per_second": reference.n / max(seconds, 1e-9),
        "bytes": candidate.path.stat().st_size,
        "ratio": figures["frechet"] / bound.frechet if known else None,
    }
    shown, suspicious = np.split(look.kept, [SHOWN])
    found = SamplerFigures.from_dict(row, candidate.sampler.name)
    return _Found(found, distance, shown, suspicious, nearest.number[suspects])


def _by_vectors(reference: Reference, z: np.ndarray) -> dict[str, Any]:
    """Do the vectors lie where held-out ones lie?"""
    pca, both = reference.distribution.pca, BothSides.of(z, reference.held_z)
    return {
        "mahalanobis": mahalanobis_summary(z, pca, both),
        "violated_planes": json_number(violated_planes(z, pca)),
        "two_sample": two_sample_test(both, reference.seed),
    }


def _by_nearest(reference: Reference, nearest: Nearest) -> dict[str, Any]:
    """Do the vectors copy?"""
    held = reference.held_nearest
    copied = copied_share(nearest, held)
    median, usual = float(np.median(nearest.distance)), float(np.median(held.distance))
    return {
        "copied": copied.share,
        "copied_error": copied.error,
        "copying_z": copying_z(nearest, held),
        "nearest": median,
        "nearest_ratio": median / usual if usual > 0 else None,
    }


def _by_nearest_pictures(copied: CopiedShare, z: float) -> dict[str, Any]:
    return {
        "copied_pictures": copied.share,
        "copied_pictures_error": copied.error,
        "copying_z_pictures": z,
    }


def _save_suspects(reference: Reference, found: _Found, path: Path) -> None:
    """Write the samples nearest to training vectors, above the pictures of these."""
    theirs = np.asarray(reference.store.pixels[reference.rows[found.copied]])
    save_sheet(path, interleaved(found.suspects, theirs, SUSPICIOUS), SUSPICIOUS)


def _by_pictures(
    reference: Reference, features: tuple[np.ndarray, ...]
) -> tuple[dict[str, Any], FrechetFigures]:
    """The figures of a set of pictures by their features, and the Fréchet distance by the first kind."""
    distance, *second = (
        view.distance(values) for view, values in zip(reference.views, features, strict=True)
    )
    fill = PictureDistances.of(PictureSet.of(features[0]), reference.real)
    figures = {
        "frechet": distance.extrapolated,
        "frechet_error": distance.error,
        "frechet_plain": distance.plain,
        "kernel_distance": fill.kernel,
        "kernel_distance_error": json_number(fill.kernel_error),
        "density": fill.density,
        "coverage": fill.coverage,
        "recall": fill.recall,
        "vendi": vendi_score(features[0]),
        "second_frechet": second[0].extrapolated if second else None,
        "second_frechet_error": second[0].error if second else None,
    }
    return figures, distance


def _save_sheet_of_all(path: Path, shown: list[Shown], reference: Reference) -> None:
    """One row of unselected pictures for each sampler, best first, under held-out pictures and reconstructions."""
    floor, *rest = shown
    rest.sort(key=lambda row: row[1].frechet)
    held = reference.held_pictures(0, SHOWN)
    rows = [Row("held-out pictures", "distances (and ratios to reconstructions')", held)]
    for name, figures, pictures in [floor, *rest]:
        note = f"Fréchet distance {figures.frechet:,.0f}"
        if isinstance(figures, SamplerFigures):
            if figures.ratio is not None:
                note += f" ({figures.ratio:.2f})"
            if figures.copies:
                note += ", copies"
        rows.append(Row(name, note, pictures))
    save_rows(path, rows)
