"""What a sampler is fitted on: the measured distribution of vectors and, where they are at hand, the vectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from zpoints.analysis.analyse import measure_distribution
from zpoints.analysis.distribution import Distribution
from zpoints.analysis.result import Analysis
from zpoints.vectors.latent_set import LatentSet

__all__ = ["Points"]


@dataclass(frozen=True, eq=False)
class Points:
    """A distribution, and the vectors that it describes, if they are at hand."""

    distribution: Distribution
    vectors: LatentSet | None

    @classmethod
    def of(cls, source: Any, vectors: Any = None) -> Self:
        """Whatever a sampler's `fit` takes."""
        given = None if vectors is None else LatentSet.open(vectors)
        if isinstance(source, cls):
            return cls(source.distribution, source.vectors if given is None else given)
        if isinstance(source, Distribution):
            return cls(source, given)
        if isinstance(source, Analysis):
            return cls(source.distribution, source.latents if given is None else given)
        if isinstance(source, str | Path) and Path(source).name == "distribution.npz":
            return cls(Distribution.load(Path(source)), given)
        latents = LatentSet.open(source)
        return cls(measure_distribution(latents), latents)
