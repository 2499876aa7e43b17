"""The samplers that the settings ask for, each with its own settings."""

from typing import TYPE_CHECKING, Any

from zpoints.config import SampleSettings
from zpoints.errors import UsageError

if TYPE_CHECKING:
    from zpoints.samplers import Sampler

__all__ = ["check_samplers", "options_of", "sampler_of"]

WITH_ELLIPSES = ("ellipse", "ellipse-pairs")
"""Samplers for which ``samples.sigma`` is the default of their own `sigma`."""


def options_of(settings: SampleSettings, method: str) -> dict[str, Any]:
    """What one sampler is constructed with, its temperature included: its own table on top of the common settings."""
    common: dict[str, Any] = {"temperature": settings.temperature}
    if method in WITH_ELLIPSES:
        common["sigma"] = settings.sigma
    return common | settings.options.get(method, {})


def sampler_of(settings: SampleSettings, method: str) -> "Sampler":
    """A sampler as the settings want it, not fitted yet.

    Raises
    ------
    UsageError : no such sampler, no such option of it, or a value that it does not take.
    """
    from zpoints.samplers import by_name

    options = options_of(settings, method)
    temperature = options.pop("temperature")
    return by_name(method, options, temperature=temperature)


def check_samplers(settings: SampleSettings) -> None:
    """Construct every sampler that the settings speak of, so that mistakes are met before any work.

    Raises
    ------
    UsageError : as `sampler_of`, with the name of the table.
    """
    from zpoints.samplers import SAMPLERS

    for method in settings.methods:
        SAMPLERS.check(method)
    for name in settings.options:
        try:
            sampler_of(settings, SAMPLERS.check(name))
        except UsageError as error:
            raise UsageError(f"samples.options.{name}: {error}") from error
    for method in settings.methods:
        sampler_of(settings, method)
