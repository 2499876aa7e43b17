"""One harness per family of readers: any bytes go in; out comes a result, or an error of one line.

A harness writes the bytes where a user's file would lie and reads them through the public entry. What it may
raise is `ZPointsError` alone; `run` checks that, and that the message is one line.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch

from zpoints.analysis.distribution import Distribution
from zpoints.config import AutoencoderSettings, ImageSettings, Settings
from zpoints.errors import ZPointsError
from zpoints.files.documents import read_json, read_table
from zpoints.files.numpy_files import load_npz
from zpoints.files.settings import load_settings
from zpoints.images.decoding import Cut, pillow_limits
from zpoints.images.index import rows_of_split
from zpoints.images.journal import Journal
from zpoints.images.sources import open_source
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.checkpoint import TrainingState, load_autoencoder
from zpoints.models.autoencoder.network import Architecture, Autoencoder
from zpoints.run.folder import Run
from zpoints.samplers import SAMPLERS
from zpoints.samplers.base import Sampler
from zpoints.vectors.latent_set import LatentSet

__all__ = ["HARNESSES", "run", "sampler_arrays", "saved_network", "tiny_network", "torch_zip"]

LONGEST = 600
"""Characters of a message: a line that nobody reads to its end says nothing."""
COMMAND = 500
"""So many more where it ends in a command to be copied."""
MOST_BLOCKS = 1000
Harness = Callable[[bytes, Path], None]


def run(name: str, data: bytes, folder: Path) -> None:
    """Feed one input to a harness, in an empty folder."""
    HARNESSES[name](data, folder)


def tried(action: Callable[[], Any]) -> None:
    """Do it; an error that a user can read is as good as a result."""
    try:
        action()
    except ZPointsError as error:
        text = str(error)
        assert text, "an error without a message"
        assert text.isprintable(), f"not one plain line: {text!r}"
        assert len(text) <= LONGEST + COMMAND * ("python -c" in text), (
            f"a message of {len(text)} characters: {text!r}"
        )


def vectors(path: Path) -> None:
    """Read the vectors, and of a file that claims to hold billions the first ones."""
    tried(lambda: [block.shape for block in islice(LatentSet.open(path).blocks(64), MOST_BLOCKS)])


def pictures(path: Path) -> None:
    """Read the first pictures of a source, and what else it tells."""

    def read() -> None:
        settings = ImageSettings(source=str(path), max_megapixels=0.25)
        with pillow_limits(settings.max_megapixels), open_source(settings) as source:
            assert source.describe()
            assert source.fingerprint()
            cut = Cut((8, 8), source.default_crop, fit=True)
            for start in range(0, min(len(source), 32), 8):
                stop = min(start + 8, len(source))
                openers = source.openers(start, stop)
                [cut.picture(opener) for opener in openers]
                [cut.facts(opener) for opener in openers]
                [source.label(item).encode() for item in range(start, stop)]

    tried(read)


def sampled(path: Path) -> None:
    """Read a sampler; what it learnt may be nonsense, but then what it draws is nonsense of the right shape."""
    with np.errstate(all="ignore"):
        sampler = Sampler.load(path)
        assert sampler.sample(3).shape == (3, sampler.distribution_.dimension)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def npy(data: bytes, folder: Path) -> None:
    """A .npy file."""
    path = written(folder, "x.npy", data)
    vectors(path)
    pictures(path)


def npz(data: bytes, folder: Path) -> None:
    """A .npz file, whole."""
    path = written(folder, "x.npz", data)
    vectors(path)
    pictures(path)
    tried(lambda: load_npz(path))
    tried(partial(Distribution.load, path))
    tried(partial(sampled, path))


def npz_member(data: bytes, folder: Path) -> None:
    """One array of a .npz file: a byte chooses which, the next how it is packed, the rest is the array."""
    arrays = sampler_arrays()
    name = sorted(arrays)[data[0] % len(arrays)] if data else "head"
    method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[data[1] % 2 if len(data) > 1 else 0]
    for only in (True, False):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for key, value in {} if only else arrays.items():
                if key != name:
                    archive.writestr(f"{key}.npy", value)
            archive.writestr(f"{name}.npy", data[2:])
        if only:
            path = written(folder, "x.npz", buffer.getvalue())
            vectors(path)
            pictures(path)
        else:
            path = written(folder, "whole.npz", buffer.getvalue())
            tried(partial(Distribution.load, path))
            tried(partial(sampled, path))


def parquet(data: bytes, folder: Path) -> None:
    """A Parquet file: vectors, a store's index, a table of an analysis."""
    path = written(folder, "index.parquet", data)
    np.save(folder / "pixels.npy", np.zeros((4, 3, 3, 1), np.uint8))
    vectors(path)
    tried(lambda: (store := ImageStore.open(folder)) and (store.index, store.rows("train")))
    tried(lambda: rows_of_split(path, "train"))
    tried(lambda: read_table(path))


