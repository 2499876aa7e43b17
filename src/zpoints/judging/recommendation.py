"""Which sampler to use, in one sentence, and only as sure as the numbers are."""

from typing import Any

import numpy as np

__all__ = ["recommendation"]

BASELINES = ("resample",)
LEVEL = 0.95


def recommendation(
    samplers: dict[str, dict[str, Any]],
    baselines: dict[str, dict[str, Any]],
    drawn: dict[str, np.ndarray],
    n: int,
    asked_for: int,
    copies: float,
) -> dict[str, Any]:
    """The best sampler that does not copy, those that are as good within the noise, and a sentence.

    Parameters
    ----------
    drawn : bootstrapped Fréchet distances by sampler, from the same draws of held-out pictures.
    copies : samplers below this `nearest_ratio` copy.
    """
    warnings = []
    if n < asked_for:
        warnings.append(
            f"{n:,} held-out pictures, not {asked_for:,}: distances are larger than with more of them, and can be "
            "compared within this table only"
        )
    copying = [name for name, row in samplers.items() if row["nearest_ratio"] < copies]
    honest = [name for name in samplers if name not in copying and name not in BASELINES]
    if not honest:
        return {
            "best": None,
            "as_good": [],
            "copies": copying,
            "warnings": warnings,
            "sentence": _none(copying),
        }
    best = min(honest, key=lambda name: samplers[name]["frechet"])
    as_good = [name for name in honest if name != best and not _worse(drawn[name], drawn[best])]
    row, floor = samplers[best], baselines["reconstructions"]["frechet"]
    sentence = (
        f"Use {best}: of the samplers that do not copy, its pictures lie nearest to held-out ones (Fréchet distance "
        f"{row['frechet']:.4g} ± {row['frechet_error']:.2g}, {row['frechet'] / floor:.2f} times that of "
        f"reconstructions, {floor:.4g})"
    )
    if as_good:
        sentence += f"; {_listed(as_good)} {'are' if len(as_good) > 1 else 'is'} as good within the noise"
    copies_text = [name for name in copying if name not in BASELINES]
    if copies_text:
        sentence += (
            f". {_listed(copies_text)} {'lie' if len(copies_text) > 1 else 'lies'} nearer to training vectors than "
            "held-out ones do: near copies"
        )
    return {
        "best": best,
        "as_good": as_good,
        "copies": copying,
        "warnings": warnings,
        "sentence": sentence + ".",
    }


def _worse(other: np.ndarray, best: np.ndarray) -> bool:
    """Whether the interval of the difference leaves no doubt."""
    low = np.quantile(other - best, (1 - LEVEL) / 2)
    return bool(low > 0)


def _none(copying: list[str]) -> str:
    if copying:
        return "No sampler to recommend: all of them copy training vectors."
    return "No sampler to recommend: only baselines were judged."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
