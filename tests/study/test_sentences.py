"""What a study says of planted tables, beside SciPy."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zpoints.study.cell import Outcome
from zpoints.study.comparisons import comparisons, condition_means, curves, effects, predictions
from zpoints.study.page import write_page
from zpoints.study.plan import Plan, read_plan
from zpoints.study.sentences import differences_seen, no_differences, predictions_seen, with_error
from zpoints.study.table import figures_in, table_of

FILE = """
[sources.a]
images.source = "a.npy"
[sources.b]
images.source = "b.npy"
[[grid]]
name = "width"
sources = ["a", "b"]
seeds = [0, 1, 2, 3]
factors.autoencoder.latent = [16, 32, 64]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "study.toml"
    path.write_text(FILE)
    return read_plan(path)


def planted(plan: Plan, seed: int = 0) -> pd.DataFrame:
    """Kappa rises by 1 with 64 components; the error does not depend on anything; rank follows kappa."""
    random = np.random.default_rng(seed)
    done = {}
    for cell in plan.cells:
        of_seed = random.normal(scale=0.01)
        kappa = (cell.settings.autoencoder.latent == 64) + (3.0 if cell.source == "b" else 0.0) + of_seed
        row = {
            "card.kappa": kappa + random.normal(scale=0.02),
            "pictures.rmse": 7 + random.normal(scale=0.1),
            "judge.normal.ratio": 1 + 0.1 * kappa,
            "card.kind": "x",
            "judge.best.ratio": None,
        }
        done[cell.name] = Outcome(cell.name, row)
    return table_of(plan, done)


def test_a_planted_difference_is_said_with_its_error(plan: Plan) -> None:
    table = planted(plan, seed=1)  # of seed 0 even the error differs between sources by chance: p = 0.04
    assert figures_in(table, plan) == ["card.kappa", "pictures.rmse", "judge.normal.ratio"]
    found = comparisons(plan, table, ["card.kappa", "pictures.rmse"])
    assert len(found) == 2 * (1 + 2)
    by = {(c.figure, c.factor, c.second): c for c in found}
    kappa = by["card.kappa", "autoencoder.latent", "64"]
    # By hand: of each source the differences seed by seed, and the mean of the two sources.
    values = table.set_index(["source", "autoencoder.latent", "seed"])["card.kappa"]
    d = np.array([(values[s, 64] - values[s, 16]).to_numpy() for s in "ab"])
    v = d.var(axis=1, ddof=1) / 4
    freedom = v.sum() ** 2 / (v**2 / 3).sum()
    assert kappa.found.value == pytest.approx(d.mean())
    assert kappa.found.error == pytest.approx(np.sqrt(v.sum()) / 2)
    assert kappa.found.p == pytest.approx(2 * stats.t.sf(d.mean() / kappa.found.error, freedom))
    assert kappa.p >= kappa.found.p
    said = differences_seen(found)
    assert len(said) == 2
    assert re.fullmatch(
        r"kappa, variance of the squared scale: larger with latent 64 than with latent 16, by 1\.0\d+ ± 0\.0\d+ "
        r"\(p = \S+, Holm, 6 comparisons; mean of 2 conditions, 4 seeds each; 2 of 2 conditions have this sign\)\.",
        said[0],
    )
    assert "larger with b than with a" in said[1]
    silent = no_differences(found)
    assert len(silent) == 4
    assert all(sentence.startswith(("error of rec", "kappa")) for sentence in silent)


def test_pictures_of_other_sources_are_not_compared_seed_by_seed(plan: Plan) -> None:
    table = planted(plan)
    one = next(c for c in comparisons(plan, table, ["pictures.rmse"]) if c.factor == "source")
    values = table.set_index(["source", "autoencoder.latent"])["pictures.rmse"]
    v = sum(values[s, k].var(ddof=1) / 4 for s in "ab" for k in (16, 32, 64))
    assert one.found.error == pytest.approx(np.sqrt(v) / 3)
    assert one.found.conditions == 3


def test_no_difference_has_the_bound_of_the_interval(plan: Plan) -> None:
    table = planted(plan)
    alone = table.loc[table["source"] == "a"]
    one = next(c for c in comparisons(plan, alone, ["pictures.rmse"]) if c.second == "32")
    values = alone.set_index(["autoencoder.latent", "seed"])["pictures.rmse"]
    theirs = stats.ttest_rel(values[32], values[16])
    interval = theirs.confidence_interval(0.95)
    assert one.found.p == pytest.approx(theirs.pvalue)
    bound = max(-interval.low, interval.high)
    said = no_differences([one])[0]
    assert "no difference seen between latent 32 and latent 16" in said
    assert f"smaller than {bound:.3g} at 95 %" in said


def test_nothing_planted_is_nothing_found(plan: Plan) -> None:
    # Six comparisons of each of 30 tables of noise: all of a table together err in 1 of 20 at most.
    wrong = sum(
        bool(differences_seen(comparisons(plan, planted(plan, seed), ["pictures.rmse"])))
        for seed in range(30)
    )
    assert wrong <= 5  # more in 3 of 1,000 tests at 5 % each


def test_tau_is_taken_over_conditions_and_within_a_source(plan: Plan) -> None:
    table = planted(plan)
    (found,) = predictions(table, ["card.kappa"], ["judge.normal.ratio", "judge.best.ratio"])
    means = condition_means(table, ["card.kappa", "judge.normal.ratio"])
    assert len(means) == found.over_all.points == 6
    assert found.over_all.tau == pytest.approx(
        stats.kendalltau(means["card.kappa"], means["judge.normal.ratio"]).statistic
    )
    assert found.within is not None
    assert "over 6 conditions" in predictions_seen([found])[0]
    assert predictions(table.head(3), ["card.kappa"], ["judge.normal.ratio"]) == []


def test_levels_are_compared_by_the_conditions_that_all_have(plan: Plan) -> None:
    table = planted(plan)
    lost = (table["source"] == "b") & (table["autoencoder.latent"] == 64)
    table.loc[lost, "card.kappa"] = np.nan
    (effect,) = [e for e in effects(plan, table, ["card.kappa"]) if e.factor == "autoencoder.latent"]
    assert all(level.conditions == 1 for level in effect.levels.values())
    assert effect.levels["16"].mean == pytest.approx(0, abs=0.1)  # source a's alone
    drawn = curves(plan, table, "width", "autoencoder.latent", "card.kappa")
    assert {line: list(curve) for line, curve in drawn.items()} == {
        "a": ["16", "32", "64"],
        "b": ["16", "32"],
    }


def test_the_page_shows_every_factor_of_every_grid(plan: Plan, tmp_path: Path) -> None:
    table = planted(plan)
    table.loc[0, "error"] = "out of <paper>"
    write_page(plan, table, {table["cell"][0]: "out of <paper>"}, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert page.count("data:image/png") == 2 + 1  # a figure for each factor, one of what predicts generation
    assert re.findall("<h3>By (.*?)</h3>", page) == ["source", "autoencoder.latent"]
    assert "out of &lt;paper&gt;" in page
    assert "larger with b than with a" in page
    both = table.loc[table["autoencoder.latent"] == 16].groupby("source")["card.kappa"].mean().mean()
    assert f"<td>{both:.4f} ± " in page


def test_values_have_the_digits_that_their_errors_leave() -> None:
    assert with_error(0.123456, 0.0123) == "0.123 ± 0.012"
    assert with_error(-12.3, 4.56) == "-12.3 ± 4.6"
    assert with_error(5.0, 0.0) == "5"
