"""The figures and the short table of `docs/study.md`, from the folder of its study.

``python -m benchmarks.study_figures docs/study.toml FOLDER docs`` writes ``study-kinds.webp``, ``study-latent.webp``,
``study-generation.webp`` and ``study.csv`` (every finished run, every figure, four digits), and prints the tables in
Markdown, and what the page says.
"""

import argparse
import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from zpoints.files.atomic import atomic_path
from zpoints.plots.study import against, by_level
from zpoints.plots.style import png
from zpoints.study.comparisons import comparisons, condition_means, curves, predictions
from zpoints.study.figures import GENERATION, OF_CARD, words_of
from zpoints.study.plan import Plan, read_plan
from zpoints.study.sentences import differences_seen, no_differences, predictions_seen, with_error
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


def markdown(plan: Plan, table: pd.DataFrame, block: str, factor: str, figures: Mapping[str, str]) -> str:
    """A line for each level (and source): means with standard errors over seeds, and the kinds of law."""
    cells = next(one for one in plan.blocks if one.name == block).cells
    found = {figure: curves(plan, table, block, factor, figure) for figure in figures}
    lines = [f"| {factor} | law | {' | '.join(figures.values())} |", "|---|---|" + "---|" * len(figures)]
    for source in next(iter(found.values())):
        for level in next(iter(found.values()))[source]:
            words = {factor: level} | ({"source": source} if source else {})
            names = [cell for cell, has in cells.items() if words.items() <= has.items()]
            kinds = table.loc[table["cell"].isin(names), "analysis.kind"].dropna().value_counts()
            law = ", ".join(f"{kind} ({count})" if len(kinds) > 1 else kind for kind, count in kinds.items())
            values = [
                with_error(curve[source][level].mean, curve[source][level].error)
                if level in curve.get(source, {})
                else ""
                for curve in found.values()
            ]
            lines.append(f"| {source} {level} | {law} | {' | '.join(values)} |")
    return "\n".join(lines)


SHORT = {
    "card.negentropy_per_axis": "negentropy for each axis, nats",
    "card.kappa": "kappa",
    "card.intrinsic_share": "intrinsic dimension over normal vectors'",
    "pictures.unexplained": "not rebuilt",
    "judge.reconstructions.frechet": "reconstructions' distance",
    "judge.normal.frechet": "`normal`",
    "judge.best.frechet": "best sampler",
    "judge.normal.ratio": "`normal` over reconstructions",
}


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
    for block, factor in (
        ("kind of pictures", "source"),
        ("latent dimension", "autoencoder.latent"),
        ("network", "variant"),
        ("length of the training", "variant"),
    ):
        print(f"\n## {block}\n\n{markdown(plan, table, block, factor, SHORT)}")
    compared = comparisons(plan, table, plan.figures)
    sentences = [differences_seen(compared), no_differences(compared)]
    sentences.append(predictions_seen(predictions(table, OF_CARD, GENERATION)))
    for part in sentences:
        print("", *(f"- {sentence}" for sentence in part), sep="\n")
    shown = table.loc[table["card.kappa"].notna()].drop(columns=["cell", "condition"]).copy()
    for name in shown.select_dtypes("float"):
        shown[name] = shown[name].map(lambda value: f"{value:.4g}", na_action="ignore")
    with atomic_path(given.out / "study.csv") as temporary:
        shown.to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
