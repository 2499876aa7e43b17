"""The card: what it says of planted laws, that it saves and loads, and that it does not depend on the order."""

from pathlib import Path

import numpy as np
import pytest

import zpoints as zp
from planted import planted

N, D = 4000, 12


def student(nu: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(N, D)) / np.sqrt(random.chisquare(nu, (N, 1)) / nu)


@pytest.fixture(scope="module")
def normal() -> zp.Gaussianity:
    return zp.gaussianity(np.random.default_rng(0).normal(size=(N, D)))


def test_standard_normal_vectors(normal: zp.Gaussianity) -> None:
    assert abs(normal.as_it_is.z) < 3
    assert abs(normal.whitened.z) < 3
    assert normal.kind == "normal within the noise"
    assert normal.spectrum.effective_rank == pytest.approx(D, abs=0.1)
    assert normal.sphere is None
    assert normal.intrinsic_dimension == pytest.approx(normal.normal_intrinsic_dimension, rel=0.15)


def test_normal_of_another_mean_and_covariance_is_normal_but_not_as_it_is() -> None:
    random = np.random.default_rng(1)
    card = zp.gaussianity(random.normal(size=(N, D)) @ random.normal(size=(D, D)) + 1.0)
    assert card.as_it_is.z > 100
    assert abs(card.whitened.z) < 4
    assert card.kind == "normal within the noise"


def test_heavy_radii_are_elliptical() -> None:
    card = zp.gaussianity(student(6.0))
    assert card.kind.startswith("elliptical, about t with")
    assert card.freedom == pytest.approx(6.0, rel=0.2)
    assert card.negentropy is not None
    assert card.negentropy.nats > 5 * card.negentropy.error
    assert card.kappa is not None
    assert card.kappa > 0.2


def test_the_components_of_the_worst_direction_are_named() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(N, D))
    x[:, 7] = random.choice([-1.0, 1.0], N) + 0.2 * random.normal(size=N)
    card = zp.gaussianity(x * np.arange(1, D + 1))
    assert card.worst[0].components[0] == 7
    assert abs(card.worst[0].weights[0]) > 0.95
    assert card.worst[0].log10_p < -20
    assert "z7" in card.worst[0].words
    assert card.kind != "normal within the noise"


def test_vectors_of_length_one_are_measured_beside_a_sphere() -> None:
    x = np.random.default_rng(3).normal(size=(N, D))
    uniform = x / np.linalg.norm(x, axis=1, keepdims=True)
    card = zp.gaussianity(uniform)
    assert card.sphere is not None
    assert abs(card.sphere.z) < 4
    assert card.kind == "uniform on a sphere within the noise"
    x[:, 0] += 1.0
    pulled = zp.gaussianity(x / np.linalg.norm(x, axis=1, keepdims=True))
    assert pulled.kind == "on a sphere, not uniform"


def test_constant_components_are_left_out(normal: zp.Gaussianity) -> None:
    x = np.random.default_rng(0).normal(size=(N, D))
    card = zp.gaussianity(np.insert(x, 3, 5.0, axis=1))
    assert (card.d, card.dimension) == (D + 1, D)
    assert card.whitened.mean == pytest.approx(normal.whitened.mean, rel=0.3)
    assert card.worst[0].components[0] != 3


def test_few_vectors_have_a_card_without_what_takes_many() -> None:
    card = zp.gaussianity(np.random.default_rng(4).normal(size=(40, 30)))
    assert card.worst == ()
    assert abs(card.whitened.z) < 4
    with pytest.raises(zp.ArrayError, match="19 vectors; a card takes 20 at least"):
        zp.gaussianity(np.zeros((19, 3)))


def test_it_is_saved_and_printed(normal: zp.Gaussianity, tmp_path: Path) -> None:
    normal.save(tmp_path / "card.json")
    assert zp.Gaussianity.load(tmp_path / "card.json") == normal
    assert normal.markdown.count("\n") > 8
    assert "\n" not in normal.line
    assert normal.line.endswith("normal within the noise")
    for figure in (zp.plots.card(normal), zp.plots.history([normal, normal]), zp.plots.history({0: normal})):
        assert zp.plots.png(figure).startswith(b"\x89PNG")


def test_a_file_gives_what_the_array_gives(normal: zp.Gaussianity, tmp_path: Path) -> None:
    np.save(tmp_path / "z.npy", np.random.default_rng(0).normal(size=(N, D)))
    assert zp.gaussianity(tmp_path / "z.npy") == normal


@pytest.mark.parametrize("name", ["laplace", "2 clusters", "banana", "uniform cube"])
def test_what_is_not_normal_is_not_called_so(name: str) -> None:
    assert zp.gaussianity(planted(name, N, 8, 1)).kind != "normal within the noise"


@pytest.mark.parametrize(("d", "curved"), [(2, False), (5, False), (2, True)])
def test_the_intrinsic_dimension_of_manifolds(d: int, curved: bool) -> None:
    random = np.random.default_rng(d)
    x = random.uniform(-1, 1, size=(N, d))
    spread = x @ random.normal(size=(d, 20))
    x = np.sin(spread) if curved else spread + 0.0
    assert zp.gaussianity(x).intrinsic_dimension == pytest.approx(d, rel=0.12)


@pytest.mark.slow
def test_normal_vectors_raise_an_alarm_once_in_a_hundred_cards_at_most() -> None:
    kinds = [
        zp.gaussianity(np.random.default_rng([seed, 9]).normal(size=(n, d)), seed=seed).kind
        for n, d in ((100, 4), (500, 40), (2000, 16))
        for seed in range(60)
    ]
    assert sum(kind != "normal within the noise" for kind in kinds) <= 5
