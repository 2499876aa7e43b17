"""Files that hold vectors and are not read: one line says how to make one of them that is."""

from pathlib import Path

__all__ = ["advice"]

PICKLED = "pickles are never read, since they can run any program; if you trust it, convert it"
LINES = {
    ".pkl": (
        PICKLED,
        "import pickle, numpy; numpy.save('z.npy', numpy.asarray(pickle.load(open({path}, 'rb'))))",
    ),
    ".joblib": (PICKLED, "import joblib, numpy; numpy.save('z.npy', numpy.asarray(joblib.load({path})))"),
    ".mat": (
        "MATLAB's files are not read; convert it, with the name of the array in place of z",
        "import scipy.io, numpy; numpy.save('z.npy', scipy.io.loadmat({path})['z'])",
    ),
    ".txt": (
        "a text may hold anything; convert it",
        "import numpy; numpy.save('z.npy', numpy.loadtxt({path}))",
    ),
    ".xlsx": (
        "sheets are not read; convert it",
        "import pandas; pandas.read_excel({path}).to_parquet('z.parquet')",
    ),
    ".json": (
        "JSON is not read; convert it",
        "import pandas; pandas.read_json({path}).to_parquet('z.parquet')",
    ),
    ".jsonl": (
        "JSON is not read; convert it",
        "import pandas; pandas.read_json({path}, lines=True).to_parquet('z.parquet')",
    ),
    ".orc": ("ORC is not read; convert it", "import pandas; pandas.read_orc({path}).to_parquet('z.parquet')"),
}
SAME = {".pickle": ".pkl", ".p": ".pkl", ".dat": ".txt", ".xls": ".xlsx", ".ndjson": ".jsonl"}
MATLAB_7_3 = "import h5py, numpy; numpy.save('z.npy', h5py.File({path})['z'][:].T)"
"""MATLAB stores columns first, so that HDF5 shows its matrices transposed."""
HDF5 = b"\x89HDF\r\n\x1a\n"
BEGINNINGS = {
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz or .pt",
    b"PAR1": ".parquet",
    HDF5: ".h5",
    b"ARROW1": ".feather",
    b"MATLAB": ".mat",
    b"\x80": ".pkl",
}
"""How files of known formats begin, whatever they are called. A file that begins like a pickle may be one."""


def advice(path: Path) -> str | None:
    """How to make of a file one that is read, if that is known.

    Examples
    --------
    >>> advice(Path("z.mat"))[:57]
    "z.mat: MATLAB's files are not read; convert it, with the "
    >>> advice(Path("z.bin")) is None
    True
    """
    suffix = path.suffix.lower()
    suffix = SAME.get(suffix, suffix)
    start = _start(path)
    if suffix in LINES:
        why, code = LINES[suffix]
        if suffix == ".mat" and (start.startswith(HDF5) or b"MATLAB 7.3" in start):
            code = MATLAB_7_3
        return f'{path}: {why}: python -c "{code.format(path=repr(str(path)))}"'
    for begin, looks in BEGINNINGS.items():
        if start.startswith(begin):
            return f"{path}: looks like {looks}, but is not called so; rename it"
    return None


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(128)
    except OSError:  # a folder, or nothing that may be read
        return b""
