"""`zpoints model check` finds what is taken wrongly: each planted mistake, and none where there is none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zpoints.models.foreign.check import try_variants
from zpoints.models.foreign.looking import look

PLANTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"range": (-1.0, 1.0)}, {"range": (-1.0, 1.0)}),
    ({"order": "bgr"}, {"order": "bgr"}),
    ({"transposed": True}, {"transposed": True}),
    ({"output": "logits"}, {"output": "logits"}),
    ({"range": (0.0, 255.0)}, {"range": (0.0, 255.0)}),
    (
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    ),
    ({"range": (-1.0, 1.0), "order": "bgr"}, {"range": (-1.0, 1.0), "order": "bgr"}),
]


@pytest.mark.parametrize(("truth", "expected"), PLANTED, ids=[str(truth) for truth, _ in PLANTED])
def test_a_planted_mistake_is_found(
    linear: Callable[..., str], pictures: np.ndarray, truth: dict[str, Any], expected: dict[str, Any]
) -> None:
    text = linear(**truth)
    found = try_variants(look(text, {"size": [16, 16]}).codec, pictures[:24])
    assert found.is_clear
    assert found.best.changes == expected
    warning = found.lines(text)[-1]
    assert warning.startswith("WARNING")
    assert f"check {text} --source mine --set" in found.lines(text, " --source mine")[-1]
    # What it proposes to type is understood, and settles it.
    changes: dict[str, Any] = dict(found.best.changes)
    again = try_variants(look(text, {"size": [16, 16], **changes}).codec, pictures[:24])
    assert not again.is_clear
    assert again.assumed.error == pytest.approx(found.best.error)
    for name in expected:
        assert f"--set {name}=" in warning


def test_flat_vectors_of_the_other_layout(linear: Callable[..., str], pictures: np.ndarray) -> None:
    text = linear(layout="channels-last")
    looked = look(text, {"size": [16, 16], "layout": "flat-channels-first", "channels": 3})
    found = try_variants(looked.codec, pictures[:24])
    assert found.is_clear
    assert found.best.changes == {"layout": "flat-channels-last"}


def test_where_nothing_is_wrong_nothing_is_said(linear: Callable[..., str], pictures: np.ndarray) -> None:
    found = try_variants(look(linear(), {"size": [16, 16]}).codec, pictures[:24])
    assert not found.is_clear
    assert found.best is found.assumed
    assert found.assumed.changes == {}
    assert "WARNING" not in " ".join(found.lines("x"))


def test_what_pictures_cannot_tell_is_said(linear: Callable[..., str], pictures: np.ndarray) -> None:
    codec = look(linear(), {"size": [16, 16]}).codec
    grey = np.repeat(pictures[:8, :, :, :1], 3, axis=3)
    found = try_variants(codec, grey)
    told = [variant for variant in found.variants if variant.changes == {"order": "bgr"}]
    assert told[0].error == pytest.approx(found.assumed.error, rel=1e-6) or not found.is_clear
