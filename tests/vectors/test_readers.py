"""Arrays with a shape are vectors in C order, whatever file they lie in; and some of the components."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import zarr

from zpoints.errors import ArrayError
from zpoints.vectors.latent_set import LatentSet

Z = np.random.default_rng(0).normal(size=(103, 2, 3, 4)).astype(np.float32)


def as_zarr(path: Path, z: np.ndarray) -> None:
    zarr.create_array(str(path), shape=z.shape, dtype=z.dtype, chunks=(10, 2, 2, 4))[:] = z


WRITERS = {
    "c.npy": np.save,
    "f.npy": lambda path, z: np.save(path, np.asfortranarray(z)),
    "stored.npz": lambda path, z: np.savez(path, z),
    "packed.npz": lambda path, z: np.savez_compressed(path, codes=z),
    "z.safetensors": lambda path, z: safetensors.numpy.save_file({"codes": z}, path),
    "z.zarr": as_zarr,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [7, 1000])
def test_every_format_as_vectors(tmp_path, name, size):
    WRITERS[name](tmp_path / name, Z)
    latents = LatentSet.open(tmp_path / name)
    assert (latents.n, latents.dimension, latents.latent_shape) == (103, 24, (2, 3, 4))
    np.testing.assert_array_equal(np.concatenate(list(latents.blocks(size))), Z.reshape(103, -1))
    rows = np.array([3, 9, 60])
    chosen = LatentSet.open(latents, rows)
    assert chosen.latent_shape == (2, 3, 4)
    np.testing.assert_array_equal(chosen.array(), Z[rows].reshape(3, -1))


def test_some_of_the_components():
    numbers = np.array([0, 5, 23])
    for latents in (LatentSet.open(Z), LatentSet.open(Z, np.arange(5, 50))):
        some = latents.of_components(numbers)
        assert (some.n, some.dimension, some.latent_shape) == (latents.n, 3, (3,))
        np.testing.assert_array_equal(some.array(), latents.array()[:, numbers])
        np.testing.assert_array_equal(some.head(2), latents.head(2)[:, numbers])


@pytest.mark.parametrize("shape", [(5, 0, 3), (5, 300, 300), (1, 2, 2)])
def test_shapes_that_are_refused(shape):
    with pytest.raises(ArrayError):
        LatentSet.open(np.zeros(shape, np.float32))
