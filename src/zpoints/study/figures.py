"""The figures of one cell, out of its files: a flat row, and what each of its columns means."""

from collections.abc import Iterator
from typing import Any

from zpoints.analysis.card_figures import Gaussianity
from zpoints.analysis.summary import AnalysisSummary
from zpoints.files.documents import read_json
from zpoints.judging.result import Judgement, PictureFigures
from zpoints.models.codec import read_model
from zpoints.run.folder import Run
from zpoints.study.stage import STAGES, card_path, error_path

__all__ = ["GENERATION", "OF_CARD", "is_about", "row_of", "with_excess", "words_of"]

WORDS = {
    "card.as_it_is": "Epps-Pulley as it is, over that of N(0, 1)",
    "card.whitened": "Epps-Pulley whitened, over that of normal vectors",
    "card.whitened_z": "Epps-Pulley whitened, in standard errors above normal vectors",
    "card.largest": "Epps-Pulley along the least normal of the random directions",
    "card.worst_statistic": "Epps-Pulley along the least normal direction found",
    "card.worst_kurtosis": "excess kurtosis along the least normal direction found",
    "card.kappa": "kappa, variance of the squared scale",
    "card.kappa_z": "kappa in standard errors of normal vectors",
    "card.negentropy": "negentropy at least, nats",
    "card.negentropy_per_axis": "negentropy at least, nats for each axis",
    "card.told_apart": "told from normal draws, share",
    "card.effective_rank": "effective rank",
    "card.rank_share": "effective rank over number of components",
    "card.participation_ratio": "participation ratio",
    "card.signal_axes": "axes above the noise",
    "card.intrinsic_dimension": "intrinsic dimension (TwoNN)",
    "card.intrinsic_share": "intrinsic dimension over that of normal vectors",
    "card.mean_length": "mean length of the vectors",
    "card.length_spread": "spread of the lengths",
    "card.components": "components that vary",
    "analysis.origin_distance": "origin, Mahalanobis units from the centre",
    "analysis.regions": "regions at least",
    "analysis.components_80": "principal axes for 80 % of the variance",
    "pictures.rmse": "error of reconstructions, grey levels",
    "pictures.unexplained": "share of the pictures' variance that reconstructions miss",
    "judge.training.frechet": "Fréchet distance of training pictures",
    "judge.reconstructions.frechet": "Fréchet distance of reconstructions",
    "judge.best.ratio": "best sampler's Fréchet distance over reconstructions'",
    "judge.best.frechet": "best sampler's Fréchet distance",
    "judge.gain": "Fréchet distance of normal over the best sampler's",
    "model.parameters": "parameters of the model",
}
OF_SAMPLER = {
    "ratio": "Fréchet distance over reconstructions'",
    "frechet": "Fréchet distance",
    "excess": "Fréchet distance less that of reconstructions",
    "two_sample": "vectors told from held-out ones, share",
    "copied": "copies of training vectors, share",
    "coverage": "coverage",
    "recall": "recall",
}
OF_CARD = (
    "card.whitened",
    "card.worst_statistic",
    "card.kappa",
    "card.negentropy_per_axis",
    "card.told_apart",
    "card.rank_share",
    "card.intrinsic_share",
    "pictures.unexplained",
)
"""Figures of Gaussianity that are asked whether they predict generation; the last one is the model's own error."""
GENERATION = ("judge.normal.ratio", "judge.best.ratio", "judge.normal.excess", "judge.gain")
"""Ratios also rise where reconstructions get better; the excess compares models of the same pictures only."""


def is_about(name: str) -> bool:
    """Whether a column only tells how something was measured: numbers of vectors, errors of one run, seconds."""
    return name.startswith("seconds") or name.endswith("_error") or name in ("card.vectors", "judge.pictures")


def words_of(name: str) -> str:
    """What a column means."""
    if name in WORDS:
        return WORDS[name]
    kind, _, rest = name.partition(".")
    if kind == "seconds":
        return f"seconds for {rest or 'all'}"
    sampler, _, figure = rest.rpartition(".")
    return f"{sampler}: {OF_SAMPLER[figure]}" if kind == "judge" and figure in OF_SAMPLER else name


def row_of(run: Run) -> dict[str, Any]:
    """All figures of a finished cell, plain values; None where one is not defined."""
    record, model = run.record, read_model(run.paths.model)
    return {
        **_of_card(Gaussianity.load(card_path(run))),
        **_of_analysis(AnalysisSummary.read(run.paths.analysis / "analysis.json")),
        **_of_pictures(read_json(error_path(run))),
        **_of_judge(run.scores),
        "model.parameters": model.get("parameters"),
        **{f"seconds.{stage.name}": record["stages"][stage.name]["seconds"] for stage in STAGES},
        "seconds.all": round(sum(record["stages"][stage.name]["seconds"] for stage in STAGES), 3),
    }


