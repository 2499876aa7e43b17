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
from zpoints.errors import StageError
from zpoints.files.atomic import atomic_path
from zpoints.files.documents import read_json
from zpoints.images.store import ImageStore
from zpoints.judging.result import Judgement
from zpoints.run.sampling import sampler_of
from zpoints.run.work import save_grid
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import collect

if TYPE_CHECKING:
    from zpoints.run.folder import Run

__all__ = ["write_report"]

AGAINST = 8  # planes of the first principal axis


def write_report(run: "Run") -> None:
    """Write ``report/index.html`` from the files of the finished stages, and the contact sheet of each sampler.

    Raises
    ------
    StageError : a stage before is missing.
    """
    for path in (run.paths.model / "model.json", run.paths.latents, run.paths.analysis / "analysis.json"):
        if not path.is_file():
            raise StageError(f"{run.folder}: no {path.relative_to(run.folder)}; run `zpoints run` first")
    for method in run.settings.samples.methods:
        folder = run.paths.samples(method)
        if not (folder / "pictures.npy").is_file():
            raise StageError(f"{folder}: no pictures.npy; run `zpoints run` first")
        save_grid(folder, run.settings.report.sheet)
    environment = Environment(
        loader=PackageLoader("zpoints.report"), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html").render(_content(run))
    with atomic_path(run.paths.report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _content(run: "Run") -> dict[str, Any]:
    store, analysis = ImageStore.open(run.paths.images), Analysis.load(run.paths.analysis)
    model, record = read_json(run.paths.model / "model.json"), run.record
    latents = LatentSet.open(run.paths.latents, store.rows("train"))
    return {
        "name": run.settings.name,
        "description": store.description,
        "images": len(store),
        "splits": {split: len(store.rows(split)) for split in ("train", "val", "test")},
        "shape": store.shape,
        "rejected": _rejected(run),
        "remarks": store.details.get("remarks", []),
        "model": {"parameters": model.get("parameters"), "words": _in_words(model, run)},
        "settings": run.settings,
        "record": record,
        "scores": _scores(run),
        "summary": analysis.summary,
        "verdict": analysis.verdict,
        **_learning(run, model),
        **_analysis_figures(run, latents, analysis),
        "mahalanobis": _median_mahalanobis(latents, analysis),
        "samples": [_sample(run, method, analysis) for method in run.settings.samples.methods],
        "gpu": any(stage["peak_vram_mib"] for stage in record["stages"].values()),
        "total_seconds": sum(stage["seconds"] for stage in record["stages"].values()),
    }


def _in_words(model: dict[str, Any], run: "Run") -> str:
    """The model in one sentence: its own, or what can be read off its architecture."""
    if description := model.get("description"):
        return f"{description.rstrip('.')}."
    if architecture := model.get("architecture"):
        channels = "-".join(map(str, architecture["channels"]))
        norm = "with" if architecture["batch_norm"] else "no"
        return (
            f"Encoder with {channels} channels, kernel {architecture['kernel']}, "
            f"{architecture['activation'].replace('_', ' ')}, {norm} batch normalisation; loss "
            f"{run.settings.training.loss.replace('_', ' ')}."
        )
    return ""


def _learning(run: "Run", model: dict[str, Any]) -> dict[str, Any]:
    """The learning curve, the reconstructions and the speed, as far as the model has any."""
    sheet, history = run.paths.model / "reconstructions.png", run.paths.model / "history.csv"
    found: dict[str, Any] = {
        "reconstructions": _embed_file(sheet) if sheet.is_file() else None,
        "learning": None,
        "last": None,
        "best": None,
        "speed": "",
    }
    table = pd.read_csv(history) if history.is_file() else pd.DataFrame()
    if table.empty:  # no file, or no epoch
        return found
    last, watched = table.iloc[-1], table["validation_loss"].notna().any()
    best = table.loc[table["validation_loss"].idxmin()] if watched else last
    found |= {"learning": _embed(plots.learning_curve(table)), "last": last, "best": best}
    if device := model.get("device"):
        number = "bfloat16" if device.get("bfloat16") else "float32"
        found["speed"] = (
            f"Training: {last['images_per_second']:,.0f} images per second on {device.get('name', 'this machine')} "
            f"({run.record.get('processor')}), {number}."
        )
    return found


def _analysis_figures(run: "Run", latents: LatentSet, analysis: Analysis) -> dict[str, Any]:
    wanted, seed = run.settings.report.components, run.settings.seed
    found: dict[str, Any] = {
        "overview": _embed(plots.overview(analysis)),
        "pairs": _embed(plots.density_pairs(analysis, count=min(6, wanted // 2)))
        if min(wanted, int((~analysis.components["dead"]).sum())) > 1
        else None,
        "normality": _embed(plots.normality(analysis)),
        "survivors": _embed(plots.survivors(analysis)),
        "trimming": None,
        "ellipsoid": None,
        "densities": _embed(plots.densities(analysis, count=wanted)),
        "densities_pca": _embed(plots.densities(analysis, basis="pca")),
        "variance": _embed(plots.spectrum(analysis)),
        "signal": _embed(plots.signal(analysis)) if analysis.summary.spectrum else None,
        "pixels": _embed(plots.pixels(analysis)) if analysis.summary.pictures else None,
        "groups": _embed(plots.groups(analysis)) if analysis.groups is not None else None,
        "channels": _embed(plots.channels(analysis)) if analysis.channels is not None else None,
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


def _sample(run: "Run", method: str, analysis: Analysis) -> dict[str, Any]:
    """One sampler's sheet, and where its vectors lie, in Mahalanobis distance, beside the z-points' own."""
    z = LatentSet.open(run.paths.samples(method) / "z.npy")
    return {
        "name": method,
        "text": _text(run, method),
        "grid": _embed_file(run.paths.samples(method) / "grid.png"),
        "count": z.n,
        "mahalanobis": _median_mahalanobis(z, analysis),
        "folder": str(run.paths.samples(method).relative_to(run.folder)),
    }


def _text(run: "Run", method: str) -> str:
    """What a sampler says of itself, and the settings that it was given for itself."""
    sampler, own = sampler_of(run.settings.samples, method), run.settings.samples.options.get(method, {})
    says = sampler.description or (type(sampler).__doc__ or "").strip().partition("\n")[0]
    return says + (
        f" Settings: {', '.join(f'{name} {value}' for name, value in own.items())}." if own else ""
    )


def _scores(run: "Run") -> dict[str, Any] | None:
    """The judge's table and its pictures; None where nothing was judged."""
    path = run.paths.judging / "scores.json"
    if not path.is_file() or (scores := Judgement.read(path)).skipped is not None:
        return None
    shown = [scores.best] if scores.best else [name for name, _ in scores.ranked[:1]]
    nearest = {name: _embed_file(run.paths.judging / f"nearest-{name}.png") for name in shown}
    return {
        **scores,
        "rows": scores.ranked,
        "agreement": scores.agreement,
        "nearest": nearest,
        "sheet": _embed_file(run.paths.judging / "samplers.png"),
    }


def _median_mahalanobis(latents: LatentSet, analysis: Analysis) -> float:
    whiten = analysis.distribution.pca.whiten
    return float(np.median(collect(latents, lambda block: np.linalg.norm(whiten(block), axis=1))))


def _rejected(run: "Run") -> pd.DataFrame:
    path = run.paths.images / "rejected.csv"
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
