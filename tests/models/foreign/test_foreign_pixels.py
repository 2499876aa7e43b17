"""Pictures to a model's input and back: the same bytes, whatever the recipe; and each setting does what it says."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zpoints.models.foreign.pixels import from_model, input_shape, to_model
from zpoints.models.foreign.recipe import Recipe

LAYOUTS = ("channels-first", "channels-last", "flat-channels-first", "flat-channels-last")
numbers = st.floats(-300, 300, width=32)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    channels = draw(st.sampled_from([1, 3]))
    scaling: dict[str, object] = {}
    if draw(st.booleans()):
        scaling["mean"] = tuple(draw(st.floats(-2, 2)) for _ in range(channels))
        scaling["std"] = tuple(draw(st.floats(0.01, 4)) for _ in range(channels))
    else:
        black, width = draw(numbers), draw(st.floats(0.1, 300))
        scaling["range"] = (black, black + draw(st.sampled_from([-1, 1])) * width)
    return Recipe(
        format="onnx",
        size=(draw(st.integers(1, 7)), draw(st.integers(1, 7))),
        channels=channels,
        layout=draw(st.sampled_from(LAYOUTS)),
        order=draw(st.sampled_from(["rgb", "bgr"])),
        transposed=draw(st.booleans()),
        latent_shape=(1,),
        **scaling,
    )


@given(recipes(), st.integers(0, 2**32 - 1))
def test_there_and_back_are_the_same_bytes(recipe: Recipe, seed: int) -> None:
    pictures = np.random.default_rng(seed).integers(0, 256, (3, *recipe.shape), dtype=np.uint8)
    x = to_model(pictures, recipe)
    assert x.dtype == np.float32
    assert x.flags["C_CONTIGUOUS"]
    assert x.shape == (3, *input_shape(recipe))
    black, white = recipe.range
    coarse = not recipe.mean and max(abs(black), abs(white)) > 1000 * abs(white - black)
    # A range far from 0 and narrow has fewer float32 in it than there are grey levels.
    found = from_model(x, recipe).astype(int)
    assert np.abs(found - pictures).max() <= (1 if coarse else 0)


def test_the_values_are_torchvision_s(pictures: np.ndarray) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    recipe = Recipe(format="torch", size=(16, 16), channels=3, layout="channels-first", latent_shape=(1,))
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    np.testing.assert_allclose(to_model(pictures, recipe), x, atol=1e-6)
    normal = (x - torch.tensor(mean).reshape(3, 1, 1)) / torch.tensor(std).reshape(3, 1, 1)
    scaled = recipe.model_copy(update={"mean": mean, "std": std})
    np.testing.assert_allclose(to_model(pictures, scaled), normal, atol=1e-5)
    signed = recipe.model_copy(update={"range": (-1.0, 1.0), "order": "bgr", "transposed": True})
    np.testing.assert_allclose(to_model(pictures, signed), (2 * x - 1).flip(1).transpose(2, 3), atol=1e-6)


def test_outputs_of_their_own_scale() -> None:
    recipe = Recipe(
        format="torch",
        size=(1, 3),
        channels=1,
        layout="flat-channels-first",
        latent_shape=(1,),
        range=(-1.0, 1.0),
    )
    given = np.array([[-200.0, 0.2, 0.6]])
    assert from_model(given, recipe).ravel().tolist() == [0, 153, 204]
    logits = recipe.model_copy(update={"output": "logits"})
    expected = torch.sigmoid(torch.tensor(given[0])).mul(255).round().tolist()
    assert from_model(given, logits).ravel().tolist() == expected
    own = recipe.model_copy(update={"output": (0.0, 1.0)})
    assert from_model(given, own).ravel().tolist() == [0, 51, 153]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_model_gives_flat_is_taken_too(layout: str) -> None:
    recipe = Recipe(format="torch", size=(2, 3), channels=3, layout=layout, latent_shape=(1,))
    pictures = np.arange(36, dtype=np.uint8).reshape(2, 2, 3, 3)
    assert (from_model(to_model(pictures, recipe).reshape(2, -1), recipe) == pictures).all()
