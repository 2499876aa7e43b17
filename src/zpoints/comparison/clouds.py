"""What one pass over a cloud keeps for its comparison with another."""

import functools
from dataclasses import dataclass, replace
from functools import cached_property, partial
from operator import add
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int

from zpoints.analysis.checks import living_of, refuse_not_finite
from zpoints.analysis.readings import picked
from zpoints.errors import ArrayError
from zpoints.statistics.fingerprints import Dealt, deal, fingerprints
from zpoints.statistics.living import Living
from zpoints.statistics.location import Lengths
from zpoints.statistics.moments import Moments
from zpoints.system.progress import Progress
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import Numbered, Through, collect, reduce, rows

__all__ = ["PARTS", "Cloud", "check_size", "dealt"]

PARTS = 8  # random parts of each cloud, of which halves are put together
LEAST = 10 * PARTS  # vectors that a cloud must have
SAMPLE, SAMPLE_NUMBERS = 20_000, 8_000_000  # vectors of each cloud kept in memory, and numbers in them


def check_size(latents: LatentSet) -> None:
    """Refuse clouds that cannot be halved in several ways.

    Raises
    ------
    ArrayError : fewer than 80 vectors.
    """
    if latents.n < LEAST:
        raise ArrayError(f"{latents.name}: {latents.n} vectors; a comparison needs at least {LEAST}")


def dealt(
    a: LatentSet, b: LatentSet, seed: int, size: int | None = None, progress: Progress | None = None
) -> tuple[Dealt, Dealt]:
    """Read both clouds once, and deal their vectors by content: one that stands twice falls in one part."""
    first, second = (
        collect(latents, fingerprints, size=size, label="compare: equal vectors", progress=progress)
        for latents in (a, b)
    )
    return deal(first, second, PARTS, np.random.default_rng([seed, 2]))


@dataclass(frozen=True, eq=False)
class Cloud:
    """What one pass keeps: moments of random parts, lengths, and a random sample with the part of each vector.

    `living` says which of all components are constant; `numbers` are those that this cloud is about; `shared` marks
    the sampled vectors that stand in the other cloud too.
    """

    name: str
    living: Living
    numbers: Int[np.ndarray, " d"]
    parts: list[Moments]
    lengths: Lengths
    sample: Float[np.ndarray, "m d"]
    part: Int[np.ndarray, " m"]
    shared: Bool[np.ndarray, " m"]

    @classmethod
    def read(
        cls,
        latents: LatentSet,
        random: np.random.Generator,
        known: Dealt | None = None,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Go once through the vectors; `random` deals out the parts and the sample, or `known` has dealt them.

        Raises
        ------
        ArrayError : NaN or infinity, values too large, all vectors the same; see also `check_size`.
        """
        count = min(latents.n, SAMPLE, max(SAMPLE_NUMBERS // latents.dimension, 2000))
        # Dealt out beforehand: which part a vector belongs to does not depend on the blocks.
        if known is None:
            order = np.sort(random.choice(latents.n, count, replace=False))
            part = np.resize(np.arange(PARTS, dtype=np.uint8), latents.n)
            random.shuffle(part)
        else:
            order, part = known.sample(count), known.part
        chosen = np.sort(order)
        questions = (
            tuple(Numbered(partial(_moments_of_part, part, p)) for p in range(PARTS)),
            _lengths,
            rows(picked(chosen)),
        )
        with np.errstate(over="ignore", invalid="ignore"):  # found at the end
            parts, lengths, sample = reduce(
                latents,
                Through(Numbered(partial(_finite, latents)), questions),
                size=size,
                besides=8 * PARTS * latents.dimension**2,
                label="compare",
                progress=progress,
            )
            kept = sample.array()[np.searchsorted(chosen, order)]
            living = living_of(latents, functools.reduce(add, parts), kept[0])
        every = np.arange(latents.dimension)
        shared = np.zeros(count, bool) if known is None else known.shared[order]
        return cls(latents.name, living, every, list(parts), lengths, kept, part[order], shared)

    def of_components(
        self, numbers: Int[np.ndarray, " c"], latents: LatentSet, size: int | None = None
    ) -> Self:
        """The same of these components alone; reads the vectors again where others add to their lengths."""
        if len(numbers) == len(self.numbers):
            return self
        others = np.setdiff1d(self.numbers, numbers)
        lengths = self.lengths
        if self.moments.mean[others].any() or self.moments.std[others].any():
            lengths = reduce(latents.of_components(numbers), _lengths, size=size)
        parts = [moments.of_components(numbers) for moments in self.parts]
        return replace(self, numbers=numbers, parts=parts, lengths=lengths, sample=self.sample[:, numbers])

    @cached_property
    def moments(self) -> Moments:
        """Of all vectors."""
        return functools.reduce(add, self.parts)

    def some(self, chosen: Int[np.ndarray, " parts"]) -> Moments:
        """Of the parts where `chosen` is positive."""
        return functools.reduce(
            add, [moments for moments, keep in zip(self.parts, chosen, strict=True) if keep > 0]
        )

    @cached_property
    def fitted(self) -> Moments:
        """Of the first half of the parts, to which normals are fitted."""
        return functools.reduce(add, self.parts[: PARTS // 2])

    @property
    def held_out(self) -> Float[np.ndarray, "m d"]:
        """Sampled vectors of the other parts."""
        return self.sample[self.part >= PARTS // 2]

    @property
    def unknown(self) -> Float[np.ndarray, "m d"]:
        """Sampled vectors that no normal of the other cloud's first half was fitted to."""
        return self.sample[~self.shared | (self.part >= PARTS // 2)]


def _finite(latents: LatentSet, start: int, block: np.ndarray) -> Float[np.ndarray, "m d"]:
    """The block in float64."""
    x = np.asarray(block, np.float64)
    if not np.isfinite(x).all():
        refuse_not_finite(latents, x, start)
    return x


def _moments_of_part(
    part: Int[np.ndarray, " n"], number: int, start: int, x: Float[np.ndarray, "m d"]
) -> Moments | None:
    mine = part[start : start + len(x)] == number
    with np.errstate(over="ignore", invalid="ignore"):
        return Moments.of(x[mine]) if mine.any() else None


def _lengths(x: Float[np.ndarray, "m d"]) -> Lengths:
    with np.errstate(over="ignore", invalid="ignore"):
        return Lengths.of(x)
