"""Figures by group: planted groups, labels of all kinds, and what is left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import zpoints as zp
from zpoints.analysis.groups import Labels, with_groups
from zpoints.cli.commands import app
from zpoints.files.label_columns import label_column


@pytest.fixture(scope="module")
def analysis() -> zp.Analysis:
    """Of 3,000 normal vectors; groups are planted by moving these."""
    return zp.analyse(np.random.default_rng(0).normal(size=(3000, 5)))


def planted(codes: np.ndarray, shift: float = 0.0, factor: float = 1.0, seed: int = 0) -> zp.Analysis:
    z = np.random.default_rng(seed).normal(size=(len(codes), 5))
    z *= np.where(codes == 1, factor, 1.0)[:, None]
    z[:, 0] += shift * codes
    turn = np.linalg.qr(np.random.default_rng(7).normal(size=(5, 5)))[0]
    return zp.analyse(z @ turn + 3, by=pd.Series(codes, name="Smiling"))


def test_equal_groups_differ_in_nothing(analysis: zp.Analysis) -> None:
    found = with_groups(analysis, np.random.default_rng(1).integers(0, 2, size=3000)).summary.groups
    assert found is not None
    assert [group.normal for group in found.groups] == [True, True]
    assert found.farthest.distance < 0.15
    assert found.covariance_p > 0.01
    assert abs(found.gain_beyond) < 7 * found.gain_error
    assert "cannot tell" in found.question
    assert "by no more than chance" in found.sentences[0]


def test_centres_one_standard_deviation_apart() -> None:
    a = planted(np.random.default_rng(2).integers(0, 2, size=2000), shift=1.0)
    found = a.summary.groups
    assert found is not None
    assert a.group_pairs is not None
    assert found.farthest.distance == pytest.approx(1.0, abs=0.2)
    assert a.group_pairs["distance_error"].iloc[0] == pytest.approx(0.047, abs=0.01)
    assert a.group_pairs["distance_p"].iloc[0] < 1e-20
    assert found.covariance_p > 0.01
    assert all(group.normal for group in found.groups)
    assert any(text.startswith("By Smiling: 2 groups") for text in a.verdict)


def test_other_covariances_are_a_mixture() -> None:
    a = planted(np.random.default_rng(3).integers(0, 2, size=2000), factor=2.0)
    found = a.summary.groups
    assert found is not None
    assert found.covariance_p < 0.02
    assert found.least_alike.covariance_distance == pytest.approx(np.sqrt(5) * np.log(4), rel=0.15)
    assert found.gain_beyond > 10 * found.gain_error
    assert found.shared_gain < found.gain / 10
    assert "better than one normal" in found.question
    assert (a.summary.normality.mardia.kurtosis.z or 0) > 10  # all together
    assert [group.normal for group in found.groups] == [True, True]  # but not within groups


def test_many_small_groups_are_left_out_by_number(analysis: zp.Analysis) -> None:
    labels = np.where(np.arange(3000) < 600, np.arange(3000) % 3, 100 + np.arange(3000) // 20)
    found = with_groups(analysis, labels).summary.groups
    assert found is not None
    assert [group.name for group in found.groups] == ["0", "1", "2"]
    assert (found.vectors, found.small, found.left_out, found.more) == (600, 120, 2400, 0)
    assert "120 group(s) of fewer than 50 vectors" in found.sentences[0]


@pytest.mark.slow
def test_the_largest_groups_are_measured(analysis: zp.Analysis) -> None:
    many = with_groups(analysis, np.arange(3000) % 25).summary.groups
    assert many is not None
    assert (len(many.groups), many.more) == (20, 5)
    assert "5 group(s) beyond the 20 largest" in many.sentences[0]


def test_labels_that_make_no_groups_are_one_line(analysis: zp.Analysis) -> None:
    with pytest.raises(zp.ArrayError, match="need two values with at least 50 vectors") as refused:
        with_groups(analysis, np.arange(3000.0))
    assert "\n" not in str(refused.value)
    with pytest.raises(zp.ArrayError, match="10 of them, but the array holds 3,000"):
        with_groups(analysis, np.arange(10))
    with pytest.raises(zp.ArrayError, match="shape"):
        with_groups(analysis, np.zeros((3000, 2)))


def test_labels_are_numbers_texts_and_unknown_ones() -> None:
    assert Labels.of([True, False, None]).names == ("False", "True")
    assert Labels.of(["b", "a", None]).codes.tolist() == [1, 0, -1]
    latents = zp.LatentSet.open(np.zeros((5, 2)), np.array([1, 3]))
    assert Labels.of(np.arange(5)).for_vectors(latents).codes.tolist() == [1, 3]
    assert Labels.of(np.arange(2)).for_vectors(latents).codes.tolist() == [0, 1]


def test_groups_are_saved_and_drawn(analysis: zp.Analysis, tmp_path: Path) -> None:
    a = with_groups(analysis, np.arange(3000) % 3)
    a.save(tmp_path)
    loaded = zp.Analysis.load(tmp_path)
    assert loaded.groups is not None
    assert loaded.group_pairs is not None
    pd.testing.assert_frame_equal(loaded.groups, a.groups)
    assert loaded.summary.groups == a.summary.groups
    assert loaded.plot.groups() is not None
    analysis.save(tmp_path)
    assert not (tmp_path / "groups.parquet").exists()
    assert zp.Analysis.load(tmp_path).groups is None
    with pytest.raises(zp.UsageError, match="without labels"):
        analysis.plot.groups()


def test_a_column_of_a_table_groups_from_the_command_line(tmp_path: Path) -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=["z0", "z1", "z2"])
    table["class"] = np.where(np.arange(300) % 2, "cat", "dog")
    table.to_parquet(tmp_path / "z.parquet")
    done = CliRunner().invoke(
        app, ["analyse", str(tmp_path / "z.parquet"), str(tmp_path / "a"), "--by", "class"]
    )
    assert done.exit_code == 0, done.output
    assert "By class: 2 groups, cat (150), dog (150)" in done.output
    table[["class"]].to_csv(tmp_path / "labels.csv")
    assert label_column(f"{tmp_path / 'labels.csv'}::class", []).tolist() == table["class"].tolist()
    table.assign(other=np.arange(300) % 2 + 0.5).drop(columns=["z1", "z2"]).to_parquet(tmp_path / "w.parquet")
    refused = CliRunner().invoke(
        app, ["analyse", str(tmp_path / "w.parquet"), str(tmp_path / "b"), "--by", "other"]
    )
    assert "measured as a component" in str(refused.exception)
    with pytest.raises(zp.ArrayError, match="no column 'klass' to group by; there are z0, z1, z2, class"):
        label_column("klass", [tmp_path / "z.parquet"])
