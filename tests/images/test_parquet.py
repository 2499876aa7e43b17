"""Pictures in Parquet, as Hugging Face's hub gives them out."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from support import line
from zpoints.config import ImageSettings
from zpoints.errors import SourceError
from zpoints.images import prepare as prepare_module
from zpoints.images.decoding import Cut
from zpoints.images.prepare import prepare
from zpoints.images.source import Source
from zpoints.images.sources import open_source
from zpoints.images.sources.parquet import ParquetSource

FEATURES = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "PNG")
    return buffer.getvalue()


def write(path: Path, numbers: list[int], group: int = 3, **columns: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"bytes": png(number), "path": f"{number}.png"} for number in numbers]
    rows = {"image": cells, "label": [number % 2 for number in numbers]} | columns
    schema = {b"huggingface": json.dumps({"info": {"features": FEATURES}}).encode()}
    pq.write_table(pa.table(rows).replace_schema_metadata(schema), path, row_group_size=group)
    return path


def opened(path: Path, **settings: object) -> Source:
    return open_source(ImageSettings(source=str(path), **settings))


def values(source: Source, start: int = 0, stop: int | None = None) -> list[int | str]:
    results = [Cut((8, 8)).picture(opener) for opener in source.openers(start, stop or len(source))]
    return [result if isinstance(result, str) else int(result[0, 0, 0]) for result in results]


def test_ranges_in_any_order_over_groups_and_files(tmp_path: Path) -> None:
    write(tmp_path / "d" / "data" / "part-0.parquet", list(range(10)))
    write(tmp_path / "d" / "data" / "part-2.parquet", [10, 11])
    write(tmp_path / "d" / "data" / "part-10.parquet", list(range(12, 50)), group=40)
    (tmp_path / "d" / "README.md").write_text("a card")
    with opened(tmp_path / "d") as source:
        assert isinstance(source, ParquetSource)
        assert values(source) == list(range(50))
        for start, stop in ((4, 7), (7, 13), (2, 3), (9, 12), (30, 50), (29, 31)):
            assert values(source, start, stop) == list(range(start, stop))
        assert source.label(11) == "data/part-2.parquet row 1"
        assert source.splits is None
        assert source.contains(tmp_path / "d" / "out")


def test_labels_names_of_classes_and_other_columns(tmp_path: Path) -> None:
    extra = {
        "id": [5, 6, 7],
        "Smiling": [True, False, None],
        "caption": ["a", "b", None],
        "box": [[1], [2], [3]],
    }
    path = write(tmp_path / "x.parquet", [0, 1, 2], **extra)
    with opened(path) as source:
        table = source.attributes
        assert table is not None
        assert table["label"].tolist() == [0, 1, 0]
        assert table["label_name"].tolist() == ["cat", "dog", "cat"]
        assert table["id_there"].tolist() == [5, 6, 7]
        assert table["Smiling"].tolist()[:2] == [True, False]
        assert table["caption"].tolist()[:2] == ["a", "b"]
        assert "box" not in table
        assert any("left out (box)" in remark for remark in source.remarks)
    store = prepare(ImageSettings(source=str(path)), tmp_path / "out")
    assert list(store.index.columns[:3]) == ["id", "source", "split"]
    assert store.index["label_name"].tolist() == ["cat", "dog", "cat"]


def test_splits_by_the_names_of_files_by_folder_and_by_column(tmp_path: Path) -> None:
    for name in ("test-00000-of-00001", "validation-00000-of-00001", "train-00000-of-00001"):
        write(tmp_path / "hub" / "data" / f"{name}.parquet", [1, 2])
    with opened(tmp_path / "hub") as source:
        assert source.splits is not None
        assert source.splits.tolist() == [0, 0, 1, 1, 2, 2]
    for name in ("train", "test"):
        write(tmp_path / "converted" / name / "0000.parquet", [1])
    assert opened(tmp_path / "converted").splits.tolist() == [0, 2]
    path = write(tmp_path / "x.parquet", [1, 2, 3], split=["test", "train", "valid"])
    assert opened(path).splits.tolist() == [2, 0, 1]


def test_train_and_test_are_kept_and_validation_is_drawn_from_train(tmp_path: Path) -> None:
    write(tmp_path / "hub" / "train.parquet", list(range(40)))
    write(tmp_path / "hub" / "test.parquet", list(range(10)))
    store = prepare(ImageSettings(source=str(tmp_path / "hub"), validation=0.1), tmp_path / "out", seed=3)
    split, labels = store.index["split"].to_numpy(), store.index["source"]
    assert (split == "test").tolist() == [label.startswith("test") for label in labels]
    assert (split == "val").sum() == 4
    assert (split == "train").sum() == 36
    assert store.details["splits"] == "official"


def test_the_cache_of_the_hub_with_its_links(tmp_path: Path) -> None:
    root = tmp_path / "datasets--me--faces"
    blob = write(root / "blobs" / "0123abcd", [7, 8])
    for version in ("aaa", "bbb"):
        folder = root / "snapshots" / version / "data"
        folder.mkdir(parents=True)
        (folder / "train-00000-of-00001.parquet").symlink_to(blob)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("bbb")
    with opened(root) as source:
        assert values(source) == [7, 8]
        assert "the snapshot bbb" in source.remarks


def test_bytes_in_a_plain_column_and_cells_without_bytes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"img": [png(3), None, b"", b"no picture"]}), tmp_path / "p.parquet")
    reasons = ["no bytes in the file, at most the name of another", "empty file", "not a picture but text"]
    assert values(opened(tmp_path / "p.parquet")) == [3, *reasons]
    cells = [{"bytes": png(3), "path": "a"}, {"bytes": None, "path": "b"}, None]
    pq.write_table(pa.table({"image": cells}), tmp_path / "q.parquet")
    assert values(opened(tmp_path / "q.parquet")) == [3, reasons[0], reasons[0]]


def test_one_of_several_columns_of_pictures(tmp_path: Path) -> None:
    masks = [{"bytes": png(99), "path": ""}] * 2
    with opened(write(tmp_path / "x.parquet", [1, 2], a_mask=masks)) as source:
        assert values(source) == [1, 2]
        assert "of several columns of pictures 'image' is used, not 'a_mask'" in source.remarks


def test_a_file_without_pictures_and_files_that_differ(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0], "z": [[1.0]]}), tmp_path / "z.parquet")
    with pytest.raises(SourceError, match=r"no column of encoded pictures .* it has x \(double\)"):
        opened(tmp_path / "z.parquet")
    write(tmp_path / "two" / "a.parquet", [1])
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "two" / "b.parquet")
    with pytest.raises(SourceError, match=r"b\.parquet: has no pictures in a column 'image'"):
        opened(tmp_path / "two")


def test_damage_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", list(range(50)), group=50)
    raw = bytearray(path.read_bytes())
    path.write_bytes(raw[:-20])
    with pytest.raises(SourceError, match="cannot be read as parquet"):
        opened(path)
    raw[4:600] = np.random.default_rng(0).bytes(596)
    path.write_bytes(raw)
    with pytest.raises(SourceError) as caught:
        prepare(ImageSettings(source=str(path), size=(8, 8)), tmp_path / "out")
    assert str(path) in line(caught.value)


def test_it_is_prepared_in_small_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "BLOCK_PICTURES", 4)
    path = write(tmp_path / "x.parquet", list(range(30)), group=7)
    store = prepare(ImageSettings(source=str(path), size=(8, 8)), tmp_path / "out")
    assert [int(picture.mean()) for picture in store.pixels] == list(range(30))


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "d" / "x.parquet", [1, 2])
    before = opened(tmp_path / "d").fingerprint()
    assert opened(tmp_path / "d").fingerprint() == before
    write(path, [1, 3])
    assert opened(tmp_path / "d").fingerprint() != before


def test_a_column_that_some_files_lack_has_empty_cells_there_and_is_said(tmp_path: Path) -> None:
    write(tmp_path / "d" / "0.parquet", [0, 1], age=[7, 8])
    table = pq.read_table(write(tmp_path / "d" / "1.parquet", [2, 3]))
    pq.write_table(table.drop_columns(["label"]), tmp_path / "d" / "1.parquet")
    pq.write_table(table.append_column("late", [["x", "y"]]), tmp_path / "d" / "2.parquet")
    with opened(tmp_path / "d") as source:
        assert values(source) == [0, 1, 2, 3, 2, 3]
        assert source.attributes is not None
        assert source.attributes["label"].fillna(-1).tolist() == [0, 1, -1, -1, 0, 1]
        assert source.attributes["age"].fillna(-1).tolist() == [7, 8, -1, -1, -1, -1]
        assert source.attributes["late"].fillna("").tolist() == ["", "", "", "", "x", "y"]
        assert "3 columns that not all files have: label, age, late" in source.remarks


def test_bytes_that_are_kept_as_views(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([png(3), png(4)], pa.binary_view())}), tmp_path / "v.parquet")
    with opened(tmp_path / "v.parquet") as source:
        assert values(source) == [3, 4]
