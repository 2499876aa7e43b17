"""A budget that the libraries of a model do not fit is refused before they are imported."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from made_models import SIDE, diffusers_model, keras_model, pythae_model
from support import blobs, line
from zpoints.config import Settings
from zpoints.errors import BudgetError, UsageError
from zpoints.models.foreign import looking
from zpoints.models.foreign.looking import look, smallest_memory
from zpoints.report.stage import STAGES
from zpoints.run.folder import Run
from zpoints.run.pipeline import run_stages
from zpoints.run.requirements import check_budget, smallest_budgets
from zpoints.system import budget
from zpoints.system.budget import Budget
from zpoints.system.sizes import MIB

MODEL = STAGES[:3]
"""Pictures, model and vectors; what comes after asks for memory of its own."""


def foreign(text: str, source: Path | None = None) -> Settings:
    tree = {"images": {"source": str(source)}} if source else {}
    return Settings.of({"autoencoder": {"kind": "foreign", "model": text}, **tree}, "test")


@contextmanager
def allowed(ram: int) -> Iterator[None]:
    """A budget without its watchman: this process has more already, from other tests."""
    budget._in_force.append(Budget(ram, "--ram"))
    try:
        yield
    finally:
        budget._in_force.pop()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A model of the kind that the test names."""
    kind = request.param
    if kind == "torch":
        return f"{request.getfixturevalue('torch_folder')}/net.py:Convolutions"
    if kind == "onnx":
        return str(request.getfixturevalue("onnx_folder"))
    if kind == "pythae":
        pythae_model().save(str(tmp_path / "ae"))
        return str(tmp_path / "ae")
    if kind == "diffusers":
        diffusers_model().save_pretrained(tmp_path / "vae")
        return str(tmp_path / "vae")
    keras_model().save(tmp_path / "model.keras")
    return str(tmp_path / "model.keras")


@pytest.mark.parametrize("place", ["torch", "onnx", "pythae", "diffusers", "keras"], indirect=True)
def test_budgets_below_and_above(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = smallest_memory(place)
    assert 200 * MIB < needs < 480 * MIB
    assert smallest_budgets(foreign(place), MODEL) == {"train": needs}
    check_budget(Budget(needs, "--ram"), foreign(place), MODEL)
    with pytest.raises(BudgetError) as caught:
        check_budget(Budget(needs - 1, "--ram"), foreign(place), MODEL)
    assert "the stage train needs" in line(caught.value)
    # This process has imported much else; as if it had nothing, the model is opened with as much as it says.
    monkeypatch.setattr(looking, "anonymous_bytes", lambda: 0)
    monkeypatch.setattr(budget, "anonymous_bytes", lambda: 0)
    with allowed(needs):
        look(place, {"size": [SIDE, SIDE]})
    with allowed(needs - 1), pytest.raises(BudgetError) as caught:
        look(place, {"size": [SIDE, SIDE]})
    assert "opening" in line(caught.value)


@pytest.mark.parametrize("place", ["torch"], indirect=True)
def test_larger_weights_need_more(place: str) -> None:
    before = smallest_memory(place)
    with (Path(place).parent / "weights.safetensors").open("ab") as file:
        file.truncate(50 * MIB)
    assert smallest_memory(place) > before + 99 * MIB


def test_a_run_without_a_model_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        smallest_budgets(foreign(str(tmp_path / "nothing")), MODEL)
    assert "no such model" in line(caught.value)


@pytest.mark.parametrize("place", ["onnx"], indirect=True)
def test_a_run_is_refused_before_a_look_at_the_model(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "blobs.npy", blobs(20, SIDE, SIDE, 3))
    settings = foreign(place, tmp_path / "blobs.npy")
    small = settings.model_copy(update={"budget": settings.budget.model_copy(update={"ram": "190MiB"})})
    monkeypatch.setattr(looking, "look", lambda *_, **__: pytest.fail("it was opened"))
    monkeypatch.setattr(budget._Watchman, "look", lambda *_: None)  # this process has more than that already
    with pytest.raises(BudgetError) as caught:
        run_stages(Run(tmp_path / "run", small), STAGES)
    # At once the largest of all stages, so that nobody is told twice.
    assert "the stage judge" in line(caught.value)
    with pytest.raises(BudgetError) as caught:
        run_stages(Run(tmp_path / "run", small), MODEL)
    assert "the stage train needs" in line(caught.value)
    assert not (tmp_path / "run" / "images").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no RssAnon")
@pytest.mark.parametrize("place", ["torch", "onnx", "pythae", "diffusers", "keras"], indirect=True)
def test_what_is_offered_works(place: str, tmp_path: Path) -> None:
    np.save(tmp_path / "blobs.npy", blobs(40, SIDE, SIDE, 3))

    def check(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zpoints", "model", "check", place, *more]
        command += ["--source", str(tmp_path / "blobs.npy"), "--set", f"size=[{SIDE},{SIDE}]"]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    refused = check("--ram", "150MiB")
    offered = re.search(r"give --ram (\d+MiB) or more", refused.stderr)
    assert refused.returncode == 1
    assert offered, refused.stderr
    done = check("--ram", offered.group(1))
    assert done.returncode == 0, done.stderr
