"""The samplers that the settings ask for, each with its own settings."""

from typing import TYPE_CHECKING, Any

from zpoints.config import SampleSettings
from zpoints.errors import UsageError

if TYPE_CHECKING:
    from zpoints.samplers import Sampler

__all__ = ["check_samplers", "options_of", "sampler_of"]


def sampler_of(settings: SampleSettings, method: str) -> "Sampler":
    """A sampler as the settings want it, not fitted yet: its own table goes before the common settings.

    Raises
    ------
    UsageError : no such sampler, no such option of it, or a value that it does not take.
    """
    from zpoints.samplers import by_name

    options = settings.options.get(method)
    return by_name(method, options, sigma=settings.sigma, temperature=settings.temperature)


def options_of(settings: SampleSettings, method: str) -> dict[str, Any]:
    """Every setting that a sampler is constructed with, as plain values."""
    return sampler_of(settings, method).get_params(deep=False)


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
