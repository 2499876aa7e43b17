"""Members by name: built-in ones, those of other packages, and those of a notebook."""

import math
import sys
from pathlib import Path

import pytest

from zpoints.errors import UsageError
from zpoints.system.registry import Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a package that brings members."""

    def install(points: str, code: str = "") -> None:
        (tmp_path / "brought.py").write_text(code)
        folder = tmp_path / "brought-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "brought", raising=False)

    return install


def numbers() -> Registry[float]:
    return Registry("number", "example.numbers", {"pi": "math:pi", "e": "math:e"})


def test_built_in_members_are_loaded_by_name():
    assert numbers()["pi"] == math.pi
    assert list(numbers()) == ["pi", "e"]
    assert len(numbers()) == 2


def test_an_installed_package_adds_a_member(package):
    package("[example.numbers]\nhalf = brought:HALF\n", "HALF = 0.5\n")
    found = numbers()
    assert found.names() == ["pi", "e", "half"]
    assert found["half"] == 0.5
    assert found.origin("half") == "the package brought"
    assert found.origin("pi") == "zpoints"


def test_a_taken_name_is_said_and_the_built_in_member_stays(package):
    package("[example.numbers]\npi = brought:PI\n", "PI = 3\n")
    found = numbers()
    with pytest.warns(UserWarning, match="number 'pi' of the package brought is left out: the name is taken"):
        assert found.names() == ["pi", "e"]
    assert found["pi"] == math.pi


@pytest.mark.parametrize("code", ["raise RuntimeError('no such\\nthing')", "import not_there_at_all", ""])
def test_a_package_that_cannot_be_loaded_is_named_in_one_line(package, code):
    package("[example.numbers]\nhalf = brought:HALF\n", code)
    with pytest.raises(UsageError, match="number 'half' of the package brought cannot be loaded") as caught:
        numbers()["half"]
    assert "\n" not in str(caught.value)


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(UsageError, match="unknown number 'pie'; did you mean 'pi'"):
        numbers()["pie"]
    with pytest.raises(UsageError, match="unknown number 'tau'; there are pi, e"):
        numbers()["tau"]


def test_a_script_adds_its_own_once():
    found = numbers()
    found.add("one", 1.0)
    assert found["one"] == 1.0
    assert "one" in found
    assert found.origin("one") == "this script"
    with pytest.raises(UsageError, match="taken"):
        found.add("pi", 3.0)


def test_a_built_in_member_may_be_given_itself():
    registry: Registry[float] = Registry("number", "example.numbers", {"pi": "math:pi", "two": 2.0})
    assert (registry["pi"], registry["two"]) == (math.pi, 2.0)
    assert registry.origin("two") == "zpoints"
    registry.add("three", 3.0)
    assert registry.origin("three") == "this script"
