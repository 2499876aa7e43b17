"""Typed records: what is read by attribute is what the file holds, and what a file should not hold is one line."""

import json
from dataclasses import FrozenInstanceError, dataclass
from typing import ClassVar

import numpy as np
import pytest

from support import line
from zpoints.errors import ArrayError
from zpoints.files.records import Bases, Document, Record


@dataclass(frozen=True, eq=False)
class Row(Record):
    size: float | None
    name: str = "none"


@dataclass(frozen=True, eq=False)
class Page(Document):
    VERSION: ClassVar[int] = 3

    count: int
    rows: tuple[Row, ...]
    both: Bases[float]
    named: dict[str, Row]
    sure: bool = False
    version: int = VERSION


CONTENT = {
    "count": 2,
    "rows": [{"size": 0.1, "name": "a"}, {"size": None}],
    "both": {"z": 1.5, "pca": 2.5692587377152293e-13},
    "named": {"x": {"size": 3}},
}


def test_attributes_keys_and_the_file_agree(tmp_path):
    page = Page.from_dict(CONTENT, "here")
    assert page.rows[0].size == page["rows"][0]["size"] == 0.1
    assert page.named["x"].size == 3.0
    assert page.both.pca == 2.5692587377152293e-13
    assert list(page) == ["count", "rows", "both", "named", "sure", "version"]
    assert page.rows[1] == {"size": None, "name": "none"}
    page.write(tmp_path / "page.json")
    assert json.loads((tmp_path / "page.json").read_text()) == page.to_dict()
    assert Page.read(tmp_path / "page.json") == page
    with pytest.raises(FrozenInstanceError):
        page.count = 3  # type: ignore[misc]
    with pytest.raises(KeyError):
        page["VERSION"]


def test_numbers_come_back_bit_by_bit():
    random = np.random.default_rng(0)
    for value in (random.normal(size=2000) * 10.0 ** random.integers(-300, 300, 2000)).tolist():
        assert Row.from_dict({"size": value}, "here").size == value


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"count": "2"}, "'count'"),
        ({"count": 2.5}, "'count'"),
        ({"count": None}, "'count'"),
        ({"sure": 1}, "'sure'"),
        ({"rows": {}}, "'rows'"),
        ({"rows": [{"size": "1"}]}, "'rows.0.size'"),
        ({"rows": [{"size": float("nan")}]}, "'rows.0.size'"),
        ({"rows": [{"size": float("inf")}]}, "'rows.0.size'"),
        ({"rows": [{"size": 1, "more": 1}]}, "'rows.0.more'"),
        ({"both": {"z": 1.0}}, "'both.pca'"),
        ({"named": [1]}, "'named'"),
        ({"x" * 5000: 1}, "'xxx"),
        ({"rows": [{"size": 10**400}]}, "'rows.0.size'"),
        ({"version": 4}, "format '4'"),
        ({"version": "x\ny" * 99}, "format 'x"),
        ({"version": True}, "format 'True'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_other_content_is_refused_in_one_line(change, place, tmp_path):
    path = tmp_path / "page.json"
    path.write_text(json.dumps(CONTENT | change))
    with pytest.raises(ArrayError) as refused:
        Page.read(path)
    text = line(refused.value)
    assert str(path) in text
    assert place in text
    assert len(text) < 400 + len(str(path))


def test_a_missing_figure_is_named(tmp_path):
    content = {name: value for name, value in CONTENT.items() if name != "count"}
    with pytest.raises(ArrayError, match="'count'"):
        Page.from_dict(content, "here")


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{", '{"count": 1' + "0" * 10_000 + "}", "\x00"])
def test_hostile_files_are_one_line(text, tmp_path):
    path = tmp_path / "page.json"
    path.write_text(text)
    with pytest.raises(ArrayError) as refused:
        Page.read(path)
    assert str(path) in line(refused.value)


def test_files_of_older_formats_become_of_this_one():
    for version in (1, 2, 3):
        assert Page.from_dict(CONTENT | {"version": version}, "here").version == 3
    assert Page.from_dict(CONTENT, "here").version == 3
