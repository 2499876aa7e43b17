"""Clouds of a known kind, planted behind a hidden linear map: what a verdict must name.

Every maker takes `(n, d, seed)` and gives float32 vectors `(n, d)` in random order (`few` and `one_component` give
other shapes, and say so). Three kinds of disguise:

- by a whole linear map (`_hidden`: rotation, scales from 1 to 1/8, another rotation, an offset), where the kind
  survives it: all laws that are elliptical, curved, or made of clusters;
- by scales and an offset for each component alone (`_scaled`), where the kind lies in the margins: uniform cube,
  Laplace, Cauchy, skew normal, one-hot, binary. A rotation would make normal margins of them;
- none for the sphere: scales would make an ellipsoid of it.

`REGIONS` says of how many separate regions each consists; None where the vectors repeat a few values, and the number
of regions is not the thing to say.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

__all__ = ["MAKERS", "REGIONS", "one_component_two_modes", "outlying_clump", "planted"]

Maker = Callable[[int, int, int], np.ndarray]


def planted(name: str, n: int = 20_000, d: int = 32, seed: int = 0) -> np.ndarray:
    """The cloud of this name."""
    return MAKERS[name](n, d, seed)


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([2017, seed])


def _rotation(d: int, random: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(random.normal(size=(d, d)))
    return q * np.sign(np.diag(r))


def _scales(d: int, random: np.random.Generator) -> np.ndarray:
    return 2.0 ** random.uniform(-3, 0, d)


def _hidden(base: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rotated, stretched, rotated again and moved: x = base Q diag(s) R + b."""
    d = base.shape[1]
    turned = base @ (_rotation(d, random) * _scales(d, random)) @ _rotation(d, random)
    return random.permutation(turned + random.normal(size=d)).astype(np.float32)


def _scaled(base: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each component times a scale of its own, and moved: the margins keep their law, the components stay."""
    d = base.shape[1]
    return random.permutation(base * _scales(d, random) + random.normal(size=d)).astype(np.float32)


def _with_noise(shape: np.ndarray, d: int, random: np.random.Generator) -> np.ndarray:
    """A curved shape of mean 0 and variance 1 in the first axes, standard normal in all the others."""
    shape = (shape - shape.mean(axis=0)) / shape.std(axis=0)
    return np.column_stack([shape, random.normal(size=(len(shape), d - shape.shape[1]))])


def normal(n: int, d: int, seed: int) -> np.ndarray:
    random = _random(seed)
    return _hidden(random.normal(size=(n, d)), random)


def student(n: int, d: int, seed: int, nu: float) -> np.ndarray:
    """Multivariate t: one chi-square for all components of a vector."""
    random = _random(seed)
    return _hidden(random.normal(size=(n, d)) / np.sqrt(random.chisquare(nu, (n, 1)) / nu), random)


def uniform_cube(n: int, d: int, seed: int) -> np.ndarray:
    random = _random(seed)
    return _scaled(random.uniform(-1, 1, (n, d)), random)


def laplace(n: int, d: int, seed: int) -> np.ndarray:
    """Independent Laplace margins."""
    random = _random(seed)
    return _scaled(random.laplace(size=(n, d)), random)


def cauchy(n: int, d: int, seed: int) -> np.ndarray:
    """Independent Cauchy margins."""
    random = _random(seed)
    return _scaled(random.standard_cauchy((n, d)), random)


def skew_normal(n: int, d: int, seed: int, alpha: float = 5.0) -> np.ndarray:
    """Independent skew normal margins (skewness 0.85)."""
    random = _random(seed)
    delta = alpha / np.sqrt(1 + alpha**2)
    half, whole = np.abs(random.normal(size=(n, d))), random.normal(size=(n, d))
    return _scaled(delta * half + np.sqrt(1 - delta**2) * whole, random)


def odd_component(d: int) -> int:
    """The component of `normal_but_one` that is not normal."""
    return d // 3


def normal_but_one(n: int, d: int, seed: int) -> np.ndarray:
    """Normal and correlated, but for component `odd_component(d)`: exponential, and independent of the others."""
    random = _random(seed)
    x = _hidden(random.normal(size=(n, d)), random)
    x[:, odd_component(d)] = random.exponential(0.5, n)
    return x


def ring(n: int, d: int, seed: int, thickness: float = 0.1) -> np.ndarray:
    """A circle of radius 1, blurred by a normal."""
    random = _random(seed)
    angle = random.uniform(0, 2 * np.pi, n)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) + thickness * random.normal(size=(n, 2))
    return _hidden(_with_noise(circle, d, random), random)


def torus(n: int, d: int, seed: int) -> np.ndarray:
    """Radii 3 and 1, blurred; uniform in both angles."""
    random = _random(seed)
    a, b = random.uniform(0, 2 * np.pi, (2, n))
    out = 3 + np.cos(b)
    shape = np.column_stack([out * np.cos(a), out * np.sin(a), np.sin(b)])
    return _hidden(_with_noise(shape + 0.1 * random.normal(size=shape.shape), d, random), random)


def spiral(n: int, d: int, seed: int) -> np.ndarray:
    """Archimedes' spiral of one and a half turns, uniform along its length."""
    random = _random(seed)
    turn = np.sqrt(random.uniform(1, 16, n)) / 4  # density along the angle grows with the radius
    angle = 3 * np.pi * turn
    shape = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)]) + 0.5 * random.normal(size=(n, 2))
    return _hidden(_with_noise(shape, d, random), random)


