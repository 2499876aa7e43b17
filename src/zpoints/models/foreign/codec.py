"""A model of another tool at work: a `Codec`, made of a recipe for the pixels and an opened model."""

import numpy as np
from jaxtyping import Float32, Real, UInt8

from zpoints.errors import ArrayError, UsageError, ZPointsError, reason
from zpoints.models.foreign.format import Backend
from zpoints.models.foreign.pixels import from_model, in_layout, input_shape, to_model
from zpoints.models.foreign.recipe import Recipe
from zpoints.system.notebook import card

__all__ = ["ForeignCodec"]

FLOAT = 4


class ForeignCodec:
    """Pictures to vectors and back by a model that another tool trained. See `zpoints.models.codec.Codec`.

    Parameters
    ----------
    recipe : how pictures become the model's input, and its output pictures.
    backend : the opened model.
    key : identifies model and recipe.
    """

    kind = "foreign"

    def __init__(self, recipe: Recipe, backend: Backend, key: str) -> None:
        self.recipe, self.backend, self.key = recipe, backend, key
        self._values: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, colours) of the pictures."""
        return self.recipe.shape

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one picture's latent array; vectors have its numbers in C order."""
        return self.recipe.latent_shape

    @property
    def dimension(self) -> int:
        """Number d of latent components."""
        return int(np.prod(self.latent_shape))

    def encode(self, pictures: UInt8[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n d"]:
        """Latent vectors of one batch of pictures.

        Raises
        ------
        ArrayError : the model gives arrays of another shape than the recipe says, or numbers that are not finite.
        """
        z = self._asked("encode", to_model(pictures, self.recipe, takes_bytes=self.backend.takes_bytes))
        if z.shape != (len(pictures), *self.latent_shape):
            raise ArrayError(
                f"the Encoder gives arrays of shape {z.shape[1:]}, and codec.toml says {self.latent_shape}; correct "
                "latent_shape there, or write it anew by `zpoints model check`"
            )
        return _finite(np.ascontiguousarray(z, np.float32).reshape(len(pictures), -1), "Encoder", "picture")

    def decode(self, z: Real[np.ndarray, "n d"]) -> UInt8[np.ndarray, "n h w c"]:
        """Pictures of one batch of latent vectors.

        Raises
        ------
        ArrayError : the model gives something else than such pictures, or numbers that are not finite.
        """
        return from_model(self.decoded(z), self.recipe)

    def decoded(self, z: Real[np.ndarray, "n d"]) -> Float32[np.ndarray, "n ..."]:
        """The Decoder's own output for one batch of latent vectors."""
        found = self._asked("decode", np.ascontiguousarray(z, np.float32).reshape(len(z), *self.latent_shape))
        given, y = found.shape[1:], in_layout(found, self.recipe)
        if y is None or len(y) != len(z):
            raise ArrayError(
                f"the Decoder gives arrays of shape {given}, and pictures have {input_shape(self.recipe)}; "
                "correct size, channels or layout in codec.toml"
            )
        return _finite(y.astype(np.float32, copy=False), "Decoder", "vector")

    def bytes_for(self, n: int) -> int:
        """The pictures as the model takes and gives them, and what its layers give out."""
        return FLOAT * n * (self._values_each() + 4 * int(np.prod(self.shape)) + 2 * self.dimension)

    def _values_each(self) -> int:
        if self._values is None:
            x = to_model(np.zeros((1, *self.shape), np.uint8), self.recipe)
            self._values = self.backend.values(x, np.zeros((1, *self.latent_shape), np.float32))
        return self._values

    def _asked(self, what: str, values: np.ndarray) -> np.ndarray:
        """What the model makes of an array; whatever its library raises is one line."""
        try:
            return np.asarray(getattr(self.backend, what)(values))
        except (ZPointsError, MemoryError):
            raise
        except Exception as error:
            raise UsageError(
                f"the model does not {what} arrays of shape {values.shape[1:]} ({reason(error)}); correct size, "
                "channels or layout in codec.toml"
            ) from error

    def __repr__(self) -> str:
        height, width, colours = self.shape
        return f"ForeignCodec({self.recipe.format}, {height}x{width}x{colours} pictures, {self.dimension} components)"

    def _repr_html_(self) -> str:
        r = self.recipe
        return card(
            repr(self), [f"{r.folder}: {r.layout}, {r.order}, {r.scaling}; latent shape {r.latent_shape}"]
        )


def _finite(values: np.ndarray, who: str, of: str) -> np.ndarray:
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0, 0])
        raise ArrayError(
            f"the {who} gives numbers that are not finite, for {of} {row} of its batch; look at the model, and at "
            "range, mean and std in codec.toml"
        )
    return values
