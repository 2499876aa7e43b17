"""How fast this machine trains: some steps of the default network on pictures of noise, which nobody keeps."""

from collections.abc import Iterator

import numpy as np
import torch

from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.models.autoencoder.network import Architecture
from zpoints.models.autoencoder.step import Learner
from zpoints.models.autoencoder.trial import try_out
from zpoints.system.device import Device

__all__ = ["training_rate"]

MANY_STEPS = 1000  # that a trial pays for


def training_rate(
    picture: tuple[int, int, int] = (64, 64, 3),
    network: AutoencoderSettings | None = None,
    training: TrainingSettings | None = None,
) -> float:
    """Pictures in a second of training, as the trial at the start of a training finds it.

    Parameters
    ----------
    picture : height, width and colours; network, training : their settings, by default those of a run.

    Raises
    ------
    BudgetError : the memory that is allowed has no room for it.
    """
    network, training = network or AutoencoderSettings(), training or TrainingSettings()
    device = Device.of(training)
    learner = Learner(Architecture.of(picture, network), training, device, MANY_STEPS, 0)
    noise = np.random.default_rng(0).integers(0, 256, (training.batch, *picture), dtype=np.uint8)
    batch = torch.from_numpy(noise).to(device.kind)

    def batches(count: int) -> Iterator[torch.Tensor]:
        return (batch for _ in range(-(-count // training.batch)))

    found = try_out(learner, training.batch, MANY_STEPS, batches).images_per_second
    assert found is not None  # a trial of many steps has tried some
    return found
