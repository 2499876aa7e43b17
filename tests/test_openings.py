"""A package of others with one sampler, one source, one array format and one codec, each a single file.

Found by entry points, they are at home: in ``--help``, in TOML, in a whole run, in the report and in Python, and not
a line of zpoints knows them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zpoints.files.numpy_files import load_npz

FILES = {
    "spiral.py": '''
"""A sampler: the mean, and noise of a width of its own."""

import numpy as np

from zpoints.samplers import Sampler
from zpoints.samplers.checks import check_number


class Spiral(Sampler):
    """Draws around the mean."""

    name = "spiral"
    summary = "Around the mean, {turns:g} turns of a spiral."

    def __init__(self, turns=2.0, *, temperature=1.0, random_state=None):
        super().__init__(temperature=temperature, random_state=random_state)
        self.turns = turns

    def _check(self):
        check_number(self, "turns", above=0)

    def _draw(self, n, random):
        share = random.random((n, 1))
        angle = 2 * np.pi * self.turns * share + np.arange(self.n_features_in_)
        return self.distribution_.mean + self.temperature * share * self.distribution_.std * np.cos(angle)

    def _log_density(self, z):
        return np.zeros(len(z))
''',
    "stripes.py": '''
"""A source: pictures of stripes."""

import numpy as np
from PIL import Image

from zpoints.images.source import Source


class Stripes(Source):
    """Stripes of any width, place and colour."""

    word = name = "stripes"
    picture_size = (16, 16)
    channels = 3

    def __init__(self, count):
        self.count = count

    @classmethod
    def of(cls, text, options):
        return cls(options.count or 200)

    def __len__(self):
        return self.count

    def describe(self):
        return f"{self.count} pictures of stripes"

    def fingerprint(self):
        return "stripes 1"

    def label(self, item):
        return f"stripe {item}"

    def openers(self, start, stop):
        return [lambda item=item: self._picture(item) for item in range(start, stop)]

    def _picture(self, item):
        random = np.random.default_rng(item)
        wave = np.sin(np.arange(16) * random.uniform(0.2, 1.2) + random.uniform(0, 6))[:, None, None]
        pixels = 127 + 100 * wave * random.uniform(-1, 1, 3) + random.normal(0, 6, (16, 16, 3))
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
''',
    "floats.py": '''
"""An array format: float32 and nothing else, the number of components in the name, as in z.8.floats."""

import numpy as np

from zpoints.files.arrays import Reader


class Floats(Reader):
    """Numbers, one after the other."""

    suffixes = (".floats",)

    def __init__(self, path):
        self.values = np.memmap(path, np.float32, "r").reshape(-1, int(path.suffixes[-2][1:]))
        self.shape, self.dtype = self.values.shape, self.values.dtype

    def __getitem__(self, rows):
        return np.asarray(self.values[rows])
''',
    "averages.py": '''
"""A model: each picture is the averages of its four quarters, and comes back as these."""

import numpy as np

from zpoints.models.codec import CodecKind, read_model, save_model


class Averages:
    """The averages of the quarters, colour by colour."""

    kind = "averages"

    def __init__(self, shape):
        self.shape = tuple(shape)
        self.latent_shape = (2, 2, self.shape[2])
        self.dimension = 4 * self.shape[2]
        self.key = f"averages {self.shape}"

    def encode(self, pictures):
        n, (h, w, c) = len(pictures), self.shape
        quarters = pictures.reshape(n, 2, h // 2, 2, w // 2, c).mean(axis=(2, 4))
        return (quarters.reshape(n, -1) / 255).astype(np.float32)

    def decode(self, z):
        h, w, _ = self.shape
        quarters = np.asarray(z).reshape(-1, *self.latent_shape)
        pictures = quarters.repeat(h // 2, axis=1).repeat(w // 2, axis=2)
        return (255 * pictures).clip(0, 255).astype(np.uint8)

    def bytes_for(self, n):
        return 16 * n * int(np.prod(self.shape))


class AveragesKind(CodecKind):
    """There is nothing to learn but the shape."""

    name = "averages"

    def train(self, store, out, settings, progress):
        save_model(out, self.name, {"shape": list(store.shape)})
        return Averages(store.shape)

    def open(self, folder, training):
        return Averages(read_model(folder)["shape"])


KIND = AveragesKind()
''',
}
POINTS = {
    "zpoints.samplers": "spiral = brought.spiral:Spiral",
    "zpoints.sources": "stripes = brought.stripes:Stripes",
    "zpoints.arrays": "floats = brought.floats:Floats",
    "zpoints.codecs": "averages = brought.averages:KIND",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and what pip would have written of it."""
    folder = tmp_path_factory.mktemp("site")
    package, info = folder / "brought", folder / "brought-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text("")
    for name, code in FILES.items():
        (package / name).write_text(code.lstrip())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "".join(f"[{group}]\n{point}\n" for group, point in POINTS.items())
    )
    return folder


