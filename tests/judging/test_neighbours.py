"""Nearest vectors by brute force; planted copies are found at their share, and no sampler that copies nothing is."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from support import correlated
from zpoints.judging import neighbours
from zpoints.judging.neighbours import Nearest, copied_share, copying_z
from zpoints.judging.result import COPIES, DOUBT
from zpoints.samplers import Ellipse, Kernel, Mixture, Normal, Resample
from zpoints.vectors.latent_set import LatentSet


def test_the_nearest_vectors_are_those_of_brute_force(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 37)
    training, z = correlated(400, 6).astype(np.float32), correlated(50, 6, 1)
    found = Nearest.of(z, LatentSet.open(training))
    distance = np.linalg.norm(z[:, None] - training[None].astype(float), axis=2)
    order = np.argsort(distance, axis=1)[:, :12]
    np.testing.assert_array_equal(found.numbers, order)
    np.testing.assert_allclose(found.distances, np.take_along_axis(distance, order, 1), rtol=1e-6)
    np.testing.assert_array_equal(found.number, order[:, 0])


def test_fewer_vectors_than_are_kept():
    found = Nearest.of(correlated(7, 3), LatentSet.open(correlated(5, 3, 1)))
    assert found.distances.shape == (7, 5)
    assert (np.sort(found.numbers, axis=1) == np.arange(5)).all()
    assert 0 <= copied_share(found, found).share <= 1


def test_a_copy_is_at_distance_zero():
    training = correlated(300, 5)
    found = Nearest.of(training[[7, 100]], LatentSet.open(training))
    np.testing.assert_array_equal(found.number, [7, 100])
    assert found.distance.max() < 1e-5


class Cloud:
    """Training vectors and held-out ones of one law."""

    def __init__(self, training: np.ndarray, held: np.ndarray) -> None:
        self.rows, self.latents = training, LatentSet.open(training.astype(np.float32))
        self.held = Nearest.of(held, self.latents)

    @classmethod
    def normal(cls, n: int, m: int, d: int, seed: int = 0) -> "Cloud":
        random = np.random.default_rng(seed)
        return cls(random.normal(size=(n, d)), random.normal(size=(m, d)))

    def copied(self, z: np.ndarray) -> tuple[float, float]:
        return copied_share(Nearest.of(z.astype(np.float64), self.latents), self.held)

    def copies(self, z: np.ndarray) -> bool:
        share, error = self.copied(z)
        return share - DOUBT * error > COPIES


def assert_planted(cloud: Cloud, m: int, seed: int) -> None:
    """5, 20 and 100 % of the draws are training vectors, most of them a little moved."""
    random = np.random.default_rng([seed, 1])
    d = cloud.rows.shape[1]
    for share in (0.05, 0.2, 1.0):
        z = random.normal(size=(m, d))
        planted = random.random(m) < share
        moved = random.choice([0.0, 0.02, 0.1], size=(m, 1))
        copies = cloud.rows[random.integers(len(cloud.rows), size=m)] + moved * random.normal(size=(m, d))
        z[planted] = copies[planted]
        found, error = cloud.copied(z)
        assert abs(found - share) < 4 * error
        assert error < 0.03
        # 5 % of 600 draws may be 2 %, and in doubt.
        assert share < 0.1 or found - DOUBT * error > COPIES


def test_planted_copies_are_found_at_their_share():
    assert_planted(Cloud.normal(3000, 600, 32), 600, 0)


@pytest.mark.slow
@pytest.mark.parametrize("d", [64, 256])
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_copies_among_nine_thousand(d, seed):
    assert_planted(Cloud.normal(9000, 1000, d, seed), 1000, seed)


def assert_honest(cloud: Cloud, m: int) -> None:
    for sampler in (Normal(), Normal(temperature=0.8), Ellipse(sigma=2.0)):
        assert not cloud.copies(sampler.fit(cloud.latents).sample(m, seed=1)), sampler
    for sampler in (Resample(), Kernel(width=0.05)):
        assert cloud.copied(sampler.fit(cloud.latents).sample(m, seed=1))[0] > 0.95


def test_narrow_samplers_are_no_copies_and_those_that_draw_training_vectors_are():
    assert_honest(Cloud.normal(1500, 300, 24), 300)


@pytest.mark.slow
@pytest.mark.parametrize("d", [64, 256])
def test_the_same_among_nine_thousand(d):
    cloud = Cloud.normal(9000, 1000, d)
    assert_honest(cloud, 1000)
    assert not cloud.copies(Mixture().fit(cloud.latents).sample(1000, seed=1))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_no_copies_where_vectors_of_one_law_lie_close_by_chance(d):
    said = [
        Cloud.normal(2000, 300, d, s).copies(np.random.default_rng([s, 2]).normal(size=(300, d)))
        for s in range(5)
    ]
    assert not any(said)


def test_repeated_training_vectors_count_once():
    random = np.random.default_rng(0)
    once, held, fresh = (random.normal(size=(n, 16)) for n in (1000, 300, 300))
    cloud = Cloud(np.concatenate([once, once]), held)
    assert not cloud.copies(fresh)
    assert cloud.copied(once[:300])[0] > 0.95


def test_what_held_out_vectors_repeat_themselves_is_no_copying():
    """A tenth of all vectors comes in pairs of nearly the same, as frames of a film do."""
    random = np.random.default_rng(0)
    training, held, drawn = (random.normal(size=(n, 16)) for n in (2000, 500, 500))
    held[:50] = training[:50] + 0.01 * random.normal(size=(50, 16))
    drawn[:50] = training[50:100] + 0.01 * random.normal(size=(50, 16))
    assert not Cloud(training, held).copies(drawn)
    assert Cloud(training, random.normal(size=(500, 16))).copies(drawn)


def test_copies_of_vectors_that_were_not_looked_through_are_made_up_for():
    random = np.random.default_rng(0)
    training, held = random.normal(size=(4000, 16)), random.normal(size=(800, 16))
    z = np.concatenate([random.normal(size=(400, 16)), training[random.choice(4000, 400)]])
    some = LatentSet.open(training[:2000])
    found = copied_share(Nearest.of(z, some), Nearest.of(held, some), 0.5)
    assert found.share == pytest.approx(0.5, abs=4 * found.error)
    assert found.error < 0.06


def test_the_z_of_copying_is_that_of_mann_and_whitney():
    random = np.random.default_rng(0)
    for shift in (-0.3, 0.0, 0.2):
        a, b = random.normal(size=200) + shift, random.normal(size=150)
        near, far = (Nearest(x[:, None], np.zeros((len(x), 1), int)) for x in (a, b))
        p = mannwhitneyu(a, b, alternative="less", method="asymptotic", use_continuity=False).pvalue
        assert copying_z(near, far) == pytest.approx(norm.ppf(p), abs=1e-6)
