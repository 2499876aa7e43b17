"""Two clouds: equal ones are not told apart, and each kind of difference is found and named."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from support import correlated, line
from zpoints.comparison.clouds import Cloud
from zpoints.comparison.compare import compare
from zpoints.comparison.components import KINDS, component_summary, components_table
from zpoints.comparison.result import Comparison
from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.statistics.frechet import frechet_distance
from zpoints.vectors.latent_set import LatentSet

N, D = 4000, 12


def cloud(seed: int, n: int = N) -> np.ndarray:
    """Vectors of one law, others with each seed."""
    return correlated(2 * N, D, 0)[np.random.default_rng(seed).permutation(2 * N)[:n]]


def halves() -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of one law that share no vector."""
    x = correlated(2 * N, D, 0)
    return x[:N], x[N:]


def classifier(found: Comparison) -> dict:
    return found.summary["classifiers"][0]


@pytest.fixture(scope="module")
def equal() -> Comparison:
    return compare(*halves())


def test_equal_clouds_are_not_told_apart(equal):
    assert equal.summary["differ_in"] == ()
    assert equal.verdict[0] == "No difference beyond noise was found."
    assert "cannot tell them apart" in equal.verdict[1]
    for row in equal.summary["classifiers"]:
        assert row["accuracy"] == pytest.approx(0.5, abs=4 * row["error"])
        assert row["error"] == pytest.approx(0.5 / np.sqrt(row["n"]), rel=0.05)
    assert equal.summary["frechet"]["value"] < 2 * equal.summary["frechet"]["noise"]
    assert equal.summary["distance"]["b_farther"] == pytest.approx(0.5, abs=0.04)


