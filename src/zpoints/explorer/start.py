"""What the page knows from its beginning: the distribution, and the planes that are worth a look."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from zpoints.analysis.result import BASES, Analysis, Basis
from zpoints.explorer.attributes import attributes_of, described
from zpoints.explorer.space import Space
from zpoints.statistics.correlation import strongest_pairs
from zpoints.statistics.ellipses import LEVELS, normal_coverage
from zpoints.statistics.margins import SCORES

__all__ = ["arrays_of", "heading_of"]

LISTED = 24  # planes, or components, of a list


def heading_of(space: Space) -> dict[str, Any]:
    """Plain values: names, numbers, lists."""
    distribution, analysis = space.distribution, space.analysis
    shape = None if space.store is None else list(space.store.shape)
    return {
        "name": space.name,
        "n": space.latents.n,
        "d": distribution.dimension,
        "rank": distribution.pca.rank,
        "dead": distribution.dead.tolist(),
        "latent_shape": list(distribution.shape),
        "levels": [{"sigma": sigma, "normal": normal_coverage(sigma)} for sigma in LEVELS],
        "pictures": shape,
        "codec": space.get_codec is not None,
        "samplers": [*space.samplers],
        "attributes": [described(attribute) for attribute in attributes_of(space.index)],
        "verdict": list(analysis.verdict) if analysis else [],
        "lists": _lists(space),
    }


def arrays_of(space: Space) -> dict[str, np.ndarray]:
    """Arrays, float32 but for numbers: what Mahalanobis distances and ellipses of any vector follow from."""
    distribution = space.distribution
    pca, margins = distribution.pca, distribution.margins
    found = {
        "mean": distribution.mean,
        "std": distribution.std,
        "scale": np.broadcast_to(pca.scale, distribution.mean.shape),
        "axes": pca.axes[: pca.rank],
        "variance": pca.variance[: pca.rank],
        "correlation": _correlation(distribution.covariance, distribution.std),
    }
    if margins is not None:
        found |= {"radii": margins.radii, "scores": SCORES}
    return {name: np.asarray(array, np.float32) for name, array in found.items()} | {
        "shown": space.shown.astype(np.int32)
    }


def _correlation(
    covariance: Float[np.ndarray, "d d"], std: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "d d"]:
    """Of all components; 0 with those that are constant."""
    unit = np.where(std > 0, std, 1.0)
    return covariance / np.outer(unit, unit)


def _lists(space: Space) -> list[dict[str, Any]]:
    """Planes to jump to, by what makes them worth a look."""
    if space.analysis is None:
        pairs = strongest_pairs(_correlation(space.distribution.covariance, space.distribution.std), LISTED)
        return [_list("Strongest correlation", "z", ((i, j, f"r = {r:+.2f}") for i, j, r in pairs))]
    found = []
    for basis in BASES:
        where = "" if basis == "z" else ", principal axes"
        planes = space.analysis.planes_of(basis).dropna(subset=["coverage_2"])
        if planes.empty:
            continue
        ranked = planes.sort_values("rank")
        found.append(_list(f"Least elliptic{where}", basis, _rows(ranked.head(LISTED), "agreement")))
        found.append(
            _list(f"Most elliptic{where}", basis, _rows(ranked.iloc[::-1].head(LISTED), "agreement"))
        )
        if basis == "z":
            strongest = planes.loc[planes["r"].abs().sort_values(ascending=False).index[:LISTED]]
            found.append(_list("Strongest correlation", basis, _rows(strongest, "r")))
            found.append(_list("Components that spoil most planes", basis, _spoilers(space.analysis)))
    return found


def _rows(planes: pd.DataFrame, column: str) -> Iterable[tuple[int, int, str]]:
    for (i, j), value in planes[column].items():
        yield i, j, f"r = {value:+.2f}" if column == "r" else f"agreement {value:.2f}"


def _spoilers(analysis: Analysis) -> Iterable[tuple[int, int, str]]:
    """Components by the mean deviation of their planes, each with the plane that suffers most."""
    planes = analysis.planes["deviation"].dropna()
    both = pd.concat([planes, planes.swaplevel()])
    mean = both.groupby(level=0).mean().sort_values(ascending=False).head(LISTED)
    for number, deviation in mean.items():
        partner = both.loc[number].idxmax()
        yield int(number), int(partner), f"its planes deviate by {deviation:.3g} standard errors on average"


def _list(name: str, basis: Basis, planes: Iterable[tuple[int, int, str]]) -> dict[str, Any]:
    return {"name": name, "basis": basis, "planes": [[int(i), int(j), text] for i, j, text in planes]}