def swiss_roll(n: int, d: int, seed: int) -> np.ndarray:
    """As scikit-learn's `make_swiss_roll`: a sheet, rolled by one and a half turns."""
    random = _random(seed)
    angle = 1.5 * np.pi * (1 + 2 * random.uniform(size=n))
    shape = np.column_stack([angle * np.cos(angle), 21 * random.uniform(size=n), angle * np.sin(angle)])
    return _hidden(_with_noise(shape + 0.5 * random.normal(size=shape.shape), d, random), random)


def clusters(n: int, d: int, seed: int, count: int, distance: float = 12.0) -> np.ndarray:
    """Equal normal clusters, as many vectors in each; centres about `distance` standard deviations apart."""
    random = _random(seed)
    centres = random.normal(size=(count, d))
    centres *= distance / np.sqrt(2) / np.linalg.norm(centres, axis=1, keepdims=True)
    if count == 2:
        centres[1] = -centres[0] / np.sqrt(2)
        centres[0] /= np.sqrt(2)
    return _hidden(centres[np.arange(n) % count] + random.normal(size=(n, d)), random)


def one_hot(n: int, d: int, seed: int) -> np.ndarray:
    """One component is on, the others off; the shares differ by up to 3."""
    random = _random(seed)
    share = random.uniform(1, 3, d)
    return _scaled(np.eye(d)[random.choice(d, n, p=share / share.sum())], random)


def binary(n: int, d: int, seed: int) -> np.ndarray:
    """Independent components of two values, the rarer with a probability from 0.2 to 0.5."""
    random = _random(seed)
    return _scaled((random.uniform(size=(n, d)) < random.uniform(0.2, 0.8, d)).astype(float), random)


def outliers(n: int, d: int, seed: int, share: float = 0.05) -> np.ndarray:
    """Normal, but for 5 % of the vectors that are scattered ten times as wide."""
    random = _random(seed)
    far = random.uniform(size=(n, 1)) < share
    return _hidden(random.normal(size=(n, d)) * np.where(far, 10, 1), random)


def outlying_clump(n: int, d: int, seed: int, share: float = 0.05) -> np.ndarray:
    """Normal, but for 5 % of the vectors in a clump 12 sigma away, half as wide as the rest: two regions."""
    random = _random(seed)
    far = random.uniform(size=n) < share
    x = random.normal(size=(n, d)) * np.where(far, 0.5, 1)[:, None]
    x[:, 0] += 12 * far
    return _hidden(x, random)


def sphere(n: int, d: int, seed: int) -> np.ndarray:
    """Uniform on the unit sphere, as it is."""
    x = _random(seed).normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def doubled(n: int, d: int, seed: int) -> np.ndarray:
    """Normal, every vector twice (the last of an odd number once)."""
    half = normal((n + 1) // 2, d, seed)
    return _random(seed + 1).permutation(np.concatenate([half, half])[:n])


def banana(n: int, d: int, seed: int) -> np.ndarray:
    """Normal, but one component is bent by the square of another."""
    random = _random(seed)
    x = random.normal(size=(n, d))
    x[:, 1] += x[:, 0] ** 2 - 1
    return _hidden(x, random)


def heteroscedastic(n: int, d: int, seed: int) -> np.ndarray:
    """Normal, but the width of one component grows with another, from 0.3 to 3 within two sigma."""
    random = _random(seed)
    x = random.normal(size=(n, d))
    x[:, 1] *= np.exp(0.6 * x[:, 0])
    return _hidden(x, random)


def few(n: int, d: int, seed: int) -> np.ndarray:
    """Normal, with fewer vectors than components: at most d // 2."""
    return normal(min(n, max(d // 2, 2)), d, seed)


def one_component(n: int, d: int, seed: int) -> np.ndarray:
    """Normal, of one component whatever d is."""
    return normal(n, 1, seed)


def one_component_two_modes(n: int, d: int, seed: int) -> np.ndarray:
    """Two normals 5 sigma apart, of one component whatever d is: two regions."""
    return clusters(n, 1, seed, 2, distance=5.0)


MAKERS: dict[str, Maker] = {
    "normal": normal,
    "t3": partial(student, nu=3),
    "t5": partial(student, nu=5),
    "t10": partial(student, nu=10),
    "t30": partial(student, nu=30),
    "uniform cube": uniform_cube,
    "laplace": laplace,
    "cauchy": cauchy,
    "skew normal": skew_normal,
    "normal but one": normal_but_one,
    "ring": ring,
    "torus": torus,
    "spiral": spiral,
    "swiss roll": swiss_roll,
    "2 clusters": partial(clusters, count=2),
    "7 clusters": partial(clusters, count=7),
    "20 clusters": partial(clusters, count=20),
    "100 clusters": partial(clusters, count=100),
    "one-hot": one_hot,
    "binary": binary,
    "5 % outliers": outliers,
    "sphere": sphere,
    "doubled": doubled,
    "banana": banana,
    "heteroscedastic": heteroscedastic,
    "n < d": few,
    "one component": one_component,
}

REGIONS: dict[str, int | None] = dict.fromkeys(MAKERS, 1) | {
    "2 clusters": 2,
    "7 clusters": 7,
    "20 clusters": 20,
    "100 clusters": 100,
    "one-hot": None,
    "binary": None,
}
