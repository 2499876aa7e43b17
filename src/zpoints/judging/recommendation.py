"""Which sampler to use, in one sentence, and only as sure as the numbers are."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.stats import kendalltau, studentized_range

from zpoints.judging.frechet import FrechetFigures
from zpoints.judging.result import Judgement

__all__ = ["agreement", "clearly_worse", "recommended"]

BASELINES = ("resample",)
LEVEL = 0.95
AXES = 4  # vectors for each axis, below which extrapolated distances are still too large


def recommended(judgement: Judgement, found: Mapping[str, FrechetFigures]) -> Judgement:
    """The same with the best sampler that does not copy, those that are as good within the noise, and a sentence.

    Parameters
    ----------
    found : Fréchet distances by sampler, from the same held-out pictures.
    """
    samplers, warnings = judgement.samplers, _warnings(judgement)
    copying = [name for name, row in samplers.items() if row.copies]
    judged = replace(judgement, copies=tuple(copying), warnings=(*judgement.warnings, *warnings))
    honest = [name for name in samplers if name not in copying and name not in BASELINES]
    if not honest:
        return replace(judged, sentence=_none(copying))
    best = min(honest, key=lambda name: samplers[name].frechet)
    worse = clearly_worse({name: found[name] for name in honest})
    as_good = [name for name in honest if name != best and name not in worse]
    sentence = _sentence(judgement, best, as_good, [name for name in copying if name not in BASELINES])
    return replace(judged, best=best, as_good=tuple(as_good), sentence=sentence)


def clearly_worse(found: Mapping[str, FrechetFigures]) -> list[str]:
    r"""Samplers whose distance is larger than the smallest one by more than the noise, chosen as that was among K.

    Each difference is measured in its own standard error, in which the shared held-out pictures cancel. The limit is
    that of all pairs together, the 95 % quantile of the studentised range of K normal variables over
    :math:`\sqrt 2` (Tukey and Kramer): of K equal samplers one is called worse in at most 5 % of all judgements, and
    not, as with a limit for one pair, the more often the more there are. In fewer where all lie near 0, since there
    the errors are too large (see `FrechetReference`): 2 % of six in 64 axes by 500 pictures, less in fewer axes.

    References
    ----------
    C. Kramer, Extension of multiple range tests to group means with unequal numbers of replications, Biometrics 12
    (1956), https://doi.org/10.2307/3001469

    Examples
    --------
    >>> from zpoints.judging.frechet import FrechetReference
    >>> random = np.random.default_rng(0)
    >>> held = FrechetReference.of(random.normal(size=(400, 8)))
    >>> drawn = {f"{s}": held.distance(s * random.normal(size=(400, 8))) for s in (1.2, 0.8, 2.0)}
    >>> clearly_worse(drawn)
    ['2.0']
    """
    best = min(found, key=lambda name: found[name].extrapolated)
    others = [name for name in found if name != best]
    if not others:
        return []
    limit = studentized_range.ppf(LEVEL, len(found), np.inf) / np.sqrt(2)
    return [
        name
        for name in others
        if found[name].extrapolated - found[best].extrapolated
        > limit * found[name].error_of_difference(found[best])
    ]


def agreement(judgement: Judgement) -> Judgement:
    """The same with how far the samplers' orders by the two kinds of features agree: Kendall's tau.

    References
    ----------
    M. Kendall, A new measure of rank correlation, Biometrika 30 (1938), https://doi.org/10.1093/biomet/30.1-2.81
    """
    rows = judgement.samplers
    second = {name: row.second_frechet for name, row in rows.items() if row.second_frechet is not None}
    if len(second) < 2:
        return judgement
    honest = [name for name in second if name not in judgement.copies and name not in BASELINES]
    found = kendalltau([rows[name].frechet for name in second], list(second.values()))
    # All at the same distance have no order.
    tau, p = (None, None) if np.isnan(found.statistic) else (float(found.statistic), float(found.pvalue))
    first = min(honest, key=lambda name: second[name], default=None)
    return replace(judgement, tau=tau, tau_p=p, second_best=first)


def _warnings(judgement: Judgement) -> tuple[str, ...]:
    n, asked_for, axes = judgement.n, judgement.asked_for or 0, judgement.axes or 0
    found = []
    if n < asked_for:
        found.append(
            f"{n:,} held-out pictures, not {asked_for:,}: errors are larger than with more of them, and so are plain "
            "distances"
        )
    if n < AXES * axes:
        found.append(
            f"{n:,} pictures for {axes:,} axes are few: extrapolated distances, too, depend on how many there are"
        )
    return tuple(found)


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
        shares = [_share(judgement, name) for name in copying]
        sentence += f". Left out, since draws are copies of training vectors: {_listed(shares)}"
    return sentence + "."


def _none(copying: list[str]) -> str:
    if copying:
        return "No sampler to recommend: all of them copy training vectors."
    return "No sampler to recommend: only baselines were judged."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _share(judgement: Judgement, name: str) -> str:
    """Name and share of copies, of vectors or of pictures, whichever is larger."""
    row = judgement.samplers[name]
    found = [
        (share, error or 0.0)
        for share, error in (
            (row.copied, row.copied_error),
            (row.copied_pictures, row.copied_pictures_error),
        )
        if share is not None
    ]
    if not found:
        return name
    share, error = max(found)
    return f"{name} ({100 * share:.0f} ± {100 * error:.1g} %)"
