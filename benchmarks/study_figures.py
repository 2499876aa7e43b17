"""The figures and the short table of `docs/study.md`, from the folder of its study.

``python -m benchmarks.study_figures docs/study.toml FOLDER docs`` writes ``study-kinds.webp``, ``study-latent.webp``,
``study-generation.webp`` and ``study.csv`` (every run, every figure, three to four digits).
"""

import argparse
import io
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from zpoints.files.atomic import atomic_path
from zpoints.plots.study import against, by_level
from zpoints.plots.style import png
from zpoints.study.comparisons import condition_means, curves
from zpoints.study.figures import words_of
from zpoints.study.plan import Plan, read_plan
from zpoints.study.study import TABLE

KINDS = (
    "card.negentropy_per_axis",
    "card.kappa",
    "card.intrinsic_share",
    "pictures.unexplained",
    "judge.normal.ratio",
    "judge.best.ratio",
)
LATENT = ("card.negentropy_per_axis", "card.kappa", "card.rank_share", *KINDS[3:])
PAIRS = (
    ("card.negentropy_per_axis", "judge.normal.ratio"),
    ("card.kappa", "judge.normal.ratio"),
    ("pictures.unexplained", "judge.normal.ratio"),
)


def save(figure: Figure, path: Path) -> None:
    """As a lossless WebP, which is small for figures."""
    picture, found = Image.open(io.BytesIO(png(figure, dpi=110))), io.BytesIO()
    picture.save(found, "WEBP", lossless=True, method=6)
    with atomic_path(path) as temporary:
        temporary.write_bytes(found.getvalue())
    print(f"{path}: {len(found.getvalue()) / 1e3:.0f} kB")


def by_factor(plan: Plan, table: pd.DataFrame, block: str, factor: str, figures: tuple[str, ...]) -> Figure:
    """The figure that the study's page has, of some figures."""
    levels = next(one for one in plan.blocks if one.name == block).factors[factor]
    panels = {
        words_of(figure): {
            line: {level: (value.mean, value.error) for level, value in curve.items()}
            for line, curve in curves(plan, table, block, factor, figure).items()
        }
        for figure in figures
    }
    return by_level(panels, factor.rpartition(".")[2], levels)


def main() -> None:
    """Write all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study", type=Path, help="the study's TOML file")
    parser.add_argument("folder", type=Path, help="the study's folder")
    parser.add_argument("out", type=Path, help="folder for the figures")
    given = parser.parse_args()
    plan, table = read_plan(given.study), pd.read_parquet(given.folder / TABLE)
    save(by_factor(plan, table, "kind of pictures", "source", KINDS), given.out / "study-kinds.webp")
    save(
        by_factor(plan, table, "latent dimension", "autoencoder.latent", LATENT),
        given.out / "study-latent.webp",
    )
    names = list(dict.fromkeys(name for pair in PAIRS for name in pair))
    means = condition_means(table, names)
    save(against(means, PAIRS, {name: words_of(name) for name in names}), given.out / "study-generation.webp")
    shown = table.drop(columns=["cell", "condition"]).copy()
    for name in shown.select_dtypes("float"):
        shown[name] = shown[name].map(lambda value: f"{value:.4g}", na_action="ignore")
    with atomic_path(given.out / "study.csv") as temporary:
        shown.to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
