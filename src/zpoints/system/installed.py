"""What is installed of zpoints: the packages of its core, and of each extra, with what that is for.

The list is the one that pip goes by, out of the metadata of the installed zpoints: nothing is imported for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

__all__ = ["EXTRAS", "Package", "Part", "installed_parts"]

EXTRAS = {
    "train": "trains the network, encodes and decodes, draws `faces`, judges by EfficientNet-Lite0",
    "photo-faces": "draws photographic faces, the default source",
    "explore": "`zpoints explore`, the page in which one moves",
    "flow": "the sampler `flow`",
    "card": "the intrinsic dimension on the card of `zpoints card`",
    "h5": "HDF5 files",
    "zarr": "Zarr arrays",
    "dask": "Dask arrays, and clusters that read the vectors",
    "remote": "vectors at addresses, as `https://` (`s3://` with s3fs, `gs://` with gcsfs)",
    "onnx": "models in ONNX, and `zpoints export --onnx`",
    "keras": "models of Keras 3",
    "diffusers": "autoencoders of diffusers",
    "pythae": "models of pythae",
    "inception": "the judge by Inception's features, as papers do (FID)",
    "dinov2": "the judge by DINOv2's features",
}
"""What each extra gives, in the order in which they are told."""


@dataclass(frozen=True)
class Package:
    """A package that zpoints asks for.

    Attributes
    ----------
    name : as pip knows it.
    wanted : the versions that will do, ``>=2.6``; empty for any.
    version : the one that is installed; None if none is.
    """

    name: str
    wanted: str
    version: str | None

    @property
    def fine(self) -> bool:
        """Whether it is there, in a version that will do."""
        return self.version is not None and SpecifierSet(self.wanted).contains(self.version, prereleases=True)

    @property
    def words(self) -> str:
        """Its name and version; of one that will not do, what is wrong with it."""
        if self.version is None:
            return f"{self.name} is missing"
        return f"{self.name} {self.version}" + ("" if self.fine else f" ({self.wanted} is needed)")


@dataclass(frozen=True)
class Part:
    """The core of zpoints, or an extra.

    Attributes
    ----------
    name : of the extra; ``core``.
    purpose : what it gives.
    packages : what it consists of, on this system and for this Python.
    """

    name: str
    purpose: str
    packages: tuple[Package, ...]

    @property
    def wrong(self) -> tuple[Package, ...]:
        """The packages that are missing or too old."""
        return tuple(package for package in self.packages if not package.fine)

    @property
    def command(self) -> str:
        """How pip brings it."""
        return "pip install zpoints" if self.name == "core" else f"pip install 'zpoints[{self.name}]'"


def installed_parts(
    requirements: Callable[[str], list[str] | None] = requires,
    version_of: Callable[[str], str] = version,
) -> list[Part] | None:
    """The core and all extras, with what is there of each.

    Parameters
    ----------
    requirements, version_of : where the answers come from; replaced in tests.

    Returns
    -------
    None where zpoints itself is not installed, but run from its sources: then nobody has a list.

    Examples
    --------
    >>> asked = ["numpy>=1.26", "zarr>=3; extra == 'zarr'"]
    >>> parts = installed_parts(lambda _: asked, {"numpy": "2.4.6", "zarr": "2.18.0"}.__getitem__)
    >>> [package.words for part in parts for package in part.packages]
    ['numpy 2.4.6', 'zarr 2.18.0 (>=3 is needed)']
    """
    try:
        wanted = [Requirement(text) for text in requirements("zpoints") or ()]
    except PackageNotFoundError:
        return None

    def part(name: str, purpose: str, extra: str) -> Part:
        asked = (one for one in wanted if _asked_by(one, extra))
        return Part(name, purpose, tuple(_package(one, version_of) for one in asked))

    core = part("core", "vectors: analysis, comparison, samplers, figures", "")
    always = {package.name for package in core.packages}
    extras = (part(name, purpose, name) for name, purpose in EXTRAS.items())
    return [core, *(_without(extra, always) for extra in extras if set(_names(extra)) - always)]


def _asked_by(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _package(requirement: Requirement, version_of: Callable[[str], str]) -> Package:
    try:
        found = version_of(requirement.name)
    except (PackageNotFoundError, KeyError):
        found = None
    return Package(requirement.name, str(requirement.specifier), found)


def _names(part: Part) -> Iterable[str]:
    return (package.name for package in part.packages)


def _without(part: Part, names: set[str]) -> Part:
    return Part(part.name, part.purpose, tuple(one for one in part.packages if one.name not in names))
