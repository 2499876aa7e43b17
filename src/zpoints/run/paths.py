"""Where the files of a run lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Paths", "is_record"]


@dataclass(frozen=True)
class Paths:
    """Where the files of a run lie.

    Attributes
    ----------
    folder : the run's folder.
    """

    folder: Path

    @property
    def config(self) -> Path:
        """All settings."""
        return self.folder / "config.toml"

    @property
    def record(self) -> Path:
        """What is done, under which key, and what it took."""
        return self.folder / "run.json"

    @property
    def images(self) -> Path:
        """Folder of pixels.npy, index.parquet, rejected.csv."""
        return self.folder / "images"

    @property
    def model(self) -> Path:
        """Folder of the trained model."""
        return self.folder / "model"

    @property
    def latents(self) -> Path:
        """The z-points of all pictures."""
        return self.folder / "latents" / "z.npy"

    @property
    def analysis(self) -> Path:
        """Folder of analysis.json, components.parquet, planes.parquet, distribution.npz."""
        return self.folder / "analysis"

    def samples(self, method: str) -> Path:
        """Folder of one sampler: sampler.npz, z.npy, pictures.npy, grid.png."""
        return self.folder / "samples" / method

    @property
    def judging(self) -> Path:
        """Folder of scores.json, and of the nearest training pictures of each sampler's."""
        return self.folder / "judging"

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report" / "index.html"


def is_record(content: dict[str, Any]) -> bool:
    """Whether this is what a run.json of ours holds."""
    stages, parts = content.get("stages"), content.get("parts", {})
    return (
        isinstance(stages, dict)
        and isinstance(parts, dict)
        and all(
            isinstance(stage, dict) and "key" in stage and isinstance(stage.get("seconds"), int | float)
            for stage in stages.values()
        )
        and all(
            isinstance(part, dict) and "key" in part and isinstance(part.get("seconds"), int | float)
            for of_stage in parts.values()
            if isinstance(of_stage, dict)
            for part in of_stage.values()
        )
    )
