"""Settings of a sampler that cannot be meant, refused in one line; and random numbers from whatever was given."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from zpoints.errors import UsageError

__all__ = ["check_choice", "check_number", "check_whole", "generator_of", "seed_of"]

SEEDS = 2**31


def check_number(
    sampler: Any,
    name: str,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    auto: bool = False,
) -> None:
    """Refuse a setting that is no finite number in its range; with `auto`, the word ``"auto"`` is as good."""
    value = getattr(sampler, name)
    if auto and isinstance(value, str) and value == "auto":
        return
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and math.isfinite(value) and above < value < below and least <= value <= most:
        return
    if above == 0 and most == below == math.inf:
        meant = "it must be positive"
    else:
        low = f"({above:g}" if above > least else f"[{least:g}"
        high = f"{below:g})" if below < most else f"{most:g}]"
        meant = f"it must lie in {low}, {high}"
    _refuse(sampler, name, meant + (', or be "auto"' if auto else ""))


def check_whole(sampler: Any, name: str, *, least: int, auto: bool = False) -> None:
    """Refuse a setting that is no whole number from `least` on."""
    value = getattr(sampler, name)
    if auto and isinstance(value, str) and value == "auto":
        return
    if not (isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least):
        _refuse(sampler, name, f"it must be a whole number from {least} on" + (', or "auto"' if auto else ""))


def check_choice(sampler: Any, name: str, *allowed: str) -> None:
    """Refuse a setting that is none of the words allowed."""
    value = getattr(sampler, name)
    if not (isinstance(value, str) and value in allowed):
        _refuse(sampler, name, f"it must be {', '.join(allowed[:-1])} or {allowed[-1]}")


def _refuse(sampler: Any, name: str, meant: str) -> None:
    value = f"{getattr(sampler, name)!r:.100}"
    raise UsageError(f"{type(sampler).__name__}: {name}={value}; {meant}")


def generator_of(random_state: Any) -> np.random.Generator:
    """Random numbers: a whole number gives the same ones again, None others, a generator its next ones.

    Parameters
    ----------
    random_state : None, a whole number from 0 on, ``numpy.random.Generator``, or the older ``RandomState``.

    Raises
    ------
    UsageError : anything else.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(SEEDS, size=4))
    whole = (
        isinstance(random_state, Integral) and not isinstance(random_state, bool) and int(random_state) >= 0
    )
    if not (random_state is None or whole or isinstance(random_state, np.random.Generator)):
        raise UsageError(
            f"random_state={random_state!r:.100}; give a whole number from 0 on, None, or a numpy.random.Generator"
        )
    return np.random.default_rng(random_state)


def seed_of(random_state: Any) -> int:
    """A whole number to draw by: the one that was given, or the next one of a generator."""
    generator = generator_of(random_state)
    return int(random_state) if isinstance(random_state, Integral) else int(generator.integers(SEEDS))
