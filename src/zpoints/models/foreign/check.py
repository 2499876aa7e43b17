"""Is a model taken for what it is? Its reconstructions say so: other ranges, orders and axes are tried as well."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from zpoints.errors import ZPointsError
from zpoints.models.foreign.codec import ForeignCodec
from zpoints.models.foreign.pixels import from_model
from zpoints.models.foreign.recipe import Recipe, checked

__all__ = ["Tried", "Variant", "try_variants"]

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
RANGES: dict[str, dict[str, Any]] = {
    "values 0..1": {"range": (0.0, 1.0)},
    "values -1..1": {"range": (-1.0, 1.0)},
    "values 0..255": {"range": (0.0, 255.0)},
    "values -0.5..0.5": {"range": (-0.5, 0.5)},
    "values by ImageNet's mean and standard deviation": IMAGENET,
}
OUTPUTS: dict[str, Any] = {"output as input": "same", "output logits": "logits", "output 0..1": (0.0, 1.0)}
CLEARLY = 0.95
"""A variant's error must be below this share of the assumed one's, and smaller for `MOST` of the pictures."""
MOST = 0.75
SAME = 0.01
"""Of variants whose errors differ by less, the one that changes least is the best."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to take a model.

    Attributes
    ----------
    changes : settings of ``codec.toml``; nothing for what is assumed.
    words : the same for people.
    errors : root mean squared error of each picture's reconstruction, in grey levels.
    rebuilt : the reconstructions.
    """

    changes: Mapping[str, Any]
    words: str
    errors: Float64[np.ndarray, " n"]
    rebuilt: UInt8[np.ndarray, "n h w c"]

    @property
    def error(self) -> float:
        """The mean over the pictures."""
        return float(self.errors.mean())


@dataclass(frozen=True)
class Tried:
    """All variants that the model takes, the best first.

    Attributes
    ----------
    assumed : the variant without changes.
    variants : all, by their errors.
    """

    assumed: Variant
    variants: tuple[Variant, ...]

    @property
    def best(self) -> Variant:
        """The least error; of nearly equal ones the fewest changes."""
        limit = self.variants[0].error * (1 + SAME)
        near = [variant for variant in self.variants if variant.error <= limit]
        return min(near, key=lambda variant: (len(variant.changes), variant.error))

    @property
    def is_clear(self) -> bool:
        """Whether the best variant is another one than the assumed, beyond doubt."""
        better = self.best.errors < self.assumed.errors
        return self.best is not self.assumed and (
            self.best.error < CLEARLY * self.assumed.error and better.mean() >= MOST
        )

    def lines(self, where: str, more: str = "") -> list[str]:
        """What a user is to know; `where` and `more` complete the command that it proposes."""
        n = len(self.assumed.errors)
        found = f"reconstructions are off by {self.assumed.error:.1f} grey levels (RMSE, {n} pictures)"
        if not self.is_clear:
            near = [
                v
                for v in self.variants
                if v is not self.assumed and v.error <= self.assumed.error * (1 + SAME)
            ]
            if near:
                found += f"; as good, so that pictures cannot tell: {'; '.join(v.words for v in near[:3])}"
            return [found]
        changes = " ".join(f"--set {name}={_toml(value)}" for name, value in self.best.changes.items())
        return [
            f"{found}, and by {self.best.error:.1f} with {self.best.words}",
            f"WARNING: codec.toml seems to be wrong; try: zpoints model check {where}{more} {changes}",
        ]


def try_variants(codec: ForeignCodec, pictures: UInt8[np.ndarray, "n h w c"]) -> Tried:
    """Reconstruct pictures in all ways that the model might mean its pixels.

    Parameters
    ----------
    pictures : as the codec takes them; a few tens tell enough.

    Raises
    ------
    ZPointsError : the model does not work as it is taken now.
    """
    found: list[Variant] = []
    for changes, words in _others(codec.recipe):
        try:
            tree = codec.recipe.model_dump() | dict(changes)
            recipe = checked(Recipe, tree, "a variant")
            found += _tried(codec, recipe, changes, words, pictures)
        except ZPointsError:  # the model does not take pictures so
            if not changes:
                raise
    assumed = next(variant for variant in found if not variant.changes)
    return Tried(assumed, tuple(sorted(found, key=lambda variant: variant.error)))


def _others(recipe: Recipe) -> Iterator[tuple[dict[str, Any], str]]:
    """Changes to what is assumed: of the values' scale, their order, their axes."""
    orders = ("rgb", "bgr") if recipe.channels == 3 else (recipe.order,)
    flips = {"channels-first": "channels-last", "flat-channels-first": "flat-channels-last"}
    flips |= {value: key for key, value in flips.items()}
    for layout, (name, scaling), order, transposed in product(
        (recipe.layout, flips[recipe.layout]),
        RANGES.items(),
        orders,
        (recipe.transposed, not recipe.transposed),
    ):
        changes: dict[str, Any] = {}
        words = []
        if not _is_scaled_so(recipe, scaling) and not (recipe.channels == 1 and "mean" in scaling):
            changes |= {"mean": (), "std": (), **scaling} if recipe.mean else scaling
            words.append(name)
        if order != recipe.order:
            changes["order"] = order
            words.append(f"order {order}")
        if transposed != recipe.transposed:
            changes["transposed"] = transposed
            words.append("height and width exchanged")
        if layout != recipe.layout:
            changes["layout"] = layout
            words.append(layout)
        yield changes, ", ".join(words)


def _tried(
    codec: ForeignCodec, recipe: Recipe, changes: Mapping[str, Any], words: str, pictures: np.ndarray
) -> list[Variant]:
    """One pass through the model, and each meaning of its output."""
    one = ForeignCodec(recipe, codec.backend, "")
    output = one.decoded(one.encode(pictures))
    others = [
        (name, meaning) for name, meaning in OUTPUTS.items() if _effect(recipe, meaning) != _effect(recipe)
    ]
    found = []
    for name, meaning in [("", recipe.output), *others]:
        rebuilt = from_model(output, recipe.model_copy(update={"output": meaning}))
        errors = np.sqrt(((rebuilt.astype(np.float64) - pictures) ** 2).mean(axis=(1, 2, 3)))
        said = ", ".join(filter(None, [words, name])) or "as assumed"
        found.append(Variant({**changes, **({"output": meaning} if name else {})}, said, errors, rebuilt))
    return found


def _effect(recipe: Recipe, output: Any = None) -> Any:
    """What an output means: two names of the same are the same."""
    output = recipe.output if output is None else output
    return recipe.range if output == "same" and not recipe.mean else output


def _is_scaled_so(recipe: Recipe, scaling: Mapping[str, Any]) -> bool:
    if recipe.mean:
        return scaling.get("mean") == recipe.mean and scaling.get("std") == recipe.std
    return scaling.get("range") == recipe.range


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(f'{number:g}' for number in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
