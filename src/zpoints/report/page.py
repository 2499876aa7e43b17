"""The report: one HTML page with everything inside it, made from the files of a run."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

import zpoints.plots as plots
from zpoints.analysis.result import Analysis
from zpoints.config import SamplerName
from zpoints.errors import StageError
from zpoints.files.atomic import atomic_path
from zpoints.files.documents import read_json
from zpoints.images.store import ImageStore
from zpoints.vectors.latent_set import LatentSet

if TYPE_CHECKING:
    from zpoints.run.stages import Run

__all__ = ["write_report"]

AGAINST = 8  # planes of the first principal axis

SAMPLER_TEXTS: dict[SamplerName, str] = {
    "uniform": "Every component uniform in the same box around the origin, as one would draw without a look.",
    "interval": "Every component uniform in an interval of its own, read off its number density; no correlations.",
    "independent": "Every component from its own Gaussian, correlations ignored: each density is right, and the "
    "vectors still miss the region that the Decoder knows. This is what goes wrong.",
    "normal": "Drawn from the multivariate normal distribution with the measured mean and full covariance.",
    "core": "The inner half of the normal distribution of the robust core: outliers and flanks left out.",
    "ellipse": "The normal law, given that the vector lies inside the {sigma:g} sigma ellipses of all pairs of "
    "PCA axes at once: drawn exactly, without rejection and without an order of the components.",
    "ellipse-pairs": "Inside the {sigma:g} sigma ellipses of all pairs of latent components, without a PCA: all that "
    "one knows who looks at planes only.",
    "mixture": "A mixture of normal distributions with full covariances, as many as describe held-out vectors best.",
    "kernel": "A training vector, drawn towards the mean, with normal noise around it; near copies if that is small.",
    "copula": "The measured density along every principal axis, joined by a normal copula.",
    "elliptical": "The normal law's directions, and the measured law of the distances from the centre.",
    "flow": "Normal noise, sent through couplings that were fitted by maximum likelihood.",
    "flow-matching": "A small network that has learnt to carry normal noise to where the z-points lie.",
    "resample": "Training vectors themselves, decoded: no generator, the floor that the others are compared with.",
}


def write_report(run: "Run") -> None:
    """Write ``report/index.html`` from the files of the finished stages.

    Raises
    ------
    StageError : a stage before is missing.
    """
    for path in (run.model / "model.json", run.latents, run.analysis / "analysis.json"):
        if not path.is_file():
            raise StageError(f"{run.folder}: no {path.relative_to(run.folder)}; run `zpoints run` first")
    environment = Environment(
        loader=PackageLoader("zpoints.report"), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html").render(_content(run))
    with atomic_path(run.report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _content(run: "Run") -> dict[str, Any]:
    store, analysis = ImageStore.open(run.images), Analysis.load(run.analysis)
    model, record = read_json(run.model / "model.json"), run.record
    history = pd.read_csv(run.model / "history.csv")
    latents = LatentSet.open(run.latents, store.rows("train"))
    last, watched = history.iloc[-1], history["validation_loss"].notna().any()
    best = history.loc[history["validation_loss"].idxmin()] if watched else last
    return {
        "name": run.settings.name,
        "description": store.description,
        "images": len(store),
        "splits": {split: len(store.rows(split)) for split in ("train", "val", "test")},
        "shape": store.shape,
        "rejected": _rejected(run),
        "model": model,
        "settings": run.settings,
        "record": record,
        "scores": _scores(run),
        "summary": analysis.summary,
        "verdict": analysis.verdict,
        "last": last,
        "best": best,
        "learning": _embed(plots.learning_curve(history)),
        "reconstructions": _embed_file(run.model / "reconstructions.png"),
        **_analysis_figures(run, latents, analysis),
        "mahalanobis": _median_mahalanobis(latents, analysis),
        "samples": [_sample(run, method, analysis) for method in run.settings.samples.methods],
        "gpu": any(stage["peak_vram_mib"] for stage in record["stages"].values()),
        "total_seconds": sum(stage["seconds"] for stage in record["stages"].values()),
    }


def _analysis_figures(run: "Run", latents: LatentSet, analysis: Analysis) -> dict[str, Any]:
    wanted, seed = run.settings.report.components, run.settings.seed
    found: dict[str, Any] = {
        "overview": _embed(plots.overview(analysis)),
        "pairs": _embed(plots.density_pairs(analysis, count=min(6, wanted // 2)))
        if min(wanted, len(analysis.components)) > 1
        else None,
        "normality": _embed(plots.normality(analysis)),
        "survivors": _embed(plots.survivors(analysis)),
        "trimming": None,
        "ellipsoid": None,
        "densities": _embed(plots.densities(analysis, count=wanted)),
        "densities_pca": _embed(plots.densities(analysis, basis="pca")),
        "variance": _embed(plots.spectrum(analysis)),
    }
    if plots.most_turned_plane(analysis):
        found["trimming"] = _embed(plots.contours_after_cut(analysis, latents=latents, seed=seed))
    if len(analysis.principal_components) > 2:
        found["ellipsoid"] = _embed(plots.ellipsoid(analysis, latents=latents, seed=seed))
    ranked = _ranked(analysis)
    count = min(run.settings.report.planes, len(ranked))

    def drawn(chosen: list[tuple[int, int]]) -> str:
        return _embed(plots.planes(analysis, chosen, latents=latents, seed=seed))

    if count:
        found |= {
            "most_elliptic": drawn(ranked[:count]),
            "least_elliptic": drawn(ranked[-count:][::-1]),
            "map": _embed(plots.agreement_map(analysis)),
            "against": None,
            "coverage": _embed(plots.coverage(analysis)),
        }
        if len(analysis.principal_planes):
            found["against"] = _embed(plots.against(analysis, count=AGAINST, latents=latents, seed=seed))
    return {"planes": len(ranked), **found}


def _ranked(analysis: Analysis) -> list[tuple[int, int]]:
    """Planes of the latent components, the most elliptic first."""
    planes = analysis.planes
    if planes.empty:
        return []
    return list(planes.dropna(subset=["coverage_2"]).sort_values("rank", ascending=False).index)


def _sample(run: "Run", method: SamplerName, analysis: Analysis) -> dict[str, Any]:
    """One sampler's sheet, and where its vectors lie, in Mahalanobis distance, beside the z-points' own."""
    z = LatentSet.open(run.samples(method) / "z.npy")
    return {
        "name": method,
        "text": SAMPLER_TEXTS[method].format(sigma=run.settings.samples.sigma),
        "grid": _embed_file(run.samples(method) / "grid.png"),
        "count": z.n,
        "mahalanobis": _median_mahalanobis(z, analysis),
        "folder": str(run.samples(method).relative_to(run.folder)),
    }


def _scores(run: "Run") -> dict[str, Any] | None:
    """The judge's table, best sampler first; None where nothing was judged."""
    path = run.judging / "scores.json"
    scores = read_json(path) if path.is_file() else None
    if scores is None or "skipped" in scores:
        return None
    rows = sorted(scores["samplers"].items(), key=lambda row: row[1]["frechet"])
    shown = [scores["best"]] if scores["best"] else [name for name, _ in rows[:1]]
    nearest = {name: _embed_file(run.judging / f"nearest-{name}.png") for name in shown}
    return scores | {"rows": rows, "nearest": nearest, "sheet": _embed_file(run.judging / "samplers.png")}


def _median_mahalanobis(latents: LatentSet, analysis: Analysis) -> float:
    whiten = analysis.distribution.pca.whiten
    distances = [np.linalg.norm(whiten(block), axis=1) for block in latents.blocks(4096)]
    return float(np.median(np.concatenate(distances)))


def _rejected(run: "Run") -> pd.DataFrame:
    path = run.images / "rejected.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["source", "reason"])


def _embed(figure: Figure) -> str:
    return _data(plots.png(figure), "png")


def _embed_file(path: Path) -> str:
    if not path.is_file():
        raise StageError(f"{path}: missing; delete the stage's folder and run `zpoints run` again")
    small = io.BytesIO()
    # Lossless, and a third smaller than PNG.
    Image.open(path).save(small, "WEBP", lossless=True, method=4)
    return _data(small.getvalue(), "webp")


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
