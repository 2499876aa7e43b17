"""Files that hold pictures in a form that is not read here: what each is, and how to make one that is.

Pickles are never opened: to open one runs whatever is in it. The commands below do so, in the hands of whoever trusts
the file.
"""

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zpoints.errors import SourceError
from zpoints.images.naming import is_picture, suffix

__all__ = ["advice_on", "refuse_foreign"]

HEAD = 4096
"""Bytes of a file by which its kind is known."""
LINE = 2**20
"""Bytes of the first line of a table."""
SAMPLES = 8
"""So many files of a folder are looked into, where no name tells."""
LONGEST = 120
"""Characters of a path that stands in a command."""


@dataclass(frozen=True)
class Form:
    """A kind of file that is not read.

    Attributes
    ----------
    what : the words for it.
    how : the command that makes a readable one; ``{file}`` and ``{stem}`` stand for the file's own name.
    names : matches names of such files, in small letters.
    magic : with which such a file begins.
    at : where in the file that stands.
    folder : whether the command is given the folder of the file.
    """

    what: str
    how: str
    names: str = r"(?!)"
    magic: tuple[bytes, ...] = ()
    at: int = 0
    folder: bool = False

    def is_called(self, name: str) -> bool:
        """Whether a file of that name is of this kind."""
        return re.fullmatch(self.names, name.rpartition("/")[2].lower()) is not None

    def begins(self, head: bytes) -> bool:
        """Whether a file with these first bytes is of this kind."""
        return any(head[self.at : self.at + len(magic)] == magic for magic in self.magic)

    def line(self, file: str) -> str:
        """What it is and what to do, for a file of that name."""
        stem = re.sub(r"\.[a-z0-9]+$", "", Path(file).name, flags=re.IGNORECASE) or "pictures"
        name, short = _quoted(file), _quoted(stem)
        return f"{self.what}; {self.how.replace('{file}', name).replace('{stem}', short)}"


def _quoted(name: str) -> str:
    """A name that may stand in a command; a long or an odd one is a word to be replaced."""
    plain = name.isprintable() and len(name) <= LONGEST and not set(name) & set("'\"\\`$")
    return shlex.quote(name).strip("'") if plain else "FILE"


def _python(code: str) -> str:
    return f'python -c "{code}"'


