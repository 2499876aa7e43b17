"""The Decoder of zpoints' own network as plain arrays, for the exported page's own arithmetic."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from zpoints.models.autoencoder.network import Autoencoder

__all__ = ["decoder_arrays"]


def decoder_arrays(network: "Autoencoder") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Layers as plain values, and their numbers as float16.

    Values of a layer are laid out as rows, columns, channels. A dense layer's weights are (inputs, outputs), those of
    a transposed convolution (kernel row, kernel column, inputs, outputs). Batch normalisation, as it is after the
    training, is a factor and a sum for each channel.
    """
    a = network.architecture
    steps: list[Any] = list(network.decoder.pictures)
    dense = network.decoder.from_latent
    layers: list[dict[str, Any]] = [{"kind": "dense", "outputs": dense.out_features}]
    arrays = {"layer_0_weight": _numbers(dense.weight.T), "layer_0_bias": _numbers(dense.bias)}
    number, sizes = 0, a.sizes[::-1]
    for step in steps:
        kind = type(step).__name__
        if kind == "TransposedConvolution":
            number += 1
            layers.append(
                {
                    "kind": "transposed",
                    "inputs": step.in_channels,
                    "outputs": step.out_channels,
                    "kernel": a.kernel,
                    "padding": a.padding,
                    "from": sizes[number - 1],
                    "to": sizes[number],
                }
            )
            arrays[f"layer_{number}_weight"] = _numbers(step.weight.permute(2, 3, 0, 1))
            bias = np.zeros(step.out_channels, np.float16) if step.bias is None else _numbers(step.bias)
            arrays[f"layer_{number}_bias"] = bias
        elif kind == "BatchNorm":
            scale = step.weight / (step.running_var + step.eps).sqrt()
            arrays[f"layer_{number}_scale"] = _numbers(scale)
            arrays[f"layer_{number}_shift"] = _numbers(step.bias - step.running_mean * scale)
        else:
            layers[number]["activation"] = "sigmoid" if kind == "Sigmoid" else a.activation
    return {"layers": layers, "shape": [a.height, a.width, a.colours]}, arrays


def _numbers(tensor: Any) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy().astype(np.float16))
