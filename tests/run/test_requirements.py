"""A run whose budget cannot work is refused at once, and what is offered instead works."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import line
from zpoints.config import Settings
from zpoints.errors import BudgetError
from zpoints.report.stage import STAGES
from zpoints.run.requirements import check_budget, smallest_budgets
from zpoints.system.budget import Budget
from zpoints.system.sizes import MIB

SMALL = [
    *("--set", "images.count=800", "--set", "images.size=[32,32]", "--set", "images.test=0.1"),
    *("--set", "autoencoder.channels=[16,32,64]", "--set", "autoencoder.latent=24"),
    *("--set", "training.epochs=1", "--set", "judge.features=pixels"),
]


def run(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zpoints", "run", "--out", str(out), *SMALL, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_larger_work_needs_more() -> None:
    def needs(**sections: dict[str, object]) -> dict[str, int]:
        return smallest_budgets(Settings.of(sections, "test"), STAGES)

    small = needs()
    assert needs(images={"size": [256, 256]})["train"] > small["train"]
    assert needs(autoencoder={"latent": 1024})["analyse"] > small["analyse"]
    assert needs(judge={"count": 20_000})["judge"] > small["judge"]
    assert needs(images={"count": 1000})["judge"] < small["judge"]  # 50 of them are held out


def test_the_pictures_count_once_they_are_known() -> None:
    settings = Settings()
    known = smallest_budgets(settings, STAGES, (256, 256, 3))
    assert known["train"] > smallest_budgets(settings, STAGES)["train"]


def test_without_a_limit_nothing_is_refused() -> None:
    check_budget(Budget(None, "no limit is known"), Settings(), STAGES)


def test_the_stage_that_needs_most_is_named() -> None:
    settings = Settings.of({"autoencoder": {"latent": 4096}}, "test")
    with pytest.raises(BudgetError) as caught:
        check_budget(Budget(1024 * MIB, "--ram"), settings, STAGES)
    assert "the stage analyse" in line(caught.value)
    assert "autoencoder.latent" in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no RssAnon")
def test_what_is_offered_works(tmp_path: Path) -> None:
    refused = run(tmp_path / "run", "--ram", "300MiB")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
    offered = re.search(r"give --ram (\d+MiB) or more", refused.stderr)
    assert offered, refused.stderr
    done = run(tmp_path / "run", "--ram", offered.group(1))
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    peaks = [stage["peak_ram_mib"] for stage in record["stages"].values()]
    assert max(peaks) < record["ram_budget_mib"] == int(offered.group(1).removesuffix("MiB"))
