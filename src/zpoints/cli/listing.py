"""Help texts that name what is there: built in, or of packages that are installed beside zpoints."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from typer.core import TyperCommand

__all__ = ["Listing", "filled"]

LISTS = {
    "samplers": "zpoints.samplers:SAMPLERS",
    "sources": "zpoints.images.sources:SOURCES",
    "features": "zpoints.judging.features:FEATURES",
    "formats": "zpoints.files.arrays:ARRAYS",
    "codecs": "zpoints.models.kinds:CODECS",
    "models": "zpoints.models.foreign.formats:MODEL_FORMATS",
}
"""What stands in braces in a help text, and the registry whose names take its place."""


class Listing(TyperCommand):
    """A command whose help text is filled in when it is asked for, and not at every start."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Fill in the names, and write the text."""
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = filled(text)  # type: ignore[attr-defined]
        if self.help:
            self.help = filled(self.help)
        super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer options with their help texts filled in; what is not offered is left alone."""
        found = super().shell_complete(ctx, incomplete)
        for item in found:
            item.help = filled(item.help) if item.help else item.help
        return found


def filled(text: str) -> str:
    """The text, with the names of a registry for each of `LISTS`."""
    for word, place in LISTS.items():
        if f"{{{word}}}" in text:
            text = text.replace(f"{{{word}}}", _listed(place))
    return text


def _listed(place: str) -> str:
    module, _, name = place.partition(":")
    names: Iterable[str] = getattr(import_module(module), name)
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
