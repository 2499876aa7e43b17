"""Records of the first edition: what they vouch for is taken over, so that no old run is trained anew.

Pictures, weights and z-points are what they were, byte by byte; what is measured of them is done again.
"""

from collections.abc import Mapping
from typing import Any

from zpoints.config import AutoencoderSettings, ImageSettings, Settings, TrainingSettings
from zpoints.files.documents import fingerprint

__all__ = ["taken_over"]

IMAGES = ("source", "count", "size", "crop", "colour", "validation", "test", "max_megapixels")
NETWORK = ("channels", "kernel", "latent", "activation", "batch_norm")
TRAINING = (
    *("epochs", "batch", "learning_rate", "clip_gradient", "weight_decay", "loss", "shuffle", "precision"),
)


def taken_over(
    stages: Mapping[str, dict[str, Any]], settings: Settings, keys: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The entries of an old record, with the keys of today where they were made under these settings.

    Parameters
    ----------
    keys : today's key of each stage.
    """
    if not _are_defaults(settings.images, ImageSettings(), IMAGES):
        return dict(stages)
    prepare = fingerprint("prepare", _some(settings.images, IMAGES), settings.seed)
    train = fingerprint(
        "train", prepare, _some(settings.autoencoder, NETWORK), _some(settings.training, TRAINING)
    )
    old = {"prepare": prepare, "train": train, "encode": fingerprint("encode", train)}
    if not _as_it_was(settings):
        old = {"prepare": prepare}
    return {
        name: entry | {"key": keys[name]} if entry["key"] == old.get(name) else entry
        for name, entry in stages.items()
    }


def _some(section: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The settings that the first edition knew."""
    return section.model_dump(include=set(names))


def _as_it_was(settings: Settings) -> bool:
    """Whether what was added to the settings since stands as it was before there was a choice."""
    sections = (
        (settings.autoencoder, AutoencoderSettings(), NETWORK),
        (settings.training, TrainingSettings(), (*TRAINING, *TrainingSettings.without_result)),
    )
    return all(_are_defaults(*section) for section in sections)


def _are_defaults(section: Any, default: Any, names: tuple[str, ...]) -> bool:
    return bool(section.model_dump(exclude=set(names)) == default.model_dump(exclude=set(names)))