def test_equal_clouds_with_heavy_tails_and_unequal_sizes():
    random = np.random.default_rng(1)
    z = correlated(N, D) / np.sqrt(random.chisquare(4, (N, 1)) / 4)
    assert compare(z[: N // 5], z[N // 5 :]).summary["differ_in"] == ()


def test_the_frechet_distance_is_that_of_all_vectors_in_any_blocks(equal):
    a, b = halves()
    expected = frechet_distance(a.mean(axis=0), np.cov(a.T), b.mean(axis=0), np.cov(b.T))
    assert equal.summary["frechet"]["value"] == pytest.approx(expected, rel=1e-6)
    cut = compare(a, b, AnalysisSettings(block=333))
    assert cut.summary["frechet"] == pytest.approx(equal.summary["frechet"], rel=1e-9)
    offset = a.mean(axis=0) - b.mean(axis=0)
    assert equal.summary["frechet"]["of_means"] == pytest.approx(offset @ offset)


def test_the_noise_is_what_equal_clouds_of_these_sizes_show():
    found = [compare(cloud(s, 1500), cloud(s + 50, 500)).summary["frechet"] for s in range(3)]
    fresh = [
        frechet_distance(a.mean(axis=0), np.cov(a.T), b.mean(axis=0), np.cov(b.T))
        for a, b in ((cloud(s, 1500), cloud(s + 99, 500)) for s in range(40))
    ]
    assert np.mean([row["noise"] for row in found]) == pytest.approx(np.mean(fresh), rel=0.3)


def test_a_shifted_mean():
    a, b = halves()
    b = b.copy()
    b[:, 4] += 0.5 * a[:, 4].std()
    found = compare(a, b)
    assert found.summary["differ_in"][0] == "mean"
    assert set(found.summary["differ_in"]) <= {
        "mean",
        "classifier",
        "distance from the centre",
        "Fréchet distance",
    }
    assert found.components["component"][0] == 4
    assert found.components["mean_difference"][0] == pytest.approx(0.5, abs=0.1)
    assert found.components["z_mean"][0] == pytest.approx(0.5 / np.sqrt(2 / N), rel=0.2)
    assert found.summary["components"]["mean"]["different"] == 1
    assert classifier(found)["accuracy"] > 0.55
    assert any(
        text.startswith("Mean: different in 1 of 12 components, component 4") for text in found.verdict
    )


def test_another_spread():
    a, b = halves()
    b = b.copy()
    b[:, 7] = b[:, 7].mean() + 1.5 * (b[:, 7] - b[:, 7].mean())
    found = compare(a, b)
    assert found.components["component"][0] == 7
    assert found.components["std_ratio"][0] == pytest.approx(1.5, abs=0.1)
    assert "spread" in found.summary["differ_in"]
    assert not {"mean", "skewness", "tails"} & set(found.summary["differ_in"])


def test_other_correlations_of_components_with_the_same_spread():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(N, 6)), random.normal(size=(N, 6))
    b[:, 5] = 0.6 * b[:, 2] + 0.8 * b[:, 5]
    found = compare(a, b)
    assert "correlations" in found.summary["differ_in"]
    assert not set(KINDS) & set(found.summary["differ_in"])
    first = found.summary["correlations"]["pairs"][0]
    assert (first["i"], first["j"]) == (2, 5)
    assert first["difference"] == pytest.approx(0.6, abs=0.05)
    assert first["z"] == pytest.approx(np.arctanh(0.6) / np.sqrt(2 / N), rel=0.15)
    assert any("components 2 and 5" in text for text in found.verdict)
    assert "classifier" in found.summary["differ_in"]


def test_heavier_tails_with_the_same_mean_and_covariance():
    a, b = halves()
    tails = np.sqrt(np.random.default_rng(2).chisquare(5, (N, 1)) / 3)
    found = compare(a, b.mean(axis=0) + (b - b.mean(axis=0)) / tails)
    assert {"tails", "classifier"} <= set(found.summary["differ_in"])
    assert not {"mean", "correlations", "Fréchet distance"} & set(found.summary["differ_in"])
    assert found.summary["components"]["tails"]["effect"] > 0
    assert classifier(found)["accuracy"] > 0.6


def test_a_skewed_component():
    a, b = (np.random.default_rng(seed).normal(size=(N, 5)) for seed in (0, 1))
    b[:, 3] = np.random.default_rng(2).gamma(4, 0.5, N) - 2
    found = compare(a, b)
    assert "skewness" in found.summary["differ_in"]
    assert not {"mean", "spread"} & set(found.summary["differ_in"])
    assert found.summary["components"]["skewness"]["component"] == 3
    assert found.summary["components"]["skewness"]["effect"] == pytest.approx(1, abs=0.2)


def test_turned_leading_axes():
    random = np.random.default_rng(0)
    std = np.repeat([5.0, 1.0], [5, 10])
    a, b = random.normal(size=(N, 15)) * std, random.normal(size=(N, 15)) * np.roll(std, 2)
    found = compare(a, b)
    assert "leading axes" in found.summary["differ_in"]
    row = found.summary["subspaces"][0]
    assert row["axes"] == 5
    assert row["largest_angle"] == pytest.approx(90, abs=3)
    assert row["value"] == pytest.approx(2 / 5, abs=0.02)
    assert row["noise"] < 0.2


def test_fragments_in_one_of_them():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(N, 4)), random.normal(size=(N, 4))
    b[: N // 2, 1] += 6
    found = compare(a, b)
    assert "regions" in found.summary["differ_in"]
    assert (found.summary["a"]["regions"], found.summary["b"]["regions"]) == (1, 2)
    assert found.verdict[-1] == "Regions: A has at least 1 and B at least 2."


@pytest.mark.slow
def test_the_standard_errors_are_those_of_repeated_clouds():
    random = np.random.default_rng(5)
    one = compare(random.exponential(size=(1000, 3)), random.exponential(size=(1000, 3))).components
    names = ["mean_difference", "std_ratio"]
    tables = [
        compare(random.exponential(size=(1000, 3)), random.exponential(size=(1000, 3))).components
        for _ in range(12)
    ]
    for name, error in zip(names, ("mean_error", "std_ratio_error"), strict=True):
        spread = np.std([table[name] for table in tables])
        assert one[error].mean() == pytest.approx(spread, rel=0.5)
    spread = np.std([table["skewness_b"] - table["skewness_a"] for table in tables])
    assert one["skewness_error"].mean() == pytest.approx(spread, rel=0.5)


@pytest.mark.parametrize(("n", "m", "d"), [(100, 80, 150), (90, 300, 100), (80, 80, 1), (200, 100, 2)])
def test_small_and_singular_clouds(n, m, d):
    x = correlated(n + m, d)
    found = compare(x[:n], x[n:])
    json.dumps(found.summary.to_dict(), allow_nan=False)
    assert found.summary["differ_in"] == ()
    far = compare(x[:n], x[n:] + 100)
    assert {"mean", "classifier"} <= set(far.summary["differ_in"])


def test_rows_and_files(tmp_path):
    a, b = (part.astype(np.float32) for part in halves())
    np.save(tmp_path / "z.npy", np.concatenate([a, b]))
    found = compare(tmp_path / "z.npy", tmp_path / "z.npy", rows_a=np.arange(N), rows_b=np.arange(N, 2 * N))
    other = compare(a, b)
    assert found.summary["frechet"] == pytest.approx(other.summary["frechet"])
    assert found.summary["a"]["n"] == N
    pd.testing.assert_frame_equal(found.components, other.components, rtol=1e-9)


def test_the_same_seed_gives_the_same_result(equal):
    again = compare(*halves())
    cost = dict.fromkeys(("seconds", "peak_ram_mib"), None)
    assert replace(again.summary, **cost) == replace(equal.summary, **cost)
    assert again.verdict == equal.verdict


def test_saved_files(equal, tmp_path):
    equal.save(tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert saved == equal.summary.to_dict()
    assert tuple(saved["verdict"]) == equal.verdict
    assert saved["version"] == 3
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "components.parquet"), equal.components)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda b: b[:, :5], "A (the array) has 12 components and B (the array) 5"),
        (lambda b: b[:50], "50 vectors; a comparison needs at least 80"),
        (lambda b: np.where(np.arange(N)[:, None] == 77, np.nan, b), "vector 77, component 0 is nan"),
        (np.ones_like, "all 12 component(s) are constant: all 4000 vectors are the same"),
        (lambda b: b * 1e100, "too large"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_line(change, text):
    a, b = halves()
    with pytest.raises(ArrayError) as caught:
        compare(a, change(b))
    assert text in line(caught.value)


def test_what_was_saved_is_loaded(equal, tmp_path):
    equal.save(str(tmp_path))
    loaded = Comparison.load(str(tmp_path))
    assert loaded.summary == equal.summary
    assert loaded.verdict == equal.verdict
    pd.testing.assert_frame_equal(loaded.components, equal.components)
    with pytest.raises(ArrayError, match="no comparison here"):
        Comparison.load(tmp_path / "elsewhere")


def test_a_comparison_shows_itself_in_a_few_lines(equal):
    lines = repr(equal).splitlines()
    assert lines[0] == "Comparison of 4,000 vectors (A: the array) with 4,000 (B: the array), 12 components"
    assert lines[1] == "No difference beyond noise was found."
    assert len(lines) <= 6
    assert max(map(len, lines)) <= 110


def alarms_of_heavy_tails(seeds: range, n: int, d: int) -> list[int]:
    """Seeds in which independent t3 components of one law seem different, component by component."""
    found = []
    for seed in seeds:
        x = np.random.default_rng(seed).standard_t(3, size=(2 * n, d))
        a, b = (Cloud.read(LatentSet.open(part), np.random.default_rng(seed)) for part in (x[:n], x[n:]))
        summary = component_summary(components_table(a, b))
        found += [seed for kind in KINDS if summary[kind]["different"]]
    return found


def test_components_with_heavy_tails_raise_no_alarm():
    # With errors that hang on fourth moments there are alarms in the seeds 1043, 1047 and 1099.
    assert not alarms_of_heavy_tails(range(1043, 1048), 2000, 20)
    assert not alarms_of_heavy_tails(range(1099, 1101), 2000, 20)


@pytest.mark.slow
def test_components_with_heavy_tails_alarm_at_the_stated_rate():
    assert len(alarms_of_heavy_tails(range(200), 2000, 20)) <= 2


@pytest.mark.slow
def test_bounds_of_differences_hold_for_unequal_sizes_and_skewed_laws():
    found = []
    for seed in range(60):
        x = np.random.default_rng(seed).exponential(size=(2400, 10))
        a, b = (Cloud.read(LatentSet.open(part), np.random.default_rng(seed)) for part in (x[:400], x[400:]))
        table = components_table(a, b)
        found.append(table[["z_skewness", "z_tails"]].to_numpy())
    z = np.concatenate(found)
    assert z.std() == pytest.approx(1, abs=0.1)
    assert np.abs(z).max() < 5
