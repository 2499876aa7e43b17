"""Valid and nearly valid files, made by code, from which the fuzzer sets out."""

import gzip
import io
import json
import struct
import tarfile
import zipfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
import tomli_w
import torch
from harnesses import ZARR, sampler_arrays, saved_network
from PIL import Image, ImageCms

from zpoints.config import Settings
from zpoints.models.autoencoder.checkpoint import TrainingState

__all__ = ["seeds"]


def seeds(name: str) -> list[bytes]:
    """The seeds of one harness."""
    return SEEDS[name]()


def _npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


def _arrays() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [
        random.normal(size=(4, 3)).astype(np.float32),
        np.asfortranarray(random.normal(size=(4, 3))),
        random.integers(0, 256, (4, 3, 3), np.uint8),
        random.random((3, 4, 4, 3)),
        random.random((3, 3, 4, 4)).astype(">f2"),
        random.integers(0, 4096, (3, 4, 4, 4), np.uint16),
        random.integers(0, 2, (3, 5, 5), np.int64),
        np.array([{}, 1], dtype=object),
        np.zeros(3, [("a", "f4"), ("b", "i8", (2,))]),
        np.array(["2001-01-01"] * 2, "M8[D]"),
        np.zeros((0, 3)),
    ]


def _npys() -> list[bytes]:
    return [_npy(array) for array in _arrays()] + [_npy(_arrays()[0], (2, 0)), _npy(_arrays()[0], (3, 0))]


def _npzs() -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, z=_arrays()[0], images=_arrays()[2])
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sampler_arrays().items():
            archive.writestr(f"{name}.npy", content)
    return [*found, buffer.getvalue()]


def _members() -> list[bytes]:
    number = len(sampler_arrays())
    own = [bytes((k, 0)) + value for k, (_, value) in enumerate(sorted(sampler_arrays().items()))]
    return own + [bytes((k % number, 1)) + content for k, content in enumerate(_npys())]


def _parquets() -> list[bytes]:
    index = pd.DataFrame({"id": [0, 1, 2, 3], "source": list("abcd"), "split": ["train"] * 3 + ["val"]})
    lists = pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float32(), 2))
    tables = [
        pa.Table.from_pandas(index, preserve_index=False),
        pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": [1, 2, None, 4]}),
        pa.table({"z": lists}),
    ]
    found = []
    for table in tables:
        for compression in ("none", "zstd"):
            buffer = io.BytesIO()
            pq.write_table(table, buffer, compression=compression)
            found.append(buffer.getvalue())
    return found


def _safetensors() -> list[bytes]:
    z = _arrays()[0]
    several = {"z": z, "n": np.zeros((0, 2), np.int8)}
    own = saved_network()["weights.safetensors"]
    return [safetensors.numpy.save({"z": z}), safetensors.numpy.save(several), own]


def _tomls() -> list[bytes]:
    return [
        tomli_w.dumps(Settings().model_dump()).encode(),
        b'name = "x"\nseed = 1\n[images]\nsize = [1, 2]\ncrop = [0, 0, 8, 8]\n',
        b'[samples]\nmethods = ["normal"]\n[[judge]]\nx = 1979-05-27T07:32:00Z\n',
        b'images.source = """a\nb"""\nanalysis.block = 0x10\nanalysis.trim_factors = [1.7]\n',
    ]


def _jsons() -> list[bytes]:
    block = {"first": 0, "number": 5, "rejected": [[2, "truncated"]], "seconds": 0.1, "notes": {"grey": 1}}
    journal = [{"key": "key", "decided": {"channels": 1}}, block, {**block, "first": 5, "rejected": []}]
    return [
        saved_network()["model.json"],
        b'{"stages": {"prepare": {"seconds": 1.5, "key": "x"}}}',
        "".join(json.dumps(line) + "\n" for line in journal).encode(),
    ]


def _pictures() -> list[bytes]:
    random = np.random.default_rng(0)
    colour = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8))
    found = []
    for kind in (
        "JPEG",
        "PNG",
        "GIF",
        "BMP",
        "TIFF",
        "WEBP",
        "PPM",
        "TGA",
        "ICO",
        "PCX",
        "SGI",
        "DDS",
        "JPEG2000",
    ):
        buffer = io.BytesIO()
        colour.save(buffer, kind)
        found.append(buffer.getvalue())
    for mode in ("1", "P", "LA", "I;16", "CMYK", "F"):
        buffer = io.BytesIO()
        picture = Image.new(mode, (5, 6)) if mode == "I;16" else colour.convert(mode)
        picture.save(buffer, "TIFF")
        found.append(buffer.getvalue())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG"):
        buffer = io.BytesIO()
        colour.save(buffer, kind, icc_profile=profile)
        found.append(buffer.getvalue())
    return [*found, b"\0\0\0\x18ftypheic" + bytes(40), b"<svg></svg>", gzip.compress(found[0])]


def _zips() -> list[bytes]:
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("a/b.png", _pictures()[1])
            archive.writestr("../../c.gif", _pictures()[2])
            archive.writestr("/d.ppm", _pictures()[6])
        found.append(buffer.getvalue())
    return found


