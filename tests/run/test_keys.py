"""What a change makes stale: exactly what depends on it, sampler by sampler, counted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faults import assert_same, copy_without
from support import line
from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.models import coding
from zpoints.report.stage import STAGES, run_all
from zpoints.run import work
from zpoints.run.folder import Run
from zpoints.run.stage import keys_of
from zpoints.system.progress import LineProgress

pytestmark = pytest.mark.usefixtures("no_figures")

NAMES = [stage.name for stage in STAGES]


def with_settings(run: Run, **sections: dict[str, Any]) -> Run:
    tree = run.settings.model_dump()
    for name, values in sections.items():
        tree[name] |= values
    return Run(run.folder, Settings.of(tree, "test"))


def keys(**sections: dict[str, Any]) -> dict[str, dict[str, str]]:
    return keys_of(Run("nowhere", Settings.of(sections, "test")), STAGES)


@pytest.mark.parametrize(
    ("section", "values", "first"),
    [
        ("images", {"size": [32, 32]}, "prepare"),
        ("autoencoder", {"latent": 8}, "train"),
        ("training", {"epochs": 3}, "train"),
        ("analysis", {"pca": "pearson"}, "analyse"),
        ("samples", {"count": 9}, "sample"),
        ("judge", {"count": 30}, "judge"),
        ("report", {"sheet": 9}, "report"),
        ("training", {"device": "cpu"}, None),
        ("training", {"retries": 2}, None),
        ("training", {"devices": 2, "nodes": 3}, None),
        ("analysis", {"block": 300}, None),
        ("budget", {"ram": "3GiB"}, None),
    ],
)
def test_a_setting_changes_the_keys_of_what_depends_on_it(
    section: str, values: dict[str, Any], first: str | None
) -> None:
    before, after = keys(), keys(**{section: values})
    changed = [name for name in NAMES if before[name] != after[name]]
    expected = NAMES[NAMES.index(first) :] if first else []
    if first == "judge":
        expected = ["judge", "report"]
    assert changed == expected


def test_each_sampler_depends_on_its_own_options() -> None:
    methods = ["normal", "ellipse", "kernel"]
    before = keys(samples={"methods": methods})
    after = keys(
        samples={
            "methods": methods,
            "options": {"ellipse": {"order": "variance"}, "core": {"temperature": 2.0}},
        }
    )
    for stage in ("sample", "decode"):
        assert [m for m in methods if before[stage][m] != after[stage][m]] == ["ellipse"]
    sigma = keys(samples={"methods": methods, "sigma": 2.0})
    assert [m for m in methods if before["sample"][m] != sigma["sample"][m]] == ["ellipse"]
    same = keys(samples={"methods": methods, "options": {"ellipse": {"sigma": 3.0}}})
    assert same == before


def test_a_recipe_makes_stale_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys()
    analyse = next(stage for stage in STAGES if stage.name == "analyse")
    object.__setattr__(analyse, "recipe", analyse.recipe + 1)
    try:
        after = keys()
    finally:
        object.__setattr__(analyse, "recipe", analyse.recipe - 1)
    assert [name for name in NAMES if before[name] != after[name]] == NAMES[3:]


class Counted:
    """How often samplers were fitted and vectors decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[str] = []
        self.decoded: list[str] = []
        draw, decode = work.draw, coding.decode

        def counted_draw(source: Any, out: Path, *rest: Any) -> np.ndarray:
            self.drawn.append(out.name)
            return draw(source, out, *rest)

        def counted_decode(codec: Any, latents: Any, out: Path, *rest: Any) -> None:
            self.decoded.append(out.parent.name)
            decode(codec, latents, out, *rest)

        monkeypatch.setattr(work, "draw", counted_draw)
        monkeypatch.setattr(coding, "decode", counted_decode)


def test_one_more_sampler_is_fitted_and_decoded_alone(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, counted = copy_without(finished_run, tmp_path / "run"), Counted(monkeypatch)
    methods = list(run.settings.samples.methods)
    more = with_settings(run, samples={"methods": [*methods, "core"]})
    assert run_all(more, LineProgress()) == ["sample", "decode", "judge", "report"]
    assert (counted.drawn, counted.decoded) == (["core"], ["core"])
    said = capsys.readouterr().err.splitlines()[0]
    assert said == (
        "settings have changed since; to be done again: sample (core), decode (core), judge, report; still valid: "
        "prepare, train, encode, analyse"
    )
    assert "core" in json.loads((run.paths.judging / "scores.json").read_text())["samplers"]
    assert "<h3>core</h3>" in run.paths.report.read_text()
    # And without it again: nothing is drawn, and its files stay.
    assert run_all(run) == ["sample", "decode", "judge", "report"]
    assert (counted.drawn, counted.decoded) == (["core"], ["core"])
    for name in ("samples/core", "judging/nearest-core.png"):
        assert (run.folder / name).exists()
    assert run_all(more) == ["sample", "decode", "judge", "report"]
    assert (counted.drawn, counted.decoded) == (["core", "core"], ["core", "core"])


def test_other_options_of_one_sampler_concern_it_alone(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, counted = copy_without(finished_run, tmp_path / "run"), Counted(monkeypatch)
    other = with_settings(run, samples={"options": {"ellipse": {"order": "variance"}}})
    run_all(other)
    assert (counted.drawn, counted.decoded) == (["ellipse"], ["ellipse"])
    assert Run(run.folder).sampler("ellipse").order == "variance"  # type: ignore[attr-defined]
    assert "order variance" in run.paths.report.read_text()
    run_all(run)
    assert_same(run, finished_run)


def test_another_sheet_decodes_nothing(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, counted = copy_without(finished_run, tmp_path / "run"), Counted(monkeypatch)
    grid = run.paths.samples("normal") / "grid.png"
    before = grid.read_bytes()
    assert run_all(with_settings(run, report={"sheet": 24})) == ["report"]
    assert (counted.drawn, counted.decoded) == ([], [])
    assert grid.read_bytes() != before
    run_all(run)
    assert grid.read_bytes() == before


def test_a_sampler_s_missing_file_is_made_again_alone(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, counted = copy_without(finished_run, tmp_path / "run"), Counted(monkeypatch)
    (run.paths.samples("normal") / "z.npy").unlink()
    assert run_all(run) == ["sample"]
    (run.paths.samples("ellipse") / "pictures.npy").unlink()
    assert run_all(run) == ["decode"]
    assert (counted.drawn, counted.decoded) == (["normal"], ["ellipse"])
    assert_same(run, finished_run)


@pytest.mark.parametrize(
    ("samples", "parts"),
    [
        ({"options": {"elipse": {}}}, ["samples.options.elipse", "did you mean 'ellipse'"]),
        ({"options": {"ellipse": {"ordr": "variance"}}}, ["samples.options.ellipse", "'ordr'", "'order'"]),
        ({"options": {"ellipse": {"order": "sideways"}}}, ["samples.options.ellipse", "sideways"]),
        ({"options": {"core": {"sigma": 2}}}, ["samples.options.core", "'sigma'"]),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_work(
    tmp_path: Path, samples: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        run_all(Run(tmp_path / "run", Settings.of({"samples": samples}, "test")))
    for part in parts:
        assert part in line(caught.value)
    assert not (tmp_path / "run").exists()
