"""Which sampler to use, in one sentence, and only as sure as the numbers are."""

from dataclasses import replace

import numpy as np

from zpoints.judging.result import Judgement

__all__ = ["recommended"]

BASELINES = ("resample",)
LEVEL = 0.95


def recommended(judgement: Judgement, drawn: dict[str, np.ndarray], copies: float) -> Judgement:
    """The same with the best sampler that does not copy, those that are as good within the noise, and a sentence.

    Parameters
    ----------
    drawn : bootstrapped Fréchet distances by sampler, from the same draws of held-out pictures.
    copies : samplers below this `nearest_ratio` copy.
    """
    samplers, warnings = judgement.samplers, _warnings(judgement)
    copying = [name for name, row in samplers.items() if row.copies(copies)]
    found = replace(judgement, copies=tuple(copying), warnings=warnings)
    honest = [name for name in samplers if name not in copying and name not in BASELINES]
    if not honest:
        return replace(found, sentence=_none(copying))
    best = min(honest, key=lambda name: samplers[name].frechet)
    as_good = [name for name in honest if name != best and not _worse(drawn[name], drawn[best])]
    sentence = _sentence(judgement, best, as_good, [name for name in copying if name not in BASELINES])
    return replace(found, best=best, as_good=tuple(as_good), sentence=sentence)


def _warnings(judgement: Judgement) -> tuple[str, ...]:
    n, asked_for = judgement.n, judgement.asked_for or 0
    if n >= asked_for:
        return ()
    return (
        f"{n:,} held-out pictures, not {asked_for:,}: distances are larger than with more of them, and can be "
        "compared within this table only",
    )


def _sentence(judgement: Judgement, best: str, as_good: list[str], copying: list[str]) -> str:
    row, floor = judgement.samplers[best], judgement.baselines["reconstructions"].frechet
    sentence = (
        f"Use {best}: of the samplers that do not copy, its pictures lie nearest to held-out ones (Fréchet distance "
        f"{row.frechet:.4g} ± {row.frechet_error:.2g}"
    )
    # Without a ratio reconstructions lie at a distance of 0.
    sentence += (
        f", {row.ratio:.2f} times that of reconstructions, {floor:.4g})" if row.ratio is not None else ")"
    )
    if as_good:
        sentence += f"; {_listed(as_good)} {'are' if len(as_good) > 1 else 'is'} as good within the noise"
    if copying:
        sentence += (
            f". {_listed(copying)} {'lie' if len(copying) > 1 else 'lies'} nearer to training vectors than "
            "held-out ones do: near copies"
        )
    return sentence + "."


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