def safetensors_file(data: bytes, folder: Path) -> None:
    """A safetensors file: vectors, weights."""
    vectors(written(folder, "x.safetensors", data))
    written(folder, "model/model.json", saved_network()["model.json"])
    written(folder, "model/weights.safetensors", data)
    tried(lambda: load_autoencoder(folder / "model"))


def hdf5(data: bytes, folder: Path) -> None:
    """An HDF5 file."""
    vectors(written(folder, "x.h5", data))


def text(data: bytes, folder: Path) -> None:
    """Comma-separated values."""
    vectors(written(folder, "x.csv", data))


def arrow(data: bytes, folder: Path) -> None:
    """Arrow's file or stream format."""
    vectors(written(folder, "x.arrow", data))


def packed(data: bytes, folder: Path) -> None:
    """A .npy file in gzip; a byte chooses whether the rest is the packed file, or what is packed."""
    vectors(written(folder, "x.npy.gz", data[1:] if data[:1] == b"\0" else gzip.compress(data[1:], 1)))


def tensors(data: bytes, folder: Path) -> None:
    """PyTorch's tensors: the file, and the pickle inside the file."""
    vectors(written(folder, "whole.pt", data))
    vectors(written(folder, "inside.pt", torch_zip(data)))


def toml(data: bytes, folder: Path) -> None:
    """A file of settings."""
    path = written(folder, "x.toml", data)
    tried(lambda: load_settings(path))


def json_file(data: bytes, folder: Path) -> None:
    """model.json, run.json, prepare.json and a journal of a preparation."""
    written(folder, "model/model.json", data)
    written(folder, "model/weights.safetensors", saved_network()["weights.safetensors"])
    tried(lambda: load_autoencoder(folder / "model"))
    path = written(folder, "run.json", data)
    tried(lambda: read_json(path))
    tried(lambda: Run(folder, Settings()).record["stages"].get("prepare"))
    journal = Journal(path, "key")
    journal.restart(journal.decided, 1000)
    assert [len(block.accepted) for block in journal.blocks] == [
        block.number - len(block.rejected) for block in journal.blocks
    ]


def picture(data: bytes, folder: Path) -> None:
    """One encoded picture in a folder."""
    written(folder, "p/a.jpg", data)
    pictures(folder / "p")


def zip_file(data: bytes, folder: Path) -> None:
    """A zip of pictures."""
    pictures(written(folder, "x.zip", data))


def tar(data: bytes, folder: Path) -> None:
    """A tar of pictures, packed or not; then the same inside a packed one."""
    pictures(written(folder, "x.tar", data))
    pictures(written(folder, "x.tgz", gzip.compress(data, 1)))


def image_parquet(data: bytes, folder: Path) -> None:
    """A Parquet file of pictures, alone and in a folder."""
    pictures(written(folder, "d/train.parquet", data))
    pictures(folder / "d")


def idx(data: bytes, folder: Path) -> None:
    """Two files of MNIST: four bytes say how long the pictures' is, the rest is that of the labels."""
    length = int.from_bytes(data[:4], "little")
    written(folder, "d/train-labels-idx1-ubyte", data[4 + length :])
    path = written(folder, "d/train-images-idx3-ubyte", data[4 : 4 + length])
    pictures(path)
    pictures(folder / "d")
    pictures(written(folder, "p/train-images-idx3-ubyte.gz", gzip.compress(path.read_bytes(), 1)))


