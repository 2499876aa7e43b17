"""A statistic that a package brings: a column, a noise, a say in the deviation; the others stay as they are."""

import sys

import numpy as np
import pandas as pd
import pytest

import zpoints.analysis.plane_statistics as place
from support import correlated
from zpoints.analysis.analyse import analyse
from zpoints.analysis.plane_statistics import plane_statistics
from zpoints.errors import UsageError
from zpoints.statistics.measures import STATISTICS
from zpoints.statistics.statistic import Statistic
from zpoints.system.registry import Registry

CODE = """
import numpy as np
from zpoints.statistics.statistic import Statistic

def diagonal(planes):
    joint = planes.counts.joint.astype(float)
    half = planes.counts.bins // 2
    same = joint[:, :half, :half].sum(axis=(1, 2)) + joint[:, half:, half:].sum(axis=(1, 2))
    return same / planes.counts.n

DIAGONAL = Statistic("diagonal", diagonal)
SILENT = Statistic("silent", diagonal, judged=False, deviation_shown=False)
SHAPELESS = Statistic("shapeless", lambda planes: np.zeros((2, 2)))
BROKEN = Statistic("broken", lambda planes: 1 / 0)
OTHER = Statistic("another_name", diagonal)
ANGLE = Statistic("angle", diagonal)
NUMBER = 3
"""


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Install a package with some of these, as far as the registry can tell."""

    def install(**members: str) -> None:
        (tmp_path / "brought_planes.py").write_text(CODE)
        folder = tmp_path / "brought_planes-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: brought-planes\nVersion: 1.0\n")
        points = "\n".join(f"{name} = brought_planes:{member}" for name, member in members.items())
        (folder / "entry_points.txt").write_text(f"[zpoints.plane_statistics]\n{points}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "brought_planes", raising=False)
        fresh: Registry[Statistic] = Registry(
            "plane statistic", "zpoints.plane_statistics", {s.name: s for s in STATISTICS}
        )
        monkeypatch.setattr(place, "PLANE_STATISTICS", fresh)

    return install


def bent() -> np.ndarray:
    """Three components; the first two have the same sign more often than their correlation tells."""
    x = np.random.default_rng(0).normal(size=(3000, 3))
    x[:, 1] = np.where(x[:, 0] > 0, 1, -1) * (np.abs(x[:, 1]) - 0.9 * (np.abs(x[:, 0]) > 1.2))
    return x


def test_without_packages_there_are_the_built_in_ones():
    assert plane_statistics() == STATISTICS


def test_a_package_adds_a_column_with_its_noise_and_the_others_stay(bring):
    x = bent()
    before = analyse(x)
    bring(diagonal="DIAGONAL", silent="SILENT")
    after = analyse(x)
    more = {"diagonal", "diagonal_deviation", "silent"}
    assert set(after.planes.columns) - set(before.planes.columns) == more
    assert "silent_deviation" not in after.planes
    rest = after.planes.drop(columns=[*more, "deviation", "rank"])
    pd.testing.assert_frame_equal(rest, before.planes.drop(columns=["deviation", "rank"]))

    z = after.planes.reset_index()
    u = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    r = np.corrcoef(x.T)
    for row in z.itertuples():
        w = u[:, row.j] - r[row.i, row.j] * u[:, row.i]
        assert row.diagonal == pytest.approx(np.mean(u[:, row.i] * w > 0), abs=1e-3)
    figure = after.summary["planes"]["z"]["figures"]["diagonal"]
    assert figure["normal"] == pytest.approx(0.5, abs=0.005)
    # Half of the sign's own: the four quadrants of a standardised pair are tied by its vanishing correlation.
    assert 0.3 < figure["spread"] / np.sqrt(0.25 / 3000) < 1.0
    off = (z["diagonal"] - figure["normal"]) / figure["spread"]
    np.testing.assert_allclose(z["diagonal_deviation"], off, rtol=1e-4, atol=1e-3)
    known = before.planes["deviation"].to_numpy()
    np.testing.assert_allclose(z["deviation"], np.maximum(known, off.abs()), rtol=1e-4)
    assert off.abs().max() > 20


def test_too_few_vectors_still_have_the_column(bring):
    bring(diagonal="DIAGONAL")
    found = analyse(correlated(15, 3)).planes
    assert found["diagonal"].between(0, 1).all()
    assert "diagonal_deviation" not in found


@pytest.mark.parametrize(
    ("name", "member", "message"),
    [
        ("shapeless", "SHAPELESS", r"gives an array of shape \(2, 2\) for 276 planes"),
        ("broken", "BROKEN", r"failed \(division by zero\)"),
        ("other", "OTHER", "calls itself 'another_name'"),
        ("angle", "ANGLE", "the name of another column"),
        ("number", "NUMBER", "is of type int"),
    ],
)
def test_what_does_not_work_is_said_in_one_line_with_its_owner(bring, name, member, message):
    bring(**{name: member})
    with pytest.raises(UsageError, match=rf"'{name}' of the package brought-planes.*{message}") as raised:
        analyse(correlated(100, 3))
    assert "\n" not in str(raised.value)


def test_one_of_a_script_is_called_so(monkeypatch):
    fresh: Registry[Statistic] = Registry("plane statistic", "zpoints.plane_statistics", {})
    monkeypatch.setattr(place, "PLANE_STATISTICS", fresh)
    fresh.add("mine", Statistic("mine", lambda planes: planes.counts.coverage))
    with pytest.raises(UsageError, match=r"'mine' of this script gives an array of shape"):
        analyse(correlated(100, 3))
