"""Latent arrays with a shape, as (channels, height, width): what each channel and each position has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from zpoints.config import AnalysisSettings
from zpoints.errors import ArrayError
from zpoints.files.documents import read_table, write_json, write_table
from zpoints.files.readable import ANEW
from zpoints.statistics.channels import Channels, ChannelSums, Order, by_position
from zpoints.statistics.living import Living
from zpoints.statistics.moments import Moments
from zpoints.vectors.latent_set import LatentSet

__all__ = ["CHANNEL_FILES", "ChannelTables", "channels_of", "save_for_diffusers", "shape_in_words"]

CHANNEL_FILES = ("channels.parquet", "channels.json", "positions.parquet")
"""Written for latent arrays that have channels and positions."""

ORDERS: dict[str, Order] = {"channels-first": "channels-first", "channels-last": "channels-last"}


def channels_of(latents: LatentSet, settings: AnalysisSettings) -> Channels | None:
    """The channels of latent arrays; None of vectors."""
    shape = latents.latent_shape
    if len(shape) < 2:
        return None
    if settings.layout in ORDERS:
        return Channels(shape, ORDERS[settings.layout])
    return Channels.guessed(shape)[0]


def shape_in_words(latents: LatentSet, settings: AnalysisSettings) -> str:
    """What is made of the shape, in a line; nothing to say of vectors."""
    channels = channels_of(latents, settings)
    if channels is None:
        if settings.layout == "auto":
            return ""
        return f"{latents.name}: holds vectors, which have no channels; analysis.layout is not used"
    channel = "channel" if channels.count == 1 else "channels"
    text = (
        f"{latents.name}: latent arrays of shape {channels.shape} measured as vectors of {latents.dimension:,} "
        f"components, {channels.count:,} {channel} along the {channels.order.removeprefix('channels-')} axis"
    )
    if settings.layout != "auto":
        return text
    other = "channels-last" if channels.order == "channels-first" else "channels-first"
    if Channels.guessed(channels.shape)[1]:
        return f'{text} (by the shape; set analysis.layout = "{other}" if not)'
    return f'{text} (a guess: the shape does not tell; set analysis.layout = "{other}" if not)'


@dataclass(frozen=True, eq=False)
class ChannelTables:
    """One row per channel, and one per position; see `Analysis`."""

    channels: pd.DataFrame
    positions: pd.DataFrame

    @classmethod
    def of(cls, channels: Channels, sums: ChannelSums, moments: Moments, living: Living) -> Self:
        """Of all vectors; `moments` are those of the living components."""
        dead = np.zeros(living.dimension, np.int64)
        dead[living.dead] = 1
        table = pd.DataFrame(
            {
                "mean": sums.mean,
                "mean_error": sums.mean_error,
                "std": sums.std,
                "std_error": sums.std_error,
                "dead": channels.of(dead[None])[0].sum(axis=1),
            }
        )
        mean, std = by_position(
            channels, moments.n, living.put_back(moments.mean), living.spread(moments.std**2, 0.0)
        )
        names = ["row", "column"] if len(channels.positions) == 2 else None
        names = names or [f"axis_{k}" for k in range(len(channels.positions))]
        index = pd.MultiIndex.from_product([range(length) for length in channels.positions], names=names)
        positions = pd.DataFrame({"mean": mean, "std": std}, index=index)
        return cls(table.rename_axis("channel"), positions)

    def summary(self, channels: Channels, n: int) -> dict[str, Any]:
        """Plain figures for analysis.json, of `n` vectors."""
        mean, std = self.channels["mean"].to_numpy(), self.channels["std"].to_numpy()
        each = n * len(self.positions)  # values of a channel
        # As one set of values: within the channels, and between their means.
        squares = ((each - 1) * std**2 + each * (mean - mean.mean()) ** 2).sum()
        of_all = float(np.sqrt(squares / (each * channels.count - 1)))
        return {
            "shape": list(channels.shape),
            "layout": channels.order,
            "channels": channels.count,
            "mean": float(mean.mean()),
            "std": of_all,
            "latents_mean": mean.tolist(),
            "latents_std": std.tolist(),
        }

    def save(self, folder: Path) -> None:
        """Write channels.parquet, positions.parquet and channels.json."""
        for name in ("channels", "positions"):
            write_table(folder / f"{name}.parquet", getattr(self, name).reset_index())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        tables = []
        for name, index in (("channels", ["channel"]), ("positions", None)):
            table = read_table(folder / f"{name}.parquet")
            index = index or [column for column in table if column not in ("mean", "std")]
            missing = {"mean", "std", *index} - set(table)
            if missing or not index:
                raise ArrayError(
                    f"{folder / name}.parquet: no column '{min(missing, default='row')}'; {ANEW}"
                )
            tables.append(table.set_index(index))
        return cls(*tables)


def save_for_diffusers(path: Path, summary: Any) -> None:
    """Write what the ``config.json`` of an autoencoder of diffusers takes.

    ``latents_mean`` and ``latents_std``, one number a channel, make each channel's mean 0 and its standard deviation
    1. Pipelines apply ``scaling_factor`` on top of them, so it is 1 beside them. ``instead`` has the one factor for
    all channels, 1 over the standard deviation of all values, and the shift that goes with it, for models that are
    used without means per channel. A channel that is constant has 1 as ``latents_std``: pipelines divide by it.
    """
    one = {"scaling_factor": 1 / summary.std if summary.std > 0 else 1.0, "shift_factor": summary.mean}
    write_json(
        path,
        {
            "latents_mean": list(summary.latents_mean),
            "latents_std": [std if std > 0 else 1.0 for std in summary.latents_std],
            "scaling_factor": 1.0,
            "instead": one,
        },
    )
