"""How much memory a network takes, worked out before it is built: on PyTorch's meta device nothing is allocated."""

from functools import cache

import torch

from zpoints.models.autoencoder.network import Architecture, Autoencoder

__all__ = ["activation_bytes", "loading_bytes", "parameter_count", "training_bytes"]

FLOAT = 4
COPIES = 6
"""Of the parameters while training: weights, gradients, two moments of AdamW, and the two that a checkpoint makes."""
KEPT = 1.3
"""Values in memory for each value that a layer gives out, activations in place counted twice. Measured on a processor
in float32: batches of 32, 128 and 512 pictures of 96x96 took 330, 602 and 1,840 MiB (bfloat16: 329, 508, 1,230)."""


def training_bytes(architecture: Architecture, micro_batch: int) -> int:
    """Bytes that training takes on top of what Python and PyTorch have, `micro_batch` pictures at a time."""
    parameters, values = _sizes(architecture)
    return FLOAT * int(COPIES * parameters + KEPT * micro_batch * values)


def loading_bytes(architecture: Architecture) -> int:
    """Bytes that opening a trained network takes: its weights, and those of the file."""
    return 2 * FLOAT * _sizes(architecture)[0]


def activation_bytes(architecture: Architecture, micro_batch: int) -> int:
    """Bytes that encoding or decoding takes on top of the weights: what all layers give out together."""
    return FLOAT * micro_batch * _sizes(architecture)[1]


def parameter_count(architecture: Architecture) -> int:
    """Number of trained numbers in the network."""
    return _sizes(architecture)[0]


@cache
def _sizes(architecture: Architecture) -> tuple[int, int]:
    """(parameters, values that all layers give out for one picture)."""
    a = architecture
    with torch.device("meta"):
        network = Autoencoder(a)
    # Worked out, and not by a pass of meta tensors: for that PyTorch imports its compiler, as large as itself.
    after = 1 + a.batch_norm  # layers without weights of their own, which give out as much again
    maps = [
        channels * height * width for channels, (height, width) in zip(a.channels, a.sizes[1:], strict=True)
    ]
    last = 2 * a.colours * a.height * a.width  # the last convolution, and the sigmoid
    values = (1 + after) * 2 * sum(maps) + a.latent + last
    return sum(p.numel() for p in network.parameters()), values
