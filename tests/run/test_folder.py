"""A run opened by its folder: its results, and how it shows itself."""

from pathlib import Path

import numpy as np
import pytest

from faults import copy_without
from support import line
from zpoints.analysis.result import Analysis
from zpoints.config import Settings
from zpoints.errors import StageError, UsageError
from zpoints.run.folder import Run
from zpoints.samplers import Mixture

pytestmark = pytest.mark.usefixtures("no_figures")


def test_a_finished_run_opens_by_its_folder_alone(finished_run: Run) -> None:
    run = Run(str(finished_run.folder))
    assert run.settings == finished_run.settings
    assert len(run.store) == 300
    assert run.latents.n == 300
    training = run.store.rows("train")
    np.testing.assert_array_equal(run.analysis.latents.array(), run.latents.array()[training])  # type: ignore[union-attr]
    assert isinstance(run.analysis, Analysis)
    assert run.scores["best"] in run.settings.samples.methods
    z = run.samples("normal")
    np.testing.assert_array_equal(run.sampler("normal").sample(len(z), run.settings.seed), z)
    np.testing.assert_array_equal(run.codec.decode(np.asarray(z)), run.pictures("normal"))


def test_a_sampler_that_needs_vectors_is_fitted_on_a_run_s_analysis(finished_run: Run) -> None:
    assert Mixture(random_state=0).fit(Run(finished_run.folder).analysis).sample(5).shape == (5, 4)


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=r"not the folder of a run \(no config.toml\)") as caught:
            Run(folder)
        assert str(folder) in line(caught.value)
    assert not list(tmp_path.iterdir())
    (tmp_path / "run.json").write_text('{"stages": {"train": 3}}')
    with pytest.raises(StageError, match="is no record of stages"):
        _ = Run(tmp_path, Settings()).record


def test_it_says_what_is_known(finished_run: Run, tmp_path: Path) -> None:
    said = repr(Run(finished_run.folder))
    assert "\n" not in said
    for part in (str(finished_run.folder), "300 pictures of 16x16", "4 components", "best sampler "):
        assert part in said
    shown = Run(finished_run.folder)._repr_html_()
    assert shown.startswith("<table>")
    assert shown.count("<img ") == 1
    assert len(shown) < 200_000
    assert repr(Run(tmp_path / "<new>", Settings())) == f"Run({str(tmp_path / '<new>')!r}: nothing done yet)"
    assert "&lt;new&gt;" in Run(tmp_path / "<new>", Settings())._repr_html_()


def test_damage_does_not_keep_it_from_showing_itself(finished_run: Run, tmp_path: Path) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    for path in run.folder.rglob("*"):
        if path.suffix in (".json", ".png"):
            path.write_bytes(b"{[")
    assert repr(run) == f"Run({str(run.folder)!r}: nothing done yet)"
    assert "<img" not in run._repr_html_()
