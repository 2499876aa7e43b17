"""diffusers: folders of an ``AutoencoderKL``. The latent vector is the mean, scaled as diffusion models have it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zpoints.config import Section
from zpoints.errors import UsageError, reason
from zpoints.files.documents import read_json
from zpoints.models.foreign.format import Backend, Found, ModelFormat, Place
from zpoints.system.extras import load, need
from zpoints.system.sizes import MIB

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DIFFUSERS"]

CONFIG = "config.json"
CLASS = "AutoencoderKL"
WEIGHTS = "diffusion_pytorch_model*.safetensors"


class DiffusersSettings(Section):
    """The table ``[model]``: latents are (mean - shift - latents_mean) * scaling_factor / latents_std."""

    subfolder: str = ""
    scaling_factor: float = 1.0
    shift_factor: float = 0.0
    latents_mean: tuple[float, ...] = ()
    latents_std: tuple[float, ...] = ()
    """One number for each channel of the latent array, or none at all."""


class DiffusersFormat(ModelFormat):
    """The folder of an autoencoder, or of a pipeline that has one in its folder ``vae``."""

    name = "diffusers"
    words = "a folder of diffusers' AutoencoderKL"
    settings = DiffusersSettings
    imported = 455 * MIB

    def recognises(self, place: Place) -> bool:
        """See `ModelFormat`."""
        return place.path.is_dir() and any(_is_autoencoder(place.path / sub) for sub in ("", "vae"))

    def model(self, place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
        """Scaling and shift stand in ``config.json``."""
        subfolder = "" if _is_autoencoder(place.path) else "vae"
        if (found := _class_of(place.path / subfolder)) != CLASS:
            raise UsageError(
                f"{place.path / subfolder}: a model {found:.60} of diffusers, and only {CLASS} is known here; "
                "export it to ONNX"
            )
        config = read_json(place.path / subfolder / CONFIG)
        said: dict[str, Any] = {"subfolder": subfolder}
        names = ("scaling_factor", "shift_factor", "latents_mean", "latents_std")
        said |= {name: config[name] for name in names if config.get(name) is not None}
        said |= {} if "scaling_factor" in said else {"scaling_factor": 0.18215}  # what diffusers takes then
        return self.settings_of({**said, **given}, str(place.path)).model_dump()

    def files(self, folder: Path, model: Mapping[str, Any]) -> list[Path]:
        """See `ModelFormat`."""
        inner = folder / model.get("subfolder", "")
        return [inner / CONFIG, *_weights(inner)[1]]

    def open(self, folder: Path, model: Mapping[str, Any], device: str) -> Backend:
        """See `ModelFormat`; only weights in safetensors are read, and nothing is downloaded."""
        settings = self.settings_of(model, str(folder))
        inner = folder / settings.subfolder
        variant, weights = _weights(inner)
        if not weights:
            raise UsageError(
                f"{inner}: no {WEIGHTS} here; save the model with safe_serialization=True (other files of weights "
                "hold pickles, and are not read)"
            )
        need("diffusers", "diffusers", f"the model {folder}")
        load("torch", "train", f"the model {folder}", "export it to ONNX")
        try:
            from diffusers.models import AutoencoderKL

            network = AutoencoderKL.from_pretrained(
                str(inner),
                use_safetensors=True,
                local_files_only=True,
                variant=variant or None,
                low_cpu_mem_usage=False,
            )
        except Exception as error:
            raise UsageError(f"{inner}: diffusers cannot open it ({reason(error)})") from error
        return _backend(network.float(), settings, device)


def _backend(network: Any, settings: DiffusersSettings, device: str) -> Backend:
    from zpoints.models.foreign.tensors import TorchBackend

    channels = int(network.config.latent_channels)
    for name in ("latents_mean", "latents_std"):
        if len(getattr(settings, name)) not in (0, channels):
            raise UsageError(
                f"{name} in [model]: {channels} numbers, one for each channel of the latent array"
            )

    def encode(x: "Tensor") -> "Tensor":
        mean = network.encode(x).latent_dist.mean
        return (mean - _of(settings.latents_mean, mean, 0.0) - settings.shift_factor) * (
            settings.scaling_factor / _of(settings.latents_std, mean, 1.0)
        )

    def decode(z: "Tensor") -> "Tensor":
        scaled = z * (_of(settings.latents_std, z, 1.0) / settings.scaling_factor)
        found = network.decode(scaled + settings.shift_factor + _of(settings.latents_mean, z, 0.0)).sample
        return found

    size = network.config.sample_size
    sides = (int(size), int(size)) if isinstance(size, int) else tuple(map(int, size or (64, 64)))
    assumed = [f"pictures of {sides[0]}x{sides[1]}, the size of its training; others are possible"]
    assumed.append(
        f"latents are the mean times {settings.scaling_factor:g}"
        f"{', less its mean, over its standard deviation, per channel' if settings.latents_std else ''}"
    )
    values = {"range": (-1.0, 1.0)}
    inputs = ((int(network.config.in_channels), *sides), (int(network.config.in_channels), None, None))
    return TorchBackend(encode, decode, [network], Found(inputs, "", values, tuple(assumed)), device)


def _of(numbers: tuple[float, ...], like: "Tensor", other: float) -> "Tensor":
    """A number per channel, in the form of a batch."""
    return like.new_tensor(numbers or (other,)).reshape(1, -1, 1, 1)


def _weights(folder: Path) -> tuple[str, list[Path]]:
    """The files of weights, and their variant (``fp16``), which is empty where there are those without one."""
    variants: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(WEIGHTS)):
        found = re.fullmatch(
            r"diffusion_pytorch_model(?:\.(?!safetensors)(\w+?))?(-\d+-of-\d+)?\.safetensors", path.name
        )
        if found:
            variants.setdefault(found.group(1) or "", []).append(path)
    variant = min(variants, default="")
    return variant, variants.get(variant, [])


def _is_autoencoder(folder: Path) -> bool:
    return _class_of(folder).startswith(("Autoencoder", "VQModel", "AsymmetricAutoencoder", "Consistency"))


def _class_of(folder: Path) -> str:
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return str(content.get("_class_name", "")) if isinstance(content, dict) else ""
    except (OSError, ValueError):
        return ""


DIFFUSERS = DiffusersFormat()
