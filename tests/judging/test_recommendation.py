"""The sentence names the best honest sampler, and no difference that the numbers do not show."""

import json

import numpy as np

from zpoints.judging.recommendation import recommended
from zpoints.judging.result import Judgement, PictureFigures, SamplerFigures

PICTURES = {
    "frechet_error": 5.0,
    "kernel_distance": 0.0,
    "kernel_distance_error": None,
    "density": 1.0,
    "coverage": 1.0,
}
VECTORS = {
    "mahalanobis": {"median": 4.0, "low": 3.0, "high": 5.0, "ks_distance": 0.1},
    "violated_planes": 0.01,
    "two_sample": {"name": "boosted trees", "accuracy": 0.5, "error": 0.02, "p": 0.5, "n": 500},
    "nearest": 1.0,
    "round_trip": 1.0,
    "fit_seconds": None,
    "vectors_per_second": 1e4,
    "bytes": 1000,
}


def row(frechet: float, nearest: float | None = 1.0, floor: float = 100.0) -> SamplerFigures:
    ratio = frechet / floor if floor else None
    return SamplerFigures.from_dict(
        {**PICTURES, **VECTORS, "frechet": frechet, "nearest_ratio": nearest, "ratio": ratio}, "a row"
    )


def judged(rows: dict, n: int, asked_for: int, floor: float = 100.0) -> Judgement:
    reconstructions = PictureFigures.from_dict({**PICTURES, "frechet": floor}, "a row")
    return Judgement(
        n=n,
        asked_for=asked_for,
        features="pixels",
        axes=64,
        baselines={"reconstructions": reconstructions},
        samplers=rows,
    )


def drawn(**centres: float) -> dict:
    random = np.random.default_rng(0)
    return {name: centre + random.normal(size=100) * 5 for name, centre in centres.items()}


def test_the_best_sampler_that_does_not_copy():
    samplers = {"normal": row(200), "ellipse": row(150), "kernel": row(90, 0.5), "resample": row(80, 0.0)}
    centres = drawn(normal=200, ellipse=150, kernel=90, resample=80)
    found = recommended(judged(samplers, 1000, 1000), centres, 0.9)
    assert found.best == "ellipse"
    assert found.as_good == ()
    assert found.copies == ("kernel", "resample")
    assert found.warnings == ()
    assert found.sentence.startswith("Use ellipse:")
    assert "1.50 times that of reconstructions" in found.sentence
    assert "kernel lies nearer" in found.sentence
    assert "resample" not in found.sentence


def test_what_is_no_worse_within_the_noise_is_named():
    samplers = {"normal": row(152), "ellipse": row(150), "copula": row(300)}
    found = recommended(judged(samplers, 500, 10_000), drawn(normal=152, ellipse=150, copula=300), 0.9)
    assert found.as_good == ("normal",)
    assert "normal is as good within the noise" in found.sentence
    assert "500 held-out pictures, not 10,000" in found.warnings[0]


def test_nothing_to_recommend():
    for samplers in ({"resample": row(80, 0.0)}, {"kernel": row(80, 0.2)}):
        found = recommended(judged(samplers, 100, 100), drawn(resample=80, kernel=80), 0.9)
        assert found.best is None
        assert "No sampler to recommend" in found.sentence


def test_perfect_reconstructions_and_repeated_vectors_have_no_ratio():
    samplers = {"normal": row(2.0, None, 0.0), "ellipse": row(3.0, 1.0, 0.0)}
    found = recommended(judged(samplers, 100, 100, 0.0), drawn(normal=2, ellipse=200), 0.9)
    assert found.best == "normal"
    assert found.sentence.endswith("(Fréchet distance 2 ± 5).")


def test_a_judgement_is_its_file(tmp_path):
    samplers = {"normal": row(152), "ellipse": row(150, None)}
    found = recommended(judged(samplers, 100, 100), drawn(normal=152, ellipse=150), 0.9)
    found.write(tmp_path / "scores.json")
    again = Judgement.read(tmp_path / "scores.json")
    assert again == found
    assert json.loads((tmp_path / "scores.json").read_text())["samplers"]["normal"]["frechet"] == 152
    assert [name for name, _ in again.ranked] == ["ellipse", "normal"]
    assert list(again.table.index) == ["reconstructions", "ellipse", "normal"]
    assert again.table.loc["normal", "mahalanobis"] == 4.0
    assert np.isnan(again.table.loc["reconstructions", "ratio"])
    assert ">152</td>" in again._repr_html_()


def test_it_says_itself():
    found = recommended(judged({"<normal>": row(152)}, 100, 100), {"<normal>": np.ones(3)}, 0.9)
    assert repr(found).splitlines()[0] == "Judgement of 1 samplers: 100 pictures each, by pixels"
    assert repr(found).splitlines()[-1].startswith("Use <normal>:")
    assert "<normal>" not in found._repr_html_()
    assert found._repr_html_().count("<tr") == 3  # the names of the columns, the baseline and the sampler
    skipped = Judgement(n=0, skipped="no weights")
    assert repr(skipped) == "Judgement: not judged: no weights"
    assert "Not judged: no weights" in skipped._repr_html_()
