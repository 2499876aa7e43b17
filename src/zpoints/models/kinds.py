"""The kinds of models by name: how one is trained on pictures, and how a trained one is opened."""

from pathlib import Path

from zpoints.config import Settings, TrainingSettings
from zpoints.errors import StageError
from zpoints.images.store import ImageStore
from zpoints.models.codec import MODEL, Codec, CodecKind, read_model
from zpoints.system.progress import Progress, Silent
from zpoints.system.registry import Registry

__all__ = ["CODECS", "open_codec", "train_codec"]

CODECS: Registry[CodecKind] = Registry(
    "kind of model",
    "zpoints.codecs",
    {
        "autoencoder": "zpoints.models.autoencoder.kind:AUTOENCODER",
        "pca": "zpoints.models.pca:PCA_KIND",
        "foreign": "zpoints.models.foreign.kind:FOREIGN",
    },
)
"""What ``autoencoder.kind`` may name."""
BEFORE_KINDS = "autoencoder"
"""What a ``model.json`` means that says no kind: it was written before there were others."""


def train_codec(
    images: Path | str, out: Path | str, settings: Settings, progress: Progress | None = None
) -> Codec:
    """Train the kind of model that ``settings.autoencoder.kind`` names.

    Parameters
    ----------
    images : a folder that `prepare` has finished.
    out : the model's folder. What an interrupted training left there is gone on with, and a finished one of the same
        pictures and settings is not repeated.

    Raises
    ------
    UsageError : there is no such kind.
    StageError : the pictures are not prepared, or the training failed.
    """
    kind = CODECS[settings.autoencoder.kind]
    return kind.train(ImageStore.open(Path(images)), Path(out), settings, progress or Silent())


def open_codec(folder: Path | str, training: TrainingSettings | None = None) -> Codec:
    """Open a trained model, of whatever kind.

    Parameters
    ----------
    folder : holds ``model.json``, which says the kind; or a model of another tool, with its ``codec.toml``.
    training : says on which device the model works, and in which number format.

    Raises
    ------
    StageError : no trained model there, or one of a kind that is not installed here.

    Examples
    --------
    >>> import zpoints as zp
    >>> codec = zp.open_codec("runs/faces/model")  # doctest: +SKIP
    >>> codec.kind, codec.dimension  # doctest: +SKIP
    ('autoencoder', 256)
    """
    if not (Path(folder) / MODEL).is_file():
        from zpoints.models.foreign.looking import open_written

        if (codec := open_written(str(folder), (training or TrainingSettings()).device)) is not None:
            return codec
    folder = Path(folder)
    kind = read_model(folder).get("kind", BEFORE_KINDS)
    if not isinstance(kind, str) or kind not in CODECS:
        raise StageError(
            f"{folder / MODEL}: a model of kind '{kind!s:.100}', which is not known here (there are "
            f"{', '.join(CODECS)}); install the package that brings it, or train again"
        )
    return CODECS[kind].open(folder, training or TrainingSettings())
