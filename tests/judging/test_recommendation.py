"""The sentence names the best honest sampler, and no difference that the numbers do not show."""

import numpy as np

from zpoints.judging.recommendation import recommendation

BASELINES = {"reconstructions": {"frechet": 100.0}}


def row(frechet: float, nearest: float = 1.0) -> dict:
    return {"frechet": frechet, "frechet_error": 5.0, "nearest_ratio": nearest}


def drawn(**centres: float) -> dict:
    random = np.random.default_rng(0)
    return {name: centre + random.normal(size=100) * 5 for name, centre in centres.items()}


def test_the_best_sampler_that_does_not_copy():
    samplers = {"normal": row(200), "ellipse": row(150), "kernel": row(90, 0.5), "resample": row(80, 0.0)}
    centres = drawn(normal=200, ellipse=150, kernel=90, resample=80)
    found = recommendation(samplers, BASELINES, centres, 1000, 1000, 0.9)
    assert found["best"] == "ellipse"
    assert found["as_good"] == []
    assert found["copies"] == ["kernel", "resample"]
    assert found["warnings"] == []
    assert found["sentence"].startswith("Use ellipse:")
    assert "1.50 times that of reconstructions" in found["sentence"]
    assert "kernel lies nearer" in found["sentence"]
    assert "resample" not in found["sentence"]


def test_what_is_no_worse_within_the_noise_is_named():
    samplers = {"normal": row(152), "ellipse": row(150), "copula": row(300)}
    found = recommendation(samplers, BASELINES, drawn(normal=152, ellipse=150, copula=300), 500, 10_000, 0.9)
    assert found["as_good"] == ["normal"]
    assert "normal is as good within the noise" in found["sentence"]
    assert "500 held-out pictures, not 10,000" in found["warnings"][0]


def test_nothing_to_recommend():
    for samplers in ({"resample": row(80, 0.0)}, {"kernel": row(80, 0.2)}):
        found = recommendation(samplers, BASELINES, drawn(resample=80, kernel=80), 100, 100, 0.9)
        assert found["best"] is None
        assert "No sampler to recommend" in found["sentence"]
