"""The report of runs that lack something: sections that cannot be filled are left out, and nothing else is."""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from faults import copy_without
from support import line
from zpoints.config import Settings
from zpoints.errors import StageError
from zpoints.files.documents import read_json, write_json
from zpoints.images.store import ImageStore
from zpoints.judging.result import Judgement
from zpoints.report.closing import closing_table
from zpoints.report.page import write_report
from zpoints.report.stage import run_all
from zpoints.run.folder import Run
from zpoints.samplers import SAMPLERS, Normal

pytestmark = pytest.mark.usefixtures("no_figures")


def headings(run: Run) -> list[str]:
    write_report(run)
    return re.findall(r"<h2>(.*?)</h2>", run.paths.report.read_text())


def test_a_model_without_a_history_has_no_learning_curve(finished_run: Run, tmp_path: Path) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    whole = headings(run)
    assert "Learning" in whole
    assert re.search(r"[\d,]+ images per second", run.paths.report.read_text())
    (run.paths.model / "history.csv").unlink()
    model = read_json(run.paths.model / "model.json")
    write_json(run.paths.model / "model.json", {k: v for k, v in model.items() if k != "device"})
    assert headings(run) == whole
    page = run.paths.report.read_text()
    assert "Learning curve" not in page
    assert "images per second" not in page
    assert "Originals and reconstructions" in page
    (run.paths.model / "reconstructions.png").unlink()
    assert headings(run) == [heading for heading in whole if heading != "Learning"]
    assert "#learning" not in run.paths.report.read_text()


def test_a_model_of_another_kind_speaks_for_itself(finished_run: Run, tmp_path: Path) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    write_report(run)
    assert "Encoder with 8-8 channels" in run.paths.report.read_text()
    write_json(run.paths.model / "model.json", {"kind": "x", "description": "Four <averages> of the pixels"})
    write_report(run)
    page = run.paths.report.read_text()
    assert "Four &lt;averages&gt; of the pixels." in page
    assert "Encoder with" not in page
    assert "parameters</span>" not in page


def test_without_a_judgement_there_is_no_table(finished_run: Run, tmp_path: Path) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    whole = headings(run)
    assert "Which sampler?" in whole
    Judgement(n=0, skipped="no weights").write(run.paths.judging / "scores.json")
    assert headings(run) == [heading for heading in whole if heading != "Which sampler?"]
    assert "not judged: no weights" in closing_table(run)


def test_a_sampler_of_another_package_is_described_in_its_own_words(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Foreign(Normal):
        name: ClassVar[str] = "foreign"
        summary: ClassVar[str] = "Drawn from <far> away."

    monkeypatch.setitem(SAMPLERS._loaded, "foreign", Foreign)
    run = copy_without(finished_run, tmp_path / "run")
    (run.folder / "samples/normal").rename(run.folder / "samples/foreign")
    tree = run.settings.model_dump()
    tree["samples"] |= {"methods": ["foreign"], "options": {"foreign": {"temperature": 0.5}}}
    write_report(Run(run.folder, Settings.of(tree, "test")))
    page = run.paths.report.read_text()
    assert "<h3>foreign</h3>" in page
    assert "Drawn from &lt;far&gt; away. Settings: temperature 0.5." in page


@pytest.mark.parametrize("name", ["model/model.json", "latents/z.npy", "samples/normal/pictures.npy"])
def test_without_the_files_of_a_stage_it_says_what_to_run(
    finished_run: Run, tmp_path: Path, name: str
) -> None:
    run = copy_without(finished_run, tmp_path / "run")
    (run.folder / name).unlink()
    with pytest.raises(StageError, match="run `zpoints run` first") as caught:
        write_report(run)
    assert Path(name).name in line(caught.value)


def test_latent_arrays_with_a_shape_have_a_section_of_their_channels(
    finished_run: Run, tmp_path: Path
) -> None:
    assert "Channels" not in headings(copy_without(finished_run, tmp_path / "vectors"))
    stages = ("analyse", "sample", "decode", "judge", "report")
    run = copy_without(finished_run, tmp_path / "run", *stages)
    model = read_json(run.paths.model / "model.json")
    write_json(
        run.paths.model / "model.json", {**model, "latent_shape": [2, 1, 2], "layout": "channels-last"}
    )
    run_all(run)
    assert headings(run).count("Channels") == 1
    latent, z = run.analysis.summary.latent, np.load(run.paths.latents)
    assert latent is not None
    assert (latent.layout, latent.channels) == ("channels-last", 2)
    held = ImageStore.open(run.paths.images).rows("train")
    np.testing.assert_allclose(
        latent.latents_mean, z[held].reshape(-1, 2, 1, 2).mean(axis=(0, 1, 2)), rtol=1e-6
    )
    page = run.paths.report.read_text()
    assert "Channels (2, last, of (2, 1, 2))" in page
    assert page.count('href="#channels"') == 1
    assert (run.paths.analysis / "channels.json").is_file()
    method = run.settings.samples.methods[0]
    assert np.load(run.paths.samples(method) / "z.npy").shape == (run.settings.samples.count, 2, 1, 2)
