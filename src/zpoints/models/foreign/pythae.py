"""pythae: folders that its models save, with its own networks. The latent vector is the embedding, a VAE's mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zpoints.config import Section
from zpoints.errors import UsageError, reason
from zpoints.files.documents import read_json
from zpoints.models.foreign.format import Backend, Found, ModelFormat, Place
from zpoints.system.extras import load, need
from zpoints.system.sizes import MIB

__all__ = ["PYTHAE"]

CONFIG, WEIGHTS = "model_config.json", "model.pt"
KNOWN = (
    *(
        "AE",
        "VAE",
        "BetaVAE",
        "BetaTCVAE",
        "DisentangledBetaVAE",
        "FactorVAE",
        "INFOVAE_MMD",
        "WAE_MMD",
        "IWAE",
    ),
    *("MIWAE", "CIWAE", "PIWAE", "MSSSIM_VAE", "RAE_GP", "RAE_L2", "VAEGAN", "Adversarial_AE", "VAMP"),
)
"""Models in which the Decoder takes what the Encoder's embedding is; not so with flows, codebooks and hierarchies."""


class PythaeSettings(Section):
    """The table ``[model]``."""

    name: str


class PythaeFormat(ModelFormat):
    """What ``model.save(folder)`` wrote; a network of the user's own is a pickle there, and is not opened."""

    name = "pythae"
    words = "a folder that pythae saved"
    settings = PythaeSettings
    imported = 325 * MIB

    def recognises(self, place: Place) -> bool:
        """See `ModelFormat`."""
        return place.path.is_dir() and all((place.path / name).is_file() for name in (CONFIG, WEIGHTS))

    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelFormat`."""
        name = str(read_json(place.path / CONFIG).get("name", "")).removesuffix("Config").rstrip("_")
        return self.settings_of({"name": name, **given}, str(place.path)).model_dump()

    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """See `ModelFormat`."""
        return [folder / CONFIG, folder / WEIGHTS]

    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """See `ModelFormat`."""
        name = self.settings_of(model, str(folder)).name
        if name not in KNOWN:
            raise UsageError(f"{folder}: pythae's model '{name:.100}'; known here are {', '.join(KNOWN)}")
        if pickles := sorted(path.name for path in folder.glob("*.pkl")):
            raise UsageError(
                f"{folder}: holds networks of your own as pickles ({', '.join(pickles)}), which run code when they "
                "are read, and so are not; give the class itself as FOLDER/net.py:Class, or export the model to ONNX"
            )
        need("pythae", "pythae", f"the model {folder}")
        load("torch", "train", f"the model {folder}", "export it to ONNX")
        return _backend(_rebuilt(folder, name), device)


def _rebuilt(folder: Path, name: str) -> Any:
    """The architecture of the configuration, with the weights; pythae's own way in would unpickle."""
    from zpoints.models.foreign.torch_module import read_state

    try:
        import pythae.models as models
        from pythae.models.auto_model import AutoConfig

        config = AutoConfig.from_json_file(str(folder / CONFIG))
        network = getattr(models, name)(config)
    except Exception as error:
        raise UsageError(f"{folder / CONFIG}: pythae cannot build that model ({reason(error)})") from error
    try:
        network.load_state_dict(read_state(folder / WEIGHTS), strict=True)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"{folder / WEIGHTS}: does not hold the weights of this {name} ({reason(error)})"
        ) from error
    return network


def _backend(network: Any, device: str) -> Backend:
    from zpoints.models.foreign.tensors import TorchBackend, last_activation

    shape = tuple(int(side) for side in network.input_dim)
    if len(shape) not in (1, 3):
        raise UsageError(f"pythae's input_dim {shape}: pictures have three sides, as (1, 28, 28)")
    found = Found((shape,), last_activation(network.decoder))
    return TorchBackend(network.encoder, network.decoder, [network], found, device)


PYTHAE = PythaeFormat()