def nested_zip(data: bytes, folder: Path) -> None:
    """A zip in a zip, once stored and once packed; then CelebA's lists in one."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(folder / "o.zip", "w", method) as archive:
            archive.writestr("i.zip", data)
        pictures(folder / "o.zip")


def celeba_csv(data: bytes, folder: Path) -> None:
    """The two lists of CelebA as .csv in a zip, parted by a byte 0."""
    partition, _, attributes = data.partition(b"\0")
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("img_align_celeba/1.jpg", b"")
        archive.writestr("list_eval_partition.csv", partition)
        archive.writestr("list_attr_celeba.csv", attributes)
    pictures(folder / "archive.zip")


def foreign(data: bytes, folder: Path) -> None:
    """Whatever else may be named as a source."""
    for name in ("x.csv", "x.bin", "d/data_batch_1"):
        written(folder, name, data)
    for name in ("x.csv", "x.bin", "d"):
        pictures(folder / name)


def celeba(data: bytes, folder: Path) -> None:
    """The two lists of CelebA, parted by a byte 0."""
    partition, _, attributes = data.partition(b"\0")
    for name in ("1.jpg", "2.jpg"):
        written(folder, f"img_align_celeba/{name}", b"")
    written(folder, "list_eval_partition.txt", partition)
    if attributes:
        written(folder, "list_attr_celeba.txt", attributes)
    pictures(folder)


def checkpoint(data: bytes, folder: Path) -> None:
    """The state of a training: the file, and the pickle inside the file."""
    tried(lambda: TrainingState.load(written(folder, "whole.pt", data), "key"))
    tried(lambda: TrainingState.load(written(folder, "inside.pt", torch_zip(data)), "key"))


def zarr(data: bytes, folder: Path) -> None:
    """A zarr array: a byte chooses the description of version 3, that of version 2, or a chunk; the rest is it."""
    which = data[0] % 3 if data else 0
    path = folder / "x.zarr"
    written(path, "c/0/0", data[1:] if which == 2 else bytes(96))
    written(path, "0.0", bytes(96))
    if which == 1:
        written(path, ".zarray", data[1:])
    else:
        written(path, "zarr.json", data[1:] if which == 0 else ZARR.encode())
    vectors(path)


ZARR = json.dumps(
    {
        "shape": [4, 3],
        "data_type": "float64",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 3]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "attributes": {},
        "zarr_format": 3,
        "node_type": "array",
    }
)


@cache
def sampler_arrays() -> dict[str, bytes]:
    """The arrays of a small sampler's file, each as a .npy file."""
    x = np.random.default_rng(0).normal(size=(50, 2))
    sampler = SAMPLERS["normal"]().fit(x)
    head = {"format": 1, "sampler": "normal", "settings": {"temperature": 1.0}}
    arrays = {"head": np.array(json.dumps(head)), **sampler.distribution_.arrays}
    found = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        found[name] = buffer.getvalue()
    return found


def tiny_network() -> Autoencoder:
    settings = AutoencoderSettings(channels=(2,), kernel=2, latent=2)
    return Autoencoder(Architecture.of((4, 4, 1), settings))


@cache
def saved_network() -> dict[str, bytes]:
    """The two files of a trained network."""
    network = tiny_network()
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    model = {"architecture": network.architecture.to_json(), "loss": 0.5}
    return {"model.json": json.dumps(model).encode(), "weights.safetensors": safetensors.numpy.save(weights)}


def torch_zip(pickled: bytes) -> bytes:
    """PyTorch's file around a pickle that refers to one storage of four numbers."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", bytes(16))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


HARNESSES: dict[str, Harness] = {
    "npy": npy,
    "npz": npz,
    "npz_member": npz_member,
    "parquet": parquet,
    "safetensors": safetensors_file,
    "toml": toml,
    "json": json_file,
    "picture": picture,
    "zip": zip_file,
    "celeba": celeba,
    "celeba_csv": celeba_csv,
    "tar": tar,
    "image_parquet": image_parquet,
    "idx": idx,
    "nested_zip": nested_zip,
    "foreign": foreign,
    "checkpoint": checkpoint,
    "zarr": zarr,
    "hdf5": hdf5,
    "text": text,
    "arrow": arrow,
    "packed": packed,
    "tensors": tensors,
}
torch.set_num_threads(1)
