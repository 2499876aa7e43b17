"""The curve of a training: a row for each epoch."""

import csv
from pathlib import Path

from zpoints.files.atomic import atomic_path

__all__ = ["HISTORY_COLUMNS", "write_history"]

HISTORY_COLUMNS = (
    "epoch",
    "train_loss",
    "validation_loss",
    "learning_rate",
    "images_per_second",
    "seconds",
    "peak_ram_mib",
    "peak_vram_mib",
)


def write_history(path: Path, history: list[dict[str, float | None]]) -> None:
    """Write ``history.csv``; seconds and peaks are those of process 0."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HISTORY_COLUMNS)
        writer.writeheader()
        writer.writerows(history)
