"""What the fuzzers found once is read again at every test: each ends in a result, or in an error of one line."""

from pathlib import Path

import harnesses
import pytest
import seeds

from support import little_memory

CORPUS = sorted((Path(__file__).parent / "corpus").rglob("*/*"))


def test_every_harness_has_a_corpus() -> None:
    assert {path.parent.name for path in CORPUS} <= set(harnesses.HARNESSES)
    assert len(CORPUS) > 100


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_corpus_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    with little_memory(512):
        harnesses.run(path.parent.name, path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", sorted(harnesses.HARNESSES))
def test_the_seeds_are_read_or_refused(name: str, tmp_path: Path) -> None:
    for number, content in enumerate(seeds.seeds(name)):
        (tmp_path / str(number)).mkdir()
        harnesses.run(name, content, tmp_path / str(number))