def zpoints(installed: Path, *arguments: object, status: int = 0) -> str:
    """What a command says, both streams together, where the package is installed."""
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "zpoints", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200", "TERM": "dumb"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def test_a_foreign_array_format_is_analysed(installed: Path, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    z.tofile(tmp_path / "z.4.floats")
    zpoints(installed, "analyse", tmp_path / "z.4.floats", tmp_path / "analysis", "--quiet")
    assert (tmp_path / "analysis" / "analysis.json").is_file()
    (tmp_path / "z.other").write_text("1,2")
    said = zpoints(installed, "analyse", tmp_path / "z.other", tmp_path / "a", status=1)
    assert "or .floats" in said


@pytest.mark.slow
def test_a_foreign_sampler_draws_and_is_proposed(installed: Path, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    zpoints(installed, "analyse", tmp_path / "z.npy", tmp_path / "analysis", "--quiet")
    zpoints(
        installed, "sample", tmp_path / "analysis", tmp_path / "out", "--method", "spiral", "--count", "9"
    )
    assert np.load(tmp_path / "out" / "z.npy").shape == (9, 4)
    said = zpoints(
        installed, "sample", tmp_path / "analysis", tmp_path / "out", "--method", "spirl", status=2
    )
    assert "did you mean 'spiral'?" in said


def test_foreign_pictures_are_prepared(installed: Path, tmp_path: Path) -> None:
    zpoints(installed, "prepare", "stripes", tmp_path / "images", "--set", "images.count=20", "--quiet")
    assert np.load(tmp_path / "images" / "pixels.npy").shape == (20, 16, 16, 3)
    said = zpoints(installed, "prepare", "no/such", tmp_path / "other", status=1)
    assert "'stripes'" in said


CONFIG = """
name = "brought"
seed = 1
[images]
source = "stripes"
count = 300
test = 0.1
[autoencoder]
kind = "averages"
[samples]
methods = ["normal", "spiral"]
count = 24
[samples.options.spiral]
turns = 3.0
[judge]
features = "pixels"
count = 20
[report]
sheet = 12
planes = 2
components = 4
"""


@pytest.mark.parametrize(
    ("command", "name"),
    [("sample", "spiral"), ("prepare", "stripes"), ("analyse", "floats"), ("train", "averages")],
)
def test_each_stands_in_the_help(installed: Path, command: str, name: str) -> None:
    assert name in zpoints(installed, command, "--help")


@pytest.mark.slow
def test_a_whole_run_with_all_four(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    run = tmp_path / "runs" / "brought"
    zpoints(installed, "run", tmp_path / "c.toml", "--out", run, "--quiet")
    assert json.loads((run / "model" / "model.json").read_text())["kind"] == "averages"
    assert np.load(run / "latents" / "z.npy").shape == (300, 12)
    head = json.loads(str(load_npz(run / "samples" / "spiral" / "sampler.npz")["head"]))
    assert head["settings"]["turns"] == 3.0
    assert np.load(run / "samples" / "spiral" / "pictures.npy").shape == (24, 16, 16, 3)
    assert "spiral" in json.loads((run / "judging" / "scores.json").read_text())["samplers"]
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "3 turns of a spiral" in page
    assert "300 pictures of stripes" in page
    # The same package's array format reads what other tools made of the run's vectors.
    z = np.load(run / "latents" / "z.npy")
    z.tofile(tmp_path / "z.12.floats")
    zpoints(installed, "analyse", tmp_path / "z.12.floats", tmp_path / "analysis", "--quiet")


def test_a_mistyped_option_of_a_foreign_sampler_is_one_line(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG.replace("turns", "turn"))
    said = zpoints(installed, "run", tmp_path / "c.toml", "--out", tmp_path / "out", "--quiet", status=2)
    assert "did you mean 'turns'?" in said
