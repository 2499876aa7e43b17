"""What one pass over a cloud keeps for its comparison with another."""

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from zpoints.analysis.checks import check_moments, refuse_not_finite
from zpoints.errors import ArrayError
from zpoints.statistics.location import Lengths
from zpoints.statistics.moments import Moments
from zpoints.system.progress import Task
from zpoints.vectors.latent_set import LatentSet

__all__ = ["PARTS", "Cloud"]

PARTS = 8  # random parts of each cloud, of which halves are put together
LEAST = 10 * PARTS  # vectors that a cloud must have
SAMPLE, SAMPLE_NUMBERS = 20_000, 8_000_000  # vectors of each cloud kept in memory, and numbers in them


@dataclass(frozen=True, eq=False)
class Cloud:
    """What one pass keeps: moments of random parts, lengths, and a random sample with the part of each vector."""

    name: str
    parts: list[Moments]
    lengths: Lengths
    sample: Float[np.ndarray, "m d"]
    part: Int[np.ndarray, " m"]

    @classmethod
    def read(cls, latents: LatentSet, size: int, random: np.random.Generator, task: Task) -> Self:
        """Go once through the vectors, in blocks of `size`; `random` deals out the parts and the sample.

        Raises
        ------
        ArrayError : fewer than 80 vectors, NaN or infinity, values too large, a constant component.
        """
        if latents.n < LEAST:
            raise ArrayError(f"{latents.name}: {latents.n} vectors; a comparison needs at least {LEAST}")
        count = min(latents.n, SAMPLE, max(SAMPLE_NUMBERS // latents.dimension, 2000))
        chosen = np.sort(random.choice(latents.n, count, replace=False))
        # Dealt out beforehand: which part a vector belongs to does not depend on the blocks.
        part = np.resize(np.arange(PARTS, dtype=np.uint8), latents.n)
        random.shuffle(part)
        parts: dict[int, Moments] = {}
        lengths, sample, start = Lengths(0, 0.0, 0.0), [], 0
        for block in latents.blocks(size):
            x = np.asarray(block, np.float64)
            if not np.isfinite(x).all():
                refuse_not_finite(latents, x, start)
            here = part[start : start + len(x)]
            with np.errstate(over="ignore", invalid="ignore"):  # found at the end
                for p in np.unique(here).tolist():
                    moments = Moments.of(x[here == p])
                    parts[p] = parts[p] + moments if p in parts else moments
                lengths = lengths + Lengths.of(x)
            low, high = np.searchsorted(chosen, (start, start + len(x)))
            sample.append(x[chosen[low:high] - start])
            start += len(x)
            task.advance(len(x))
        cloud = cls(
            latents.name,
            [parts[p] for p in range(PARTS)],
            lengths,
            np.concatenate(sample),
            part[chosen],
        )
        with np.errstate(over="ignore", invalid="ignore"):
            check_moments(latents, cloud.moments, "drop it in both clouds")
        return cloud

    @cached_property
    def moments(self) -> Moments:
        """Of all vectors."""
        return reduce(add, self.parts)

    def some(self, chosen: Int[np.ndarray, " parts"]) -> Moments:
        """Of the parts where `chosen` is positive."""
        return reduce(add, [moments for moments, keep in zip(self.parts, chosen, strict=True) if keep > 0])

    @cached_property
    def fitted(self) -> Moments:
        """Of the first half of the parts, to which normals are fitted."""
        return reduce(add, self.parts[: PARTS // 2])

    @property
    def held_out(self) -> Float[np.ndarray, "m d"]:
        """Sampled vectors of the other parts."""
        return self.sample[self.part >= PARTS // 2]
