"""The examples in the docstrings of the mathematics run, and give what they show."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

import zpoints.statistics

MODULES = sorted(path.stem for path in Path(zpoints.statistics.__file__).parent.glob("[!_]*.py"))
CALLED_BY_USERS = {
    "core": {"robust_core"},
    "ellipses": {"Ellipses", "normal_coverage"},
    "frechet": {"frechet_distance"},
    "gaussian_fits": {"GaussianFits"},
    "histograms": {"Histograms"},
    "mardia": {"MardiaTest"},
    "measures": {"Noise"},
    "mixtures": {"Mixture"},
    "moments": {"Moments"},
    "pca": {"PCA"},
    "ranks": {"RankSums", "exact_rank_correlation"},
    "statistic": {"PlaneMeasures", "Statistic"},
    "third_moments": {"ThirdMoments"},
}


def examples_of(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(f"zpoints.statistics.{name}")
    return [found for found in doctest.DocTestFinder().find(module) if found.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    for found in examples_of(name):
        found.globs["np"] = np
        runner.run(found, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("name", CALLED_BY_USERS)
def test_what_users_call_has_an_example(name):
    shown = {found.name.rpartition(".")[2] for found in examples_of(name)}
    assert shown >= CALLED_BY_USERS[name]


def test_no_module_is_left_out():
    assert set(CALLED_BY_USERS) <= set(MODULES)
