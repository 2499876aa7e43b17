"""Models of other tools as a kind of model: nothing is trained, and a ``codec.toml`` points to the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.config import Settings, TrainingSettings
from zpoints.errors import UsageError
from zpoints.images.store import ImageStore
from zpoints.models.codec import MODEL, Codec, CodecKind, read_model, save_model
from zpoints.models.foreign.check import try_variants
from zpoints.models.foreign.looking import Looked, look, mark_of, open_recipe, smallest_memory
from zpoints.models.foreign.recipe import CODEC, read_recipe, write_recipe
from zpoints.system.lock import locked
from zpoints.system.progress import Progress

__all__ = ["FOREIGN"]

WATCHED = 24  # pictures that are reconstructed in several ways


class ForeignKind(CodecKind):
    """Of the settings it takes ``autoencoder.model``, and of ``[training]`` the device."""

    name = "foreign"
    outputs = (MODEL, CODEC)

    def train(self, store: ImageStore, out: Path, settings: Settings, progress: Progress) -> Codec:
        """See `CodecKind`: a look at the model, a comparison of ways to take it, and ``codec.toml``."""
        text = settings.autoencoder.model
        if not text:
            raise UsageError(
                "autoencoder.kind = 'foreign': which model? give --model PATH, or set autoencoder.model"
            )
        looked = look(text, device=settings.training.device)
        codec = looked.codec
        if codec.shape != store.shape:
            raise UsageError(
                f"{text}: takes pictures of shape {codec.shape}, and these have {store.shape}; prepare them by --set "
                f"images.size=[{codec.shape[0]},{codec.shape[1]}] and images.colour="
                f"{'rgb' if codec.shape[2] == 3 else 'grey'}"
            )
        for sentence in looked.assumed:
            progress.say(f"model: assumed: {sentence}")
        rows = store.rows("train")[:WATCHED]
        tried = try_variants(codec, np.asarray(store.pixels[rows]))
        for sentence in tried.lines(text):
            progress.say(f"model: {sentence}")
        with locked(out):
            write_recipe(out / CODEC, codec.recipe)
            found = {"mark": mark_of(text), "reconstruction_rmse": round(tried.assumed.error, 3)}
            save_model(out, self.name, {**_described(looked), **found})
        return codec

    def open(self, folder: Path, training: TrainingSettings) -> Codec:
        """See `CodecKind`.

        Raises
        ------
        UsageError : the model has changed since, or is gone.
        """
        read_model(folder)
        return open_recipe(read_recipe(Path(folder) / CODEC), str(Path(folder) / CODEC), training.device)

    def smallest_memory(self, shape: tuple[int, int, int], settings: Settings) -> int:
        """What the model's libraries take, and its weights.

        Raises
        ------
        UsageError : no such model.
        """
        return smallest_memory(settings.autoencoder.model) if settings.autoencoder.model else 0


def _described(looked: Looked) -> Mapping[str, Any]:
    recipe, codec = looked.recipe, looked.codec
    height, width, colours = codec.shape
    words = f"A model that another tool trained ({recipe.format}, {recipe.folder}), whose pictures are {recipe.words}"
    return {
        "description": words,
        "format": recipe.format,
        "height": height,
        "width": width,
        "colours": colours,
        "latent": codec.dimension,
        "latent_shape": list(codec.latent_shape),
        "layout": recipe.layout.removeprefix(
            "flat-"
        ),  # of latent arrays too, in the words of analysis.layout
        "assumed": list(looked.assumed),
    }


FOREIGN = ForeignKind()
