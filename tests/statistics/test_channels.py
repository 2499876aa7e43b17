"""Channels of latent arrays, against NumPy on the arrays themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpoints.statistics.channels import Channels, ChannelSums, by_position


def axes_of(order: str, rank: int) -> tuple[int, ...]:
    """All axes of (n, ...) but that of the channels."""
    channel = 1 if order == "channels-first" else rank
    return tuple(axis for axis in range(rank + 1) if axis != channel)


@settings(max_examples=40)
@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple),
    order=st.sampled_from(["channels-first", "channels-last"]),
    cut=st.integers(1, 19),
    offset=st.sampled_from([0.0, -3.0, 1e6]),
)
def test_they_are_those_of_the_array(shape, order, cut, offset):
    z = np.random.default_rng(0).normal(size=(20, *shape)) + offset
    channels, axes = Channels(shape, order), axes_of(order, len(shape))
    flat, centre = z.reshape(20, -1), z.mean(axis=axes)
    found = ChannelSums.of(flat[:cut], channels, centre) + ChannelSums.of(flat[cut:], channels, centre)
    np.testing.assert_allclose(found.mean, centre, rtol=1e-12)
    np.testing.assert_allclose(found.std, z.std(axis=axes, ddof=1), rtol=1e-9)
    assert (len(found.mean), channels.positions) == (channels.count, tuple(np.delete(shape, 0 if order == "channels-first" else -1)))  # fmt: skip  # noqa: E501
    other = 1 if order == "channels-first" else len(shape)
    mean, std = by_position(channels, 20, flat.mean(axis=0), flat.var(axis=0, ddof=1))
    np.testing.assert_allclose(mean, z.mean(axis=(0, other)).ravel(), rtol=1e-12)
    expected = z.std(axis=(0, other), ddof=1).ravel()
    np.testing.assert_allclose(std, expected, rtol=1e-7, atol=1e-6)


def test_standard_errors_are_those_of_repeated_samples():
    """Positions of one vector share most of what they have: errors over all values would be far too small."""
    random, channels = np.random.default_rng(0), Channels((2, 5, 5), "channels-first")
    found = []
    for _ in range(400):
        common = random.normal(size=(50, 2, 1, 1))
        z = ([[[1.0]], [[3.0]]] * (0.9 * common + 0.4 * random.normal(size=(50, 2, 5, 5)))).reshape(50, -1)
        centre = channels.of(z).mean(axis=(0, 2))
        sums = ChannelSums.of(z, channels, centre)
        found.append([sums.mean, sums.std, sums.mean_error, sums.std_error])
    mean, std, mean_error, std_error = np.array(found).swapaxes(0, 1)
    np.testing.assert_allclose(mean_error.mean(axis=0), mean.std(axis=0), rtol=0.12)
    np.testing.assert_allclose(std_error.mean(axis=0), std.std(axis=0), rtol=0.15)
    assert (mean_error.mean(axis=0) > 4 * std.mean(axis=0) / np.sqrt(50 * 25)).all(), (
        "as if all were independent"
    )


@pytest.mark.parametrize(
    ("shape", "order", "sure"),
    [
        ((4, 32, 32), "channels-first", True),
        ((32, 32, 4), "channels-last", True),
        ((256, 4, 4), "channels-first", True),
        ((4, 4, 256), "channels-last", True),
        ((512, 1, 1), "channels-first", True),
        ((1, 1, 512), "channels-last", True),
        ((4, 24, 32), "channels-first", True),
        ((24, 32, 4), "channels-last", True),
        ((16, 5, 24, 32), "channels-first", True),
        ((8, 8, 8), "channels-first", False),
        ((7, 7), "channels-first", False),
    ],
)
def test_the_order_is_guessed_from_the_shape(shape, order, sure):
    channels, found = Channels.guessed(shape)
    assert (channels.order, found) == (order, sure)
