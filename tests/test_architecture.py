"""The picture of the architecture shows the floors that the code keeps to, and its examples are whole files."""

import re
from pathlib import Path

import pytest

from test_imports import FLOORS, PACKAGE

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "architecture.md").read_text(encoding="utf-8")
EXTENDING = (DOCS / "extending.md").read_text(encoding="utf-8")
CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", EXTENDING, re.DOTALL)
GROUPS = ("samplers", "sources", "arrays", "codecs", "features", "plane_statistics")


def floors_drawn() -> list[set[str]]:
    """The rooms of each floor of the picture, from the ground up."""
    picture = TEXT.partition("```mermaid\n")[2].partition("```")[0]
    blocks = re.findall(r'subgraph floor(\d+)\["[^"]+"\]\n(.*?)\n  end', picture, re.DOTALL)
    assert [int(number) for number, _ in blocks] == list(range(len(blocks)))[::-1], (
        "highest first, none left out"
    )
    arrows = re.findall(r"floor(\d+)", picture.splitlines()[-1])
    assert arrows == [number for number, _ in blocks], "the arrows run downwards, through all floors"
    return [set(rooms.split()) for _, rooms in blocks][::-1]


def test_the_picture_shows_the_floors() -> None:
    assert floors_drawn() == [set(names.split()) for names in FLOORS]


def test_the_table_names_every_room() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", TEXT, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {name for names in FLOORS for name in names.split()}


def test_contributing_lists_the_same_floors() -> None:
    listed = re.search(r"From the ground up: (.*?)\. ", CONTRIBUTING.replace("\n  ", " "))
    assert listed
    floors = [set(re.findall(r"`(\w+)`", floor)) for floor in listed.group(1).split(" - ")]
    assert floors == [set(names.split()) for names in FLOORS]


def test_every_opening_has_an_entry_point_and_an_example() -> None:
    assert tuple(re.findall(r'\[project\.entry-points\."zpoints\.(\w+)"\]', EXTENDING)) == GROUPS
    assert all(f"`zpoints.{group}`" in EXTENDING for group in GROUPS)
    assert len(EXAMPLES) == len(GROUPS)


@pytest.mark.parametrize(("group", "code"), list(zip(GROUPS, EXAMPLES, strict=True)), ids=GROUPS)
def test_the_example_is_a_whole_file(group: str, code: str) -> None:
    target = re.search(rf'zpoints\.{group}"\]\n\S+ = "my_package\.\w+:(\w+)"', EXTENDING)
    assert target
    compiled = compile(code, f"{group}.py", "exec")
    namespace: dict[str, object] = {"__name__": group}
    try:
        exec(compiled, namespace)
    except ImportError as error:
        pytest.fail(f"{group}: {error}")
    assert target.group(1) in namespace


def test_files_that_the_table_names_exist() -> None:
    for path in re.findall(r"`((?:samplers|statistics|models)/\w+\.py)`", EXTENDING):
        if path not in ("statistics/statistic.py", "samplers/__init__.py"):
            assert (PACKAGE / path).is_file(), path
