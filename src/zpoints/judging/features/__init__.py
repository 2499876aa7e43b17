"""What pictures are compared by: vectors of features, one network a file."""

from zpoints.errors import UsageError
from zpoints.judging.features.base import Features
from zpoints.system.progress import Progress, Silent
from zpoints.system.registry import Registry

__all__ = ["FEATURES", "Features", "features_by_name"]

FEATURES: Registry[type[Features]] = Registry(
    "features",
    "zpoints.features",
    {
        "efficientnet-lite0": "zpoints.judging.features.efficientnet:EfficientNetLite0",
        "inception": "zpoints.judging.features.inception:Inception",
        "dinov2": "zpoints.judging.features.dinov2:DinoV2",
        "pixels": "zpoints.judging.features.pixels:Pixels",
    },
)
"""What ``judge.features`` may name."""


def features_by_name(name: str, channels: int, progress: Progress | None = None) -> Features:
    """The features that the settings call `name`, for pictures of so many channels.

    Raises
    ------
    UsageError : there are no such features, or they need a package that is not installed.
    SourceError : their weights are not in the cache and cannot be downloaded.
    """
    try:
        kind = FEATURES[name]
    except UsageError as error:
        raise UsageError(f"judge.features: {error}") from error
    return kind(channels, progress or Silent())