_CIFAR = "convert them, if you trust them, and name cifar.npz: " + _python(
    "import glob, pickle, numpy as np; "
    "r = lambda p: [pickle.load(open(f, 'rb'), encoding='bytes') for f in sorted(glob.glob('{file}/' + p))]; "
    "np.savez('cifar.npz', **{'xy'[k] + s: np.concatenate([(d[b'data'].reshape(-1, 3, 32, 32), d[b'labels'])[k] "
    "for d in r(p)]) for s, p in (('_train', 'data_batch*'), ('_test', 'test_batch')) if r(p) for k in (0, 1)})"
)
FORMS = (
    Form(
        "an LMDB of pictures (LSUN's form)",
        "pip install lmdb, then write its pictures into a folder: "
        + _python(
            "import lmdb, os; os.makedirs('{stem}_pictures'); "
            "[open('{stem}_pictures/%08d' % i, 'wb').write(v) "
            "for i, (k, v) in enumerate(lmdb.open('{file}', readonly=True, lock=False).begin().cursor())]"
        ),
        names=r"data\.mdb|.*\.l?mdb",
        magic=(b"\xde\xc0\xef\xbe",),
        at=16,
        folder=True,
    ),
    Form(
        "batches of CIFAR as Python pickles, which are never opened here",
        _CIFAR,
        names=r"(data|test)_batch(_\d+)?",
        folder=True,
    ),
    Form(
        "a file of PyTorch, a pickle that is never opened here",
        "save its pictures as an array: "
        + _python(
            "import torch, numpy as np; np.save('{stem}.npy', torch.load('{file}', weights_only=True).numpy())"
        ),
        names=r".*\.(pt|pth|ckpt)|data\.pkl",
    ),
    Form(
        "a Python pickle, which is never opened here, since that runs whatever is in it",
        "if you trust it, save its pictures as an array (N, height, width, channels): "
        + _python(
            "import pickle, numpy as np; np.save('{stem}.npy', np.asarray(pickle.load(open('{file}', 'rb'))))"
        ),
        names=r".*\.(pkl|pickle|pk|joblib)",
        magic=(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
    ),
    Form(
        "TensorFlow records",
        "pip install tfrecord, then write the pictures into a folder (their key may be image_raw): "
        + _python(
            "from tfrecord.reader import tfrecord_loader as t; import os; os.makedirs('{stem}'); "
            "[open('{stem}/%08d' % i, 'wb').write(bytes(r['image/encoded'])) "
            "for i, r in enumerate(t('{file}', None))]"
        ),
        names=r".*\.tfrecords?(-.*)?|.*\.tfrec|.*\.tfrecord\.gz",
    ),
    Form(
        "a MATLAB file",
        "save its pictures as an array; for SVHN's X of (height, width, channels, N): "
        + _python(
            "import numpy as np, scipy.io as s; m = s.loadmat('{file}'); "
            "np.savez('{stem}.npz', images=m['X'].transpose(3, 0, 1, 2), labels=m['y'].ravel())"
        ),
        names=r".*\.mat",
        magic=(b"MATLAB 5.0", b"MATLAB 7.3"),
    ),
    Form(
        "an HDF5 file",
        "save its pictures as an array (print(list(f)) shows the names in it): "
        + _python("import h5py, numpy as np; f = h5py.File('{file}'); np.save('{stem}.npy', f['images'][:])"),
        names=r".*\.(h5|hdf5|hdf|he5)",
        magic=(b"\x89HDF\r\n\x1a\n",),
    ),
    Form(
        "an Arrow file",
        "write it as Parquet: "
        + _python("import datasets; datasets.Dataset.from_file('{file}').to_parquet('{stem}.parquet')"),
        names=r".*\.(arrow|feather)",
        magic=(b"ARROW1",),
    ),
    Form(
        "records of MXNet",
        "write its pictures into a folder with mxnet.recordio.MXIndexedRecordIO",
        names=r".*\.rec",
    ),
    Form(
        "a video",
        "write its frames into a folder: mkdir {stem}_frames && ffmpeg -i '{file}' {stem}_frames/%06d.png",
        names=r".*\.(mp4|m4v|mov|avi|mkv|webm|mpg|mpeg|wmv|flv)",
        magic=(b"ftyp",),
        at=4,
    ),
    Form(
        "a 7z archive",
        "unpack it (of parts .001, .002 ... the first one): 7z x '{file}' -o{stem}; then name that folder",
        names=r".*\.7z(\.\d+)?",
        magic=(b"7z\xbc\xaf\x27\x1c",),
    ),
    Form(
        "a RAR archive",
        "unpack it: unrar x '{file}'; then name the folder",
        names=r".*\.rar",
        magic=(b"Rar!\x1a",),
    ),
    Form(
        "packed with Zstandard",
        "unpack it: unzstd '{file}'; then name what comes out",
        names=r".*\.(zst|tzst)",
        magic=(b"\x28\xb5\x2f\xfd",),
    ),
    Form(
        "a database of SQLite",
        "write its pictures into a folder with Python's sqlite3",
        names=r".*\.(sqlite3?|db)",
        magic=(b"SQLite format 3\0",),
    ),
    Form(
        "a PDF",
        "write its pages into a folder: mkdir {stem}_pages && pdftoppm -png '{file}' {stem}_pages/page",
        names=r".*\.pdf",
        magic=(b"%PDF-",),
    ),
)
"""All forms that are known, the more special ones first."""
TABLES = ("csv", "tsv")


def refuse_foreign(name: str, path: Path, files: Sequence[str]) -> None:
    """Say how to convert what a folder or an archive without pictures holds.

    Raises
    ------
    SourceError : it holds files of a known form that is not read here.
    """
    form, file = _found(path, files)
    if form is None:
        return
    inside = path.is_file()
    line = form.line(file if inside else str(path / file))
    if inside:
        line = line.replace("; ", "; unpack it, then, for what is inside: ", 1)
    raise SourceError(f"{name:.200}: holds {line}")


def _found(path: Path, files: Sequence[str]) -> tuple[Form | None, str]:
    """The first form that a file's name tells of, else its first bytes; and the file."""
    for form in FORMS:
        for file in files:
            if form.is_called(file):
                return form, str(Path(file).parent) if form.folder else file
    for file in [] if path.is_file() else files[:SAMPLES]:
        head = _head(path / file)
        if begun := next((form for form in FORMS if form.begins(head)), None):
            return begun, str(Path(file).parent) if begun.folder else file
    return None, ""


def advice_on(path: Path) -> str:
    """What a file is that is no source, and how to make one of it; empty if that is not known."""
    head = _head(path)
    if is_picture(path.name):
        return "one picture; name the folder that it lies in"
    if suffix(path.name) in TABLES:
        return _table(path, _head(path, LINE).partition(b"\n")[0])
    known = [form for form in FORMS if form.begins(head)] or [
        form for form in FORMS if form.is_called(path.name)
    ]
    return known[0].line(str(path.parent if known[0].folder else path)) if known else ""


def _head(path: Path, size: int = HEAD) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _table(path: Path, line: bytes) -> str:
    """Pixels as numbers in a text: one picture a row."""
    name, stem = _quoted(str(path)), _quoted(path.stem)
    names = line.decode("utf-8", "replace").strip().split(",")
    if "pixels" in names:  # FER2013's form
        return "a table with pixels as text; write them as an array: " + _python(
            f"import numpy as np, pandas as pd; t = pd.read_csv('{name}'); "
            "x = np.array([np.fromstring(p, np.uint8, sep=' ') for p in t.pixels]); s = int(x.shape[1] ** 0.5); "
            f"np.save('{stem}.npy', x.reshape(-1, s, s))"
        )
    side = math.isqrt(len(names))
    if side < 4:
        return (
            "a table; if a row is a picture, save the pixels as an array (N, height, width) with numpy.save"
        )
    label = len(names) - side**2 == 1
    values = "t.iloc[:, 1:]" if label else "t"
    more = ", labels=t.iloc[:, 0]" if label else ""
    header = "" if any(re.search("[a-zA-Z]", field) for field in names) else ", header=None"
    return f"a table of {len(names)} columns; if a row is a picture, write them as an array: " + _python(
        f"import numpy as np, pandas as pd; t = pd.read_csv('{name}'{header}); "
        f"np.savez('{stem}.npz', images={values}.to_numpy('uint8').reshape(-1, {side}, {side}){more})"
    )
