"""The pictures made small are what PyTorch's adaptive mean pooling makes of them, whatever their size."""

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings

from zpoints.judging.features.pixels import SIDE, Pixels
from zpoints.system.progress import Silent


@settings(max_examples=40)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    colours=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_equal_to_adaptive_mean_pooling(height: int, width: int, colours: int, seed: int) -> None:
    pictures = np.random.default_rng(seed).integers(0, 256, (3, height, width, colours), np.uint8)
    found = Pixels(colours, Silent()).of(pictures)
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).double() / 255
    pooled = torch.nn.functional.adaptive_avg_pool2d(x, SIDE).reshape(3, -1).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, pooled, atol=2e-6)