def with_excess(row: dict[str, Any]) -> dict[str, Any]:
    """The row, and by how much each sampler's Fréchet distance exceeds that of reconstructions."""
    floor = row.get("judge.reconstructions.frechet")
    if floor is None:
        return row
    excess = {
        f"{name.removesuffix('.frechet')}.excess": value - floor
        for name, value in row.items()
        if name.startswith("judge.")
        and name.endswith(".frechet")
        and value is not None
        and name not in ("judge.reconstructions.frechet", "judge.training.frechet")
    }
    return row | excess


def _of_card(card: Gaussianity) -> dict[str, Any]:
    worst = card.worst[0] if card.worst else None
    nats = card.negentropy
    intrinsic, normal = card.intrinsic_dimension, card.normal_intrinsic_dimension
    return {
        "card.kind": card.kind,
        "card.vectors": card.n,
        "card.components": card.dimension,
        "card.as_it_is": card.as_it_is.mean / card.as_it_is.normal_mean,
        "card.whitened": card.whitened.mean / card.whitened.normal_mean,
        "card.whitened_z": card.whitened.z,
        "card.largest": card.whitened.largest,
        "card.worst_statistic": worst and worst.statistic,
        "card.worst_kurtosis": worst and worst.excess_kurtosis,
        "card.kappa": card.kappa,
        "card.kappa_z": card.kappa / card.kappa_error
        if card.kappa is not None and card.kappa_error
        else None,
        "card.negentropy": nats and nats.nats,
        "card.negentropy_per_axis": nats and nats.nats / nats.axes,
        "card.explained_by": nats and nats.best,
        "card.told_apart": nats and nats.told_apart,
        "card.freedom": card.freedom,
        "card.effective_rank": card.spectrum.effective_rank,
        "card.rank_share": card.spectrum.effective_rank / card.d,
        "card.participation_ratio": card.spectrum.participation_ratio,
        "card.signal_axes": None if card.spectrum.covariance.noise is None else card.spectrum.covariance.axes,
        "card.intrinsic_dimension": intrinsic,
        "card.intrinsic_share": intrinsic / normal if intrinsic and normal else None,
        "card.mean_length": card.mean_length,
        "card.length_spread": card.length_spread,
    }


def _of_analysis(summary: AnalysisSummary) -> dict[str, Any]:
    return {
        "analysis.kind": summary.kind,
        "analysis.origin_distance": summary.region.origin_distance,
        "analysis.regions": summary.region.clusters.regions,
        "analysis.components_80": summary.components_for_variance["0.80"],
    }


def _of_pictures(found: dict[str, Any]) -> dict[str, Any]:
    error, mean = found["rmse"], found["mean_picture_rmse"]
    return {
        "pictures.rmse": error,
        "pictures.unexplained": (error / mean) ** 2 if error is not None and mean else None,
    }


def _of_judge(scores: Judgement) -> dict[str, Any]:
    """The best sampler counts by its distance alone, copies left out; a `resample` of training vectors never."""
    if scores.skipped is not None:
        return {"judge.skipped": scores.skipped}
    found: dict[str, Any] = {"judge.pictures": scores.n, "judge.best": scores.best}
    for name, short in (("training pictures", "training"), ("reconstructions", "reconstructions")):
        found |= _of_row(f"judge.{short}", scores.baselines[name])
    for name, row in scores.samplers.items():
        found |= _of_row(f"judge.{name}", row)
        found |= {
            f"judge.{name}.ratio": row.ratio,
            f"judge.{name}.two_sample": row.two_sample.accuracy,
            f"judge.{name}.copied": row.copied,
        }
    if scores.best is not None:
        best = scores.samplers[scores.best]
        found |= {"judge.best.ratio": best.ratio, "judge.best.frechet": best.frechet}
        if "normal" in scores.samplers and best.frechet > 0:
            found["judge.gain"] = scores.samplers["normal"].frechet / best.frechet
    return found


def _of_row(name: str, row: PictureFigures) -> dict[str, Any]:
    def figures() -> Iterator[tuple[str, Any]]:
        for figure in ("frechet", "frechet_error", "coverage", "recall"):
            yield f"{name}.{figure}", getattr(row, figure)

    return dict(figures())
