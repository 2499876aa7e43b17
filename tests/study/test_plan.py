"""The file of a study: which runs it means, and what is wrong with one, in a line."""

from pathlib import Path

import pytest

from support import line
from zpoints.errors import UsageError
from zpoints.study.plan import read_plan

FILE = """
name = "first"
[base]
training.epochs = 3
[base.images]
size = [32, 32]
[sources.digits]
images.source = "digits.npz"
training.mirror = false
[sources.faces]
images.source = "faces"
[variants.plain]
[variants.untrained]
training = {epochs = 0, start = "random"}
[[grid]]
name = "width"
sources = ["digits", "faces"]
seeds = [0, 1]
factors.autoencoder.latent = [16, 64]
factors.autoencoder.channels = [[32, 64], [16, 32]]
[[grid]]
name = "training"
sources = ["faces"]
variants = ["plain", "untrained"]
seeds = [0, 1, 2]
with.autoencoder.channels = [32, 64]
"""


def plan_of(tmp_path: Path, text: str = FILE):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return read_plan(path)


def test_factors_of_a_grid_are_crossed_and_a_run_of_two_grids_is_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    width, training = plan.blocks
    assert [len(block.cells) for block in plan.blocks] == [16, 6]
    # Faces, 64 components (the default), channels 32-64, seeds 0 and 1, are in both.
    assert len(width.cells.keys() & training.cells.keys()) == 2
    assert len(plan.cells) == 20
    assert list(width.factors) == ["source", "autoencoder.latent", "autoencoder.channels", "seed"]
    assert width.factors["autoencoder.channels"] == ("32-64", "16-32")
    assert list(training.factors) == ["variant", "seed"]
    by_name = {cell.name: cell for cell in plan.cells}
    untrained = by_name[
        next(name for name, words in training.cells.items() if words["variant"] == "untrained")
    ]
    assert untrained.settings.training.epochs == 0
    assert untrained.settings.images.size == (32, 32)
    digits = by_name[next(name for name, words in width.cells.items() if words["source"] == "digits")]
    assert (digits.settings.training.mirror, digits.settings.training.epochs) == (False, 3)
    assert len({cell.condition for cell in plan.cells}) == 8 + 1
    assert plan_of(tmp_path) == plan


def test_a_file_without_a_grid_is_one_run(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "")
    assert (plan.name, len(plan.cells), plan.blocks[0].factors) == ("study", 1, {})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("gird = 3", ["unknown 'gird'", "grid"]),
        ("grid = 3", ["[[grid]]"]),
        ("[base]\ntraining.epoch = 3", ["[base]", "training.epoch", "epochs"]),
        ("base = 3", ["'base' = 3"]),
        ("[sources]\nx = 3", ["sources.x", "table"]),
        ('[sources."a b"]', ["a b", "letters"]),
        ('[[grid]]\nsources = ["x"]', ["sources names 'x'", "no [sources.NAME]"]),
        ('[sources.y]\n[[grid]]\nsources = ["x"]', ["names 'x'", "there are y"]),
        ("[[grid]]\nseeds = 3", ["'seeds' = 3", "list"]),
        ("[[grid]]\nseeds = [1, 1]", ["different"]),
        ("[[grid]]\nseeds = [-1]", ["'seed'", "-1"]),
        ("[[grid]]\nfactors.autoencoder.latent = 16", ["autoencoder.latent", "16", "list of values"]),
        ("[[grid]]\nfactors.autoencoder.latent = [16, 'x']", ["autoencoder.latent", "'x'"]),
        ("[[grid]]\nfactors.autoencoder.width = [16]", ["autoencoder.width"]),
        ("[[grid]]\nfactors.autoencoder.latent = [16, 16]", ["same settings"]),
        ("[[grid]]\nname = 'a'\n[[grid]]\nname = 'a'", ["two grids"]),
        ("[[grid]]\nname = 3", ["'name' = 3"]),
        ("figures = ['kappa']", ["figures", "card.kappa"]),
        ("[[grid]", ["not valid TOML"]),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        plan_of(tmp_path, text)
    assert line(refused.value).startswith(str(tmp_path))
    for part in parts:
        assert part in line(refused.value)
