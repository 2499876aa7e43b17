"""codec.toml: what is written is read again, and what cannot be meant is one line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import line
from zpoints.errors import UsageError
from zpoints.models.foreign.recipe import CODEC, Recipe, read_recipe, write_recipe

PLAIN = {
    "format": "onnx",
    "size": (16, 12),
    "channels": 3,
    "layout": "channels-last",
    "latent_shape": (4, 2, 2),
}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    model = {"encoder": 'a "b".onnx', "arguments": {"latent": 8, "wide": True, "a b": [1.5, 2]}}
    for more in (
        {"range": (-1.0, 1.0), "order": "bgr", "transposed": True, "output": "logits"},
        {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.2, 1e-7), "output": (0.0, 255.0), "fingerprint": "é"},
    ):
        recipe = Recipe(**PLAIN, **more, model=model, folder=str(tmp_path))
        write_recipe(tmp_path / CODEC, recipe)
        assert read_recipe(tmp_path / CODEC) == recipe
        # Beside the model it can be moved with it.
        assert str(tmp_path) not in (tmp_path / CODEC).read_text()


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.text(max_size=5), st.text(max_size=8) | st.integers(-9, 9) | st.floats(-1e9, 1e9) | st.booleans()
    )
)
def test_any_names_and_values_come_back(model: dict[str, object]) -> None:
    import tempfile

    model = {
        key: value
        for key, value in model.items()
        if not any(0xD800 <= ord(c) < 0xE000 for c in f"{key}{value}")
    }
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(**PLAIN, model=model, folder=folder)
        write_recipe(Path(folder) / CODEC, recipe)
        assert read_recipe(Path(folder) / CODEC).model == model


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sise = [3, 4]", "did you mean 'size'?"),
        ("size = [0, 4]", "size"),
        ("size = [70000, 4]", "65,536"),
        ("range = [1.0, 1.0]", "two different numbers"),
        ("mean = [0.5]\nstd = [0.5]", "3 numbers each"),
        ("mean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.0]", "above 0"),
        ("channels = 4", "channels"),
        ("order = 'gbr'", "order"),
        ("range = [nan, 1.0]", "finite"),
        ("size = ", "not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    write_recipe(tmp_path / CODEC, Recipe(**PLAIN))
    name = text.partition(" ")[0]
    lines = [row for row in (tmp_path / CODEC).read_text().splitlines() if not row.startswith(f"{name} ")]
    (tmp_path / CODEC).write_text("\n".join([text, *lines]))
    with pytest.raises(UsageError) as caught:
        read_recipe(tmp_path / CODEC)
    assert says in line(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / CODEC).write_text('format = "onnx"')
    with pytest.raises(UsageError) as caught:
        read_recipe(tmp_path / CODEC)
    assert "no 'size'" in line(caught.value)


def test_all_that_is_assumed_is_in_its_words() -> None:
    plain = Recipe(format="onnx", size=(4, 4), channels=1, layout="channels-first", latent_shape=(2,))
    assert plain.words == "channels-first, values 0..1"
    full = {"channels": 3, "order": "bgr", "transposed": True, "output": (-1.0, 1.0), "range": (0.0, 255.0)}
    assert Recipe.model_validate(plain.model_dump() | full).words == (
        "channels-first, bgr, values 0..255, height and width exchanged, output -1..1"
    )
    assert "output logits" in plain.model_copy(update={"output": "logits"}).words
