"""The trained network as two ONNX files: bytes of pictures in, vectors out, and back, scaling included."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from zpoints.files.atomic import atomic_path
from zpoints.models.autoencoder.network import Autoencoder, pictures_to_tensor

__all__ = ["export_network"]

OPSET = 17


class _Encode(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        return self.encoder(pictures_to_tensor(pictures))


class _Decode(nn.Module):
    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> Tensor:
        values = torch.clamp(torch.round(self.decoder(z) * 255), 0, 255)
        return values.to(torch.uint8).permute(0, 2, 3, 1)


def export_network(network: Autoencoder, encoder: Path, decoder: Path) -> None:
    """Write both graphs, atomically.

    ``pictures`` (n, height, width, colours) uint8 to ``z`` (n, d) float32, and back; n is free.
    """
    a = network.architecture
    network = network.eval().cpu().float()
    pictures = torch.zeros(2, a.height, a.width, a.colours, dtype=torch.uint8)
    _export(_Encode(network.encoder), pictures, encoder, "pictures", "z")
    _export(_Decode(network.decoder), torch.zeros(2, a.latent), decoder, "z", "pictures")


def _export(module: nn.Module, given: Tensor, path: Path, taken: str, gives: str) -> None:
    with atomic_path(path) as temporary, warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (given,),
            str(temporary),
            # The newer exporter needs a package more, and its graphs compute the same.
            dynamo=False,
            opset_version=OPSET,
            input_names=[taken],
            output_names=[gives],
            dynamic_axes={taken: {0: "n"}, gives: {0: "n"}},
        )
