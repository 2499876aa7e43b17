"""The stages of a cell: those of a run up to the judge, and the card of its vectors between them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zpoints.analysis.card import gaussianity
from zpoints.files.documents import write_json
from zpoints.images.store import ImageStore
from zpoints.models.coding import reconstruct
from zpoints.run.folder import Run
from zpoints.run.stage import Done, Stage
from zpoints.run.stages.judging import JUDGE
from zpoints.run.stages.model import ENCODE, TRAIN
from zpoints.run.stages.pictures import PREPARE
from zpoints.run.stages.vectors import ANALYSE, SAMPLE
from zpoints.system.progress import Progress
from zpoints.vectors.latent_set import LatentSet

__all__ = ["CARD", "STAGES", "card_path", "error_path"]

BATCH = 500
"""Pictures that are rebuilt at once."""
MOST_REBUILT = 2000


def card_path(run: Run) -> Path:
    """Where a cell's card lies."""
    return run.folder / "card" / "card.json"


def error_path(run: Run) -> Path:
    """Where the error of its reconstructions lies."""
    return run.folder / "card" / "pictures.json"


def _work(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    store = ImageStore.open(run.paths.images)
    card = gaussianity(LatentSet.open(run.paths.latents, store.rows("train")), progress=progress)
    card.save(card_path(run))
    write_json(error_path(run), _reconstruction_error(run, store))
    return {"vectors": card.n}


def _reconstruction_error(run: Run, store: ImageStore) -> dict[str, Any]:
    """Root mean square over the pixel values of held-out pictures, in grey levels, whatever the training's loss is.

    Beside it that of the training pictures' mean picture, which knows nothing of the picture in question.
    """
    held = store.rows("test") if len(store.rows("test")) else store.rows("val")
    train = store.rows("train")
    if not len(held):
        return {"rmse": None, "mean_picture_rmse": None, "pictures": 0}
    held = held[:MOST_REBUILT]
    mean = np.asarray(store.pixels[train[:MOST_REBUILT]], np.float64).mean(axis=0)
    squares = from_mean = 0.0
    for start in range(0, len(held), BATCH):
        originals = np.asarray(store.pixels[held[start : start + BATCH]])
        rebuilt = reconstruct(run.codec, originals)
        squares += float(((originals.astype(np.float64) - rebuilt) ** 2).sum())
        from_mean += float(((originals - mean) ** 2).sum())
    values = len(held) * np.prod(store.shape)
    return {
        "rmse": float(np.sqrt(squares / values)),
        "mean_picture_rmse": float(np.sqrt(from_mean / values)),
        "pictures": len(held),
    }


CARD = Stage("card", _work, lambda run, part: [card_path(run), error_path(run)], needs=(ENCODE,))
STAGES = (PREPARE, TRAIN, ENCODE, ANALYSE, CARD, SAMPLE, JUDGE)
"""The stages of a cell, in order. Its folder is a run's: `zpoints run` makes its pictures and its report."""
