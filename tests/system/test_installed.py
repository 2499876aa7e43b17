"""What is installed is told by pip's own list."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from zpoints.system import extras
from zpoints.system.installed import EXTRAS, Package, installed_parts

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TO_DEVELOP = {"all", "benchmark", "docs", "test"}
ASKED = [
    "numpy>=2",
    "nothing-of-this-system>=1; sys_platform == 'plan9'",
    "torch>=2.6; extra == 'train'",
    "numpy>=2; extra == 'flow'",
    "zuko>=1.2; extra == 'flow'",
    "zpoints[train,flow]; extra == 'all'",
]


def versions(**known: str):
    def version_of(name: str) -> str:
        if name not in known:
            raise PackageNotFoundError(name)
        return known[name]

    return version_of


def test_every_extra_for_users_says_what_it_gives() -> None:
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"]) - TO_DEVELOP
    assert set(extras.EXTRAS.values()) <= set(EXTRAS)


def test_what_is_there_is_whole() -> None:
    core, train, flow = installed_parts(
        lambda _: ASKED, versions(numpy="2.4.6", torch="2.13.0+cpu", zuko="1.6")
    )
    assert (core.name, core.packages) == ("core", (Package("numpy", ">=2", "2.4.6"),))
    assert [package.words for package in train.packages] == ["torch 2.13.0+cpu"]
    assert [package.name for package in flow.packages] == ["zuko"]  # the core's own are told once
    assert not any(part.wrong for part in (core, train, flow))


def test_what_is_missing_or_old_is_told_with_the_command() -> None:
    core, train, flow = installed_parts(lambda _: ASKED, versions(numpy="1.26.4", torch="2.13.0rc1"))
    assert [package.words for package in core.wrong] == ["numpy 1.26.4 (>=2 is needed)"]
    assert core.command == "pip install zpoints"
    assert train.wrong == ()  # a release candidate of what is new enough
    assert [package.words for package in flow.wrong] == ["zuko is missing"]
    assert flow.command == "pip install 'zpoints[flow]'"


def test_from_its_sources_alone_nobody_has_a_list() -> None:
    def none_there(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    assert installed_parts(none_there) is None


def test_this_environment_is_told_as_it_is() -> None:
    parts = installed_parts()
    if parts is None:
        pytest.skip("zpoints is not installed here")
    numpy = next(package for package in parts[0].packages if package.name == "numpy")
    assert numpy.version == version("numpy")
    assert not parts[0].wrong
