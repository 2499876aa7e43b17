"""A run: the places of its files, the record of what is done, and what was found, opened when it is asked for."""

import platform
from dataclasses import replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zpoints.config import Settings
from zpoints.errors import StageError, UsageError
from zpoints.files.documents import read_json, write_json
from zpoints.files.settings import load_settings
from zpoints.run.paths import Paths, is_record
from zpoints.run.words import in_html, in_words
from zpoints.system.budget import current
from zpoints.system.limits import ram_limit
from zpoints.system.meter import processor_name
from zpoints.system.notebook import explored
from zpoints.system.sizes import MIB

if TYPE_CHECKING:
    import numpy as np

    from zpoints.analysis.result import Analysis
    from zpoints.images.store import ImageStore
    from zpoints.judging.result import Judgement
    from zpoints.models.codec import Codec
    from zpoints.samplers import Sampler
    from zpoints.vectors.latent_set import LatentSet

__all__ = ["FORMAT", "Run"]

FORMAT = 2
"""Of run.json. A record without this number is one of the first edition."""
PACKAGES = ("zpoints", "torch", "numpy", "scipy", "numba", "scikit-learn", "pillow", "lightning-fabric")


class Run:
    """A run's folder and settings, and its results.

    Parameters
    ----------
    folder : where the run lies, or shall lie.
    settings : None opens a run that is there, with the settings in its ``config.toml``.

    Attributes
    ----------
    paths : the places of its files, a `Paths`.
    store, codec, latents, analysis, scores : what its stages made, opened at first use.

    Raises
    ------
    UsageError : no settings are given, and the folder is not that of a run.

    Examples
    --------
    >>> import zpoints as zp
    >>> run = zp.Run("runs/faces")  # doctest: +SKIP
    >>> run.analysis.planes.head()  # doctest: +SKIP
    >>> z = run.sampler("ellipse").sample(8, seed=1)  # doctest: +SKIP
    >>> run.codec.decode(z).shape  # doctest: +SKIP
    (8, 64, 64, 3)
    """

    def __init__(self, folder: str | Path, settings: Settings | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self.paths = Paths(self.folder)
        self.settings = settings or _settings_in(self.paths.config)

    @property
    def record(self) -> dict[str, Any]:
        """What run.json says; empty stages if there is none.

        Raises
        ------
        StageError : the file is no record of stages.
        """
        path = self.paths.record
        content = read_json(path) if path.is_file() else {"format": FORMAT, "stages": {}}
        if not is_record(content):
            raise StageError(f"{path}: is no record of stages; delete it, and they are done anew")
        return content

    def begin(self) -> None:
        """Mark the folder as that of a run, before anything else is written there."""
        if not self.paths.record.is_file():
            self.write_record({}, {})

    def write_record(self, stages: dict[str, Any], parts: dict[str, Any]) -> None:
        """Write run.json: the entries of finished `stages`, and which `parts` of stages are done."""
        limit, budget = ram_limit(), current()
        content = {
            "format": FORMAT,
            "name": self.settings.name,
            "seed": self.settings.seed,
            "python": platform.python_version(),
            "system": platform.platform(),
            "processor": processor_name(),
            "ram_limit_mib": round(limit.size / MIB, 1) if limit else None,
            "ram_limit_of": limit.where if limit else None,
            "ram_budget_mib": round(budget.ram / MIB, 1) if budget.ram else None,
            "ram_budget_of": budget.ram_of,
            "vram_budget_mib": round(budget.vram / MIB, 1) if budget.vram else None,
            "versions": {name: found for name in PACKAGES if (found := _version(name))},
            "stages": stages,
            "parts": parts,
        }
        write_json(self.paths.record, content)

    @cached_property
    def store(self) -> "ImageStore":
        """The prepared pictures."""
        from zpoints.images.store import ImageStore

        return ImageStore.open(self.paths.images)

    @cached_property
    def codec(self) -> "Codec":
        """The trained model: ``encode`` pictures, ``decode`` vectors."""
        from zpoints.models.kinds import open_codec

        return open_codec(self.paths.model, self.settings.training)

    @cached_property
    def latents(self) -> "LatentSet":
        """The z-points of all pictures, one row per picture."""
        from zpoints.vectors.latent_set import LatentSet

        return LatentSet.open(self.paths.latents)

    @cached_property
    def analysis(self) -> "Analysis":
        """What was measured of the training pictures' z-points, and these with it, for samplers that need them."""
        from zpoints.analysis.result import Analysis
        from zpoints.vectors.latent_set import LatentSet

        vectors = LatentSet.open(self.paths.latents, self.store.rows("train"))
        return replace(Analysis.load(self.paths.analysis), latents=vectors)

    @cached_property
    def scores(self) -> "Judgement":
        """The judge's table, as in ``scores.json``."""
        from zpoints.judging.result import Judgement

        return Judgement.read(self.paths.judging / "scores.json")

    def sampler(self, method: str) -> "Sampler":
        """One of the run's samplers, fitted: `method` is its name."""
        from zpoints.samplers import Sampler

        return Sampler.load(self.paths.samples(method) / "sampler.npz")

    def samples(self, method: str) -> "np.ndarray":
        """The vectors that the sampler `method` drew, (count, d) float32, a memory map."""
        from zpoints.files.numpy_files import open_array

        return open_array(self.paths.samples(method) / "z.npy")

    def pictures(self, method: str) -> "np.ndarray":
        """Those of `method` decoded, (count, height, width, colours) uint8, a memory map."""
        from zpoints.files.numpy_files import open_array

        return open_array(self.paths.samples(method) / "pictures.npy")

    def explore(self, port: int = 0) -> Any:
        """The explorer on `port` (0: a free one), a page in which one moves through latent space; see `explore`."""
        return explored(self, port=port)

    def __repr__(self) -> str:
        return in_words(self.paths)

    def _repr_html_(self) -> str:
        return in_html(self.paths)


def _settings_in(config: Path) -> Settings:
    if not config.is_file():
        raise UsageError(
            f"{config.parent}: not the folder of a run (no config.toml); make one with `zpoints run`"
        )
    return load_settings(config)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
