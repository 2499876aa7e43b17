"""The sentence names the best honest sampler, and no difference that the numbers do not show."""

import json

import numpy as np
import pytest

from zpoints.judging.frechet import FrechetFigures
from zpoints.judging.recommendation import agreement, recommended
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


def row(
    frechet: float,
    copied: float = 0.0,
    floor: float = 100.0,
    second: float | None = None,
    **more: float | None,
) -> SamplerFigures:
    figures = {
        "frechet": frechet,
        "nearest_ratio": 1.0,
        "ratio": frechet / floor if floor else None,
        "copied": copied,
        "copied_error": 0.004,
        "second_frechet": second,
    }
    return SamplerFigures.from_dict({**PICTURES, **VECTORS, **figures, **more}, "a row")


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


def found_of(**centres: float) -> dict:
    """Distances with an error of 5 for one, and of 7 for the difference of two."""
    random = np.random.default_rng(0)
    rows = {}
    for name, centre in centres.items():
        influence = random.normal(size=100)
        influence *= 50 / influence.std(ddof=1)
        rows[name] = FrechetFigures(centre, centre, influence, np.zeros(100))
    return rows


def test_the_best_sampler_that_does_not_copy():
    samplers = {"normal": row(200), "ellipse": row(150), "kernel": row(90, 0.5), "resample": row(80, 1.0)}
    centres = found_of(normal=200, ellipse=150, kernel=90, resample=80)
    found = recommended(judged(samplers, 1000, 1000), centres)
    assert found.best == "ellipse"
    assert found.as_good == ()
    assert found.copies == ("kernel", "resample")
    assert found.warnings == ()
    assert found.sentence.startswith("Use ellipse:")
    assert "1.50 times that of reconstructions" in found.sentence
    assert "copies of training vectors: kernel (50 ± 0.4 %)" in found.sentence
    assert "resample" not in found.sentence


def test_what_is_no_worse_within_the_noise_is_named():
    samplers = {"normal": row(152), "ellipse": row(150), "copula": row(300)}
    found = recommended(judged(samplers, 500, 10_000), found_of(normal=152, ellipse=150, copula=300))
    assert found.as_good == ("normal",)
    assert "normal is as good within the noise" in found.sentence
    assert "500 held-out pictures, not 10,000" in found.warnings[0]


def test_nothing_to_recommend():
    for samplers in ({"resample": row(80, 1.0)}, {"kernel": row(80, 0.2)}):
        found = recommended(judged(samplers, 100, 100), found_of(resample=80, kernel=80))
        assert found.best is None
        assert "No sampler to recommend" in found.sentence


def test_perfect_reconstructions_and_repeated_vectors_have_no_ratio():
    samplers = {"normal": row(2.0, floor=0.0), "ellipse": row(3.0, floor=0.0)}
    found = recommended(judged(samplers, 100, 100, 0.0), found_of(normal=2, ellipse=200))
    assert found.best == "normal"
    assert found.sentence.endswith("(Fréchet distance 2 ± 5).")


def test_a_judgement_is_its_file(tmp_path):
    samplers = {"normal": row(152), "ellipse": row(150, nearest_ratio=None)}
    found = recommended(judged(samplers, 100, 100), found_of(normal=152, ellipse=150))
    found.write(tmp_path / "scores.json")
    again = Judgement.read(tmp_path / "scores.json")
    assert again == found
    assert json.loads((tmp_path / "scores.json").read_text())["samplers"]["normal"]["frechet"] == 152
    assert [name for name, _ in again.ranked] == ["ellipse", "normal"]
    assert list(again.table.index) == ["reconstructions", "ellipse", "normal"]
    assert again.table.loc["normal", "mahalanobis"] == 4.0
    assert np.isnan(again.table.loc["reconstructions", "ratio"])
    assert ">152</td>" in again._repr_html_()


def test_a_share_that_may_be_chance_or_hardly_matters_excludes_nobody():
    for copied, error, copies in ((0.03, 0.02, False), (0.011, 0.001, False), (0.05, 0.01, True)):
        assert row(1.0, copied, copied_error=error).copies is copies
    assert row(1.0, copied_pictures=0.3, copied_pictures_error=0.05).copies


def test_the_order_by_other_features_is_compared():
    samplers = {
        "normal": row(100, second=3.0),
        "ellipse": row(150, second=1.0),
        "copula": row(300, second=4.0),
        "resample": row(50, 1.0, second=0.5),
    }
    centres = found_of(normal=100, ellipse=150, copula=300, resample=50)
    found = agreement(recommended(judged(samplers, 100, 100), centres))
    # Five of six pairs are in the same order.
    assert found.tau == pytest.approx(4 / 6)
    assert (found.best, found.second_best) == ("normal", "ellipse")
    assert "tau 0.67" in found.agreement
    assert "ellipse is first" in found.agreement
    assert found.agreement in found.lines()
    without = agreement(recommended(judged({"normal": row(152)}, 100, 100), found_of(normal=152)))
    assert (without.tau, without.agreement) == (None, "")


def test_few_pictures_for_the_axes_are_said():
    found = recommended(judged({"normal": row(152)}, 200, 200), found_of(normal=152))
    assert "200 pictures for 64 axes" in found.warnings[0]


def test_a_file_of_the_format_before_is_read(tmp_path):
    old = judged({"normal": row(152), "kernel": row(90)}, 500, 500).to_dict()
    new = {"frechet_plain", "recall", "vendi", "second_frechet", "second_frechet_error"}
    of_samplers = {"copied", "copied_error", "copying_z", "copied_pictures"}
    of_samplers |= {"copied_pictures_error", "copying_z_pictures"}
    for figures in [*old["baselines"].values(), *old["samplers"].values()]:
        for name in (new | of_samplers) & figures.keys():
            del figures[name]
    for name in ("second", "second_axes", "second_best", "tau", "tau_p"):
        del old[name]
    for name in ("rebuilt", "held_out_copied", "held_out_vendi"):
        del old[name]
    old["samplers"]["kernel"]["nearest_ratio"] = 0.4
    (tmp_path / "scores.json").write_text(json.dumps(old | {"version": 2}))
    found = Judgement.read(tmp_path / "scores.json")
    assert found.version == 3
    assert found.samplers["kernel"].copies
    assert not found.samplers["normal"].copies
    assert found.samplers["normal"].recall is None
    assert len(found.lines()) == 4
    assert "152" in found._repr_html_()


def test_it_says_itself():
    found = recommended(judged({"<normal>": row(152)}, 100, 100), found_of(**{"<normal>": 152.0}))
    assert repr(found).splitlines()[0] == "Judgement of 1 samplers: 100 pictures each, by pixels"
    assert repr(found).splitlines()[-1].startswith("Use <normal>:")
    assert "<normal>" not in found._repr_html_()
    assert found._repr_html_().count("<tr") == 3  # the names of the columns, the baseline and the sampler
    skipped = Judgement(n=0, skipped="no weights")
    assert repr(skipped) == "Judgement: not judged: no weights"
    assert "Not judged: no weights" in skipped._repr_html_()
