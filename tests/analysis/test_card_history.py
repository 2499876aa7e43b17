"""Cards of a training: the table, the file that goes on, cards beside each other, on the command line as well."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zpoints as zp
from zpoints.analysis.card_history import beside, history_table
from zpoints.cli.commands import main
from zpoints.vectors.dask_cluster import cluster
from zpoints.vectors.reduce import working_by


def vectors(seed: int, scale: float = 1.0, d: int = 4) -> np.ndarray:
    return scale * np.random.default_rng(seed).normal(size=(400, d))


def test_a_row_of_the_table_is_a_card() -> None:
    card = zp.gaussianity(vectors(0))
    row = history_table({3: card}).iloc[0]
    assert row["step"] == 3
    assert row["whitened.mean"] == card.whitened.mean
    assert row["spectrum.effective_rank"] == card.spectrum.effective_rank
    assert row["worst.log10_p"] == card.worst[0].log10_p
    assert row["kind"] == card.kind
    assert history_table([card, card])["step"].to_list() == [0, 1]


def test_a_history_goes_on_in_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    path = tmp_path / "cards.parquet"
    first = zp.CardHistory(path)
    for epoch in range(3):
        first(epoch, torch.tensor(vectors(epoch, 3.0 - epoch), requires_grad=True))
    assert capsys.readouterr().err.count("EP ") == 3
    again = zp.CardHistory(path, show=False)
    card = again(2, vectors(9, 5.0))
    again(3, vectors(3))
    table = pd.read_parquet(path)
    assert table["step"].to_list() == [0, 1, 2, 3]
    assert table["as_it_is.mean"][2] == card.as_it_is.mean
    assert table["as_it_is.mean"][0] == first.cards[0].as_it_is.mean
    assert zp.plots.png(zp.plots.history(table)).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["other.parquet", "broken.parquet", "cards.csv"])
def test_another_file_is_refused_and_left_as_it_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "other.parquet":
        pd.DataFrame({"a": [1]}).to_parquet(path)
    else:
        path.write_text("no table")
    before = path.read_bytes()
    with pytest.raises(zp.ArrayError, match=name):
        zp.CardHistory(path)
    assert path.read_bytes() == before


def test_cards_of_other_sizes_stand_beside_each_other() -> None:
    lines = beside({"a": zp.gaussianity(vectors(0, d=6)), "b": zp.gaussianity(vectors(1)[:25])}).splitlines()
    assert lines[0] == "| figure | a | b |"
    assert lines[2] == "| vectors, components | 400 x 6 | 25 x 4 |"
    assert all(line.count("|") == 4 for line in lines)
    assert any(line.startswith("| least normal direction |") and line.endswith("| - |") for line in lines)


def test_the_commands_take_vectors_and_cards(tmp_path: Path, monkeypatch, capsys) -> None:
    def zpoints(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["zpoints", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    monkeypatch.chdir(tmp_path)
    np.save("a.npy", vectors(0, d=6))
    np.save("b.npy", vectors(1, 2.0))
    assert zpoints("card", "a.npy", "--out", "a.json", "--quiet") == (0, "")
    code, text = zpoints("card", "a.json", "b.npy")
    assert code == 0
    assert (
        "| figure | a.json | b.npy |\n| --- | --- | --- |\n| vectors, components | 400 x 6 | 400 x 4 |"
        in text
    )
    assert zpoints("card", "a.npy", "b.npy", "--out", "a.json")[0] == 2
    code, text = zpoints("compare", "b.npy", "b.npy", "--cards")
    assert code == 0
    assert "| figure | A | B |" in text
    code, text = zpoints("compare", "a.npy", "b.npy")
    assert code == 1
    assert "`zpoints card A B` shows figures of both" in text


def test_dask_makes_the_same_card(tmp_path: Path) -> None:
    np.save(tmp_path / "z.npy", vectors(0, d=6))
    here = zp.gaussianity(tmp_path / "z.npy")
    with cluster(workers=1) as executor, working_by(executor):
        there = zp.gaussianity(tmp_path / "z.npy")
    for name, value in history_table([here]).iloc[0].items():
        other = history_table([there]).iloc[0][name]
        assert (
            value == other if isinstance(value, str) else np.isclose(value, other, rtol=1e-9, equal_nan=True)
        )
