"""The figures of docs/explain/story.md, drawn from a run: `python docs/story_figures.py runs/story`.

The run, photographic faces and a network that starts from random weights, as the articles' did:

    zpoints run --out runs/story --set images.count=2500 --set training.start=random --set training.epochs=20 \
        --set 'samples.methods=["mixture","normal","independent","uniform"]' --set judge.features=pixels
"""

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import zpoints as zp
from zpoints.plots.style import new_figure, styled

OUT = Path(__file__).parent / "explain" / "figures"
ROW = 14  # pictures


def main(folder: str) -> None:
    """Draw all of them."""
    run = zp.Run(folder)
    a, z = run.analysis, run.analysis.latents.array()
    random = np.random.default_rng(0)
    d = z.shape[1]
    drawn = {
        "N(0, I)": random.standard_normal((400, d)),
        "a box": zp.samplers.Uniform().fit(a).sample(400, random_state=0),
        "independent": zp.samplers.Independent().fit(a).sample(400, random_state=0),
        "normal": zp.samplers.Normal().fit(a).sample(400, random_state=0),
        "mixture": run.sampler("mixture").sample(400, random_state=0),
    }
    save(a.plot.densities(count=8), "densities")
    planes = a.planes[a.planes["r"].abs() > 0.3].sort_values("agreement")
    save(a.plot.planes(list(planes.index[-4:])), "planes")
    save(a.plot.agreement_map(), "map")
    save(places(a, z, drawn), "places")
    save(distances(a, z, drawn), "distances")
    rows = {"reconstructions": z[:ROW], **{name: vectors[:ROW] for name, vectors in drawn.items()}}
    keep(sheet(run, rows), "pictures")
    steps = [zp.walks.along_axis(a.distribution, axis, sigma=6, steps=13) for axis in (0, 1, 4)]
    walks = {f"axis {axis}": path.vectors for axis, path in zip((0, 1, 4), steps, strict=True)}
    keep(sheet(run, walks), "walks")


@styled
def places(a: zp.Analysis, z: np.ndarray, drawn: dict[str, np.ndarray]) -> Figure:
    """The plane of the two components whose means lie farthest off, with the z-points and vectors of three laws."""
    off = (a.components["mean"] / a.components["std"]).abs().sort_values().index
    i, j = sorted(off[-2:])
    figure, panels = new_figure(1, 3, 10.5, 3.6)
    for panel, name in zip(panels, ("N(0, I)", "a box", "normal"), strict=True):
        panel.plot(z[:3000, i], z[:3000, j], ".", color="0.75", markersize=2)
        panel.plot(*drawn[name][:, [i, j]].T, ".", color="#d9480f", markersize=3)
        panel.axhline(0, color="0.6", linewidth=0.6)
        panel.axvline(0, color="0.6", linewidth=0.6)
        panel.sharex(panels[0])
        panel.sharey(panels[0])
        panel.set(title=name, xlabel=f"component {i}")
    panels[0].set_ylabel(f"component {j}")
    return figure


@styled
def distances(a: zp.Analysis, z: np.ndarray, drawn: dict[str, np.ndarray]) -> Figure:
    """Mahalanobis distances of the z-points and of each law's vectors."""
    figure, (panel,) = new_figure(1, 1, 7.4, 3.2)
    for name, vectors in {"z-points": z, **drawn}.items():
        values = np.linalg.norm(a.distribution.pca.whiten(vectors), axis=1)
        panel.hist(values, 90, range=(0, 60), density=True, histtype="step", linewidth=1.6, label=name)
    panel.set(xlabel="Mahalanobis distance from the centre of the z-points", ylabel="density")
    panel.legend()
    return figure


def sheet(run: zp.Run, rows: dict[str, np.ndarray]) -> Image.Image:
    """A row of decoded pictures for each set of vectors, its name beside it."""
    pictures = [np.hstack(list(run.codec.decode(np.float32(vectors)))) for vectors in rows.values()]
    high, wide = pictures[0].shape[:2]
    figure = Figure(figsize=((wide + 130) / 100, len(rows) * high / 100), dpi=100)
    for number, (name, row) in enumerate(zip(rows, pictures, strict=True)):
        bottom = 1 - (number + 1) / len(rows)
        axis = figure.add_axes((130 / (wide + 130), bottom, wide / (wide + 130), 1 / len(rows)))
        axis.imshow(row)
        axis.axis("off")
        figure.text(4 / (wide + 130), bottom + 0.5 / len(rows), name, va="center", fontsize=10)
    return picture_of(figure)


def picture_of(figure: Figure) -> Image.Image:
    """The figure as a picture."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=figure.dpi)
    return Image.open(content).convert("RGB")


def save(figure: Figure, name: str) -> None:
    """A figure of lines and letters."""
    figure.set_dpi(130)
    keep(picture_of(figure), name, quality=80)


def keep(picture: Image.Image, name: str, quality: int = 78) -> None:
    """Write it small."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.webp"
    picture.save(path, "WEBP", quality=quality, method=6)
    print(f"{path}: {picture.width}x{picture.height}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
