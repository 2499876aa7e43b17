"""Files of all formats whose readers are sent to workers as descriptions."""

import gzip

import numpy as np
import pandas as pd


def write(folder, suffix, x):
    """Write vectors; the path."""
    path = folder / f"z.{suffix}"
    if suffix == "npy":
        np.save(path, x)
    elif suffix == "npz":
        np.savez(path, z=x)
    elif suffix == "npy.gz":
        with gzip.open(path, "wb") as file:
            np.save(file, x)
    elif suffix == "safetensors":
        from safetensors.numpy import save_file

        save_file({"z": x}, path)
    elif suffix == "zarr":
        import zarr

        zarr.create_array(path, data=x, chunks=(64, 3))
    elif suffix == "hdf5":
        import h5py

        with h5py.File(path, "w") as file:
            file["z"] = x
    else:
        frame = pd.DataFrame(x, columns=["a", "b", "c"])
        if suffix == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, row_group_size=130)
    return path