def _tars() -> list[bytes]:
    found = []
    files = {
        "a/0.png": _pictures()[1],
        "a/0.cls": b"3",
        "a/0.json": b'{"x": 1.5, "split": "train"}',
        "../b.gif": b"x",
    }
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for name, content in (files | {"c/" * 60 + "d.png": _pictures()[1]}).items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            link = tarfile.TarInfo("l")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc"
            archive.addfile(link)
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("i.tar")
        info.size = len(found[0])
        archive.addfile(info, io.BytesIO(found[0]))
    return [*found, buffer.getvalue(), found[0] + found[0], gzip.compress(found[0])]


def _image_parquets() -> list[bytes]:
    found = []
    cells = [{"bytes": _pictures()[1], "path": "0.png"}, {"bytes": None, "path": "1.png"}, None]
    features = json.dumps({"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}})
    for compression in ("none", "snappy", "zstd"):
        table = pa.table({"image": cells, "label": [0, 1, 2], "split": ["train", "test", "train"]})
        buffer = io.BytesIO()
        pq.write_table(
            table.replace_schema_metadata({"huggingface": features}), buffer, compression=compression
        )
        found.append(buffer.getvalue())
    return found


def _idxs() -> list[bytes]:
    images = b"\0\0\x08\3" + struct.pack(">3I", 4, 3, 3) + bytes(range(36))
    labels = b"\0\0\x08\1" + struct.pack(">I", 4) + bytes(4)
    floats = b"\0\0\x0d\3" + struct.pack(">3I", 2, 2, 2) + bytes(32)
    return [struct.pack("<I", len(first)) + first + labels for first in (images, floats)]


def _csv_lists() -> list[bytes]:
    return [b"image_id,partition\n1.jpg,0\n\0image_id,Smiling,Young\n1.jpg,-1,1\n"]


def _foreigners() -> list[bytes]:
    table = b"label," + b",".join(b"pixel%d" % k for k in range(16)) + b"\n1" + b",5" * 16
    return [
        table,
        b"emotion,pixels\n1,0 1 2 3",
        b"\x80\x04N.",
        b"MATLAB 5.0 MAT",
        b"7z\xbc\xaf\x27\x1c",
        b"SQLite format 3\0",
    ]


def _lists() -> list[bytes]:
    partition, attributes = b"1.jpg 0\n2.jpg 2\n", b"2\nSmiling Young\n1.jpg -1  1\n2.jpg  1 0\n"
    return [partition + b"\0" + attributes, partition, b"\0" + attributes]


def _checkpoints() -> list[bytes]:
    state = TrainingState("key", network={"w": torch.zeros(4)}, history=[{"loss": 0.5}])
    whole, older = io.BytesIO(), io.BytesIO()
    torch.save(vars(state), whole)
    torch.save(vars(state), older, _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(whole) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        inside = archive.read(name)
    return [whole.getvalue(), older.getvalue(), inside]


def _zarrs() -> list[bytes]:
    old = {
        "zarr_format": 2, "shape": [4, 3], "chunks": [4, 3], "dtype": "<f8", "fill_value": 0.0, "order": "C",
        "filters": None, "compressor": None,
    }  # fmt: skip
    return [b"\0" + ZARR.encode(), b"\1" + json.dumps(old).encode(), b"\2" + bytes(96)]


def _hdf5s() -> list[bytes]:
    found = []
    for options in ({}, {"chunks": (2, 3), "compression": "gzip"}):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.create_dataset("a/z", data=_arrays()[0], **options)
            file["a/labels"] = [1, 2, 3, 4]
            file["b"] = h5py.SoftLink("/a/z")
        found.append(buffer.getvalue())
    return found


def _texts() -> list[bytes]:
    return [b"a,b,id\n1.5,2,1\n2.5,nan,2\n", b"1.5;2,5\n1e3;-4,0\n", b"# x\n1.5 2\n3 4\n", b"0,1\n5,6\n"]


def _arrows() -> list[bytes]:
    table = pa.table({"z": [[1.0, 2.0], [3.0, 4.0]], "id": [1, 2]})
    flat = pa.table({"a": [1.0, None], "b": [0.5, 2.0]})
    found = []
    for open_ in (pa.ipc.new_file, pa.ipc.new_stream):
        for each in (table, flat):
            buffer = io.BytesIO()
            with open_(buffer, each.schema) as writer:
                writer.write_table(each)
            found.append(buffer.getvalue())
    return found


def _packed() -> list[bytes]:
    return [b"\0" + gzip.compress(_npys()[0]), *(b"\1" + content for content in _npys())]


def _tensors() -> list[bytes]:
    z = torch.tensor(_arrays()[0])
    whole, older, inside = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({"z": z.bfloat16(), "more": {"n": torch.arange(4)}}, whole)
    torch.save(z, older, _use_new_zipfile_serialization=False)
    torch.save(torch.zeros(2, 2), inside)
    with zipfile.ZipFile(inside) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        return [whole.getvalue(), older.getvalue(), archive.read(name)]


SEEDS = {
    "npy": _npys,
    "npz": _npzs,
    "npz_member": _members,
    "parquet": _parquets,
    "safetensors": _safetensors,
    "toml": _tomls,
    "json": _jsons,
    "picture": _pictures,
    "zip": _zips,
    "celeba": _lists,
    "celeba_csv": _csv_lists,
    "tar": _tars,
    "image_parquet": _image_parquets,
    "idx": _idxs,
    "nested_zip": _zips,
    "foreign": _foreigners,
    "checkpoint": _checkpoints,
    "zarr": _zarrs,
    "hdf5": _hdf5s,
    "text": _texts,
    "arrow": _arrows,
    "packed": _packed,
    "tensors": _tensors,
}
