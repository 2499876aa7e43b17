"""Samplers as scikit-learn's users know estimators: one body of tests, run over every one of them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import zpoints
from support import correlated, line
from zpoints.errors import ArrayError, UsageError
from zpoints.samplers import SAMPLERS, Kernel, Mixture, Normal, Sampler
from zpoints.samplers.checks import generator_of
from zpoints.vectors.latent_set import LatentSet

SMALL = {
    "flow": {"steps": 2, "width": 8, "transforms": 2},
    "flow-matching": {"steps": 2, "width": 8, "blocks": 1},
}
WITHOUT_DENSITY = {"ellipse-pairs", "resample", "flow-matching"}
FEW_STEPS = {
    "kernel": {"most": 50},
    "resample": {"most": 50},
    "flow": {"steps": 60, "rate": 0.01},
    "flow-matching": {"steps": 100, "rate": 0.01, "width": 32, "dropout": 0.0},
}
"""What a fit learns something by, in a second or two."""
FIT_DRAWS = {"mixture", "kernel", "resample", "flow", "flow-matching"}

NOT_APPLICABLE = {"check_dtype_object": "what is no number is an ArrayError (a ValueError), not a TypeError"}
NO_DENSITY = (
    "check_fit_score_takes_y",
    "check_pipeline_consistency",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
)  # of the samplers whose density is not known: score and score_samples say so in one line
"""Checks of scikit-learn's that do not apply, and why; all others do."""

every = pytest.mark.parametrize("name", SAMPLERS)


def made(name: str, **settings: object) -> Sampler:
    return SAMPLERS[name](**(SMALL.get(name, {}) | settings))


FEW = {"normal", "kernel", "resample"}
"""Of each family one; the others differ in their settings and in what they draw, and take a minute."""
in_turn = [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in SAMPLERS]


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest) -> dict[str, dict[str, list[str]]]:
    """What scikit-learn's checks find; in a process of its own, where nothing checks the types of arguments."""
    chosen = [item.callspec.params["name"] for item in request.session.items if "own_checks" in item.name]
    code = f"""
import json, sys, warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
from zpoints.samplers import SAMPLERS
small, found = {SMALL!r}, {{}}
for name in {chosen!r}:
    results = check_estimator(SAMPLERS[name](**small.get(name, {{}})), on_fail=None, on_skip=None)
    found[name] = {{
        status: [f"{{r['check_name']}}: {{r['exception']}}"[:300] for r in results if r["status"] == status]
        for status in ("passed", "failed")
    }}
json.dump(found, sys.stdout)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", in_turn)
def test_scikit_learn_s_own_checks(name, checked):
    failed = {text.partition(":")[0]: text for text in checked[name]["failed"]}
    expected = set(NOT_APPLICABLE) | (set(NO_DENSITY) if name in WITHOUT_DENSITY else set())
    assert not {check: text for check, text in failed.items() if check not in expected}
    assert set(failed) == expected  # a list that grows old is none
    assert len(checked[name]["passed"]) > 30


@every
def test_settings_are_stored_as_they_are_and_cloned(name):
    strange = np.float64(0.5)
    sampler = made(name, temperature=strange, random_state=7)
    assert sampler.temperature is strange
    assert SAMPLERS[name](temperature=-1).temperature == -1  # whoever fits it hears of it
    copy = clone(sampler)
    assert copy is not sampler
    assert copy.get_params() == sampler.get_params()
    assert copy.set_params(temperature=2.0).temperature == 2.0
    shown = repr(sampler.set_params(temperature=0.5))
    assert shown.startswith(f"{type(sampler).__name__}(")
    assert "random_state=7" in shown
    assert "temperature=0.5" in shown
    with pytest.raises(ValueError, match="Invalid parameter 'sgima'"):
        sampler.set_params(sgima=2)


@every
def test_before_fit_both_errors_are_raised(name, cloud):
    for kind in (UsageError, NotFittedError, ValueError):
        with pytest.raises(kind, match="not fitted"):
            made(name).sample(2)
    with pytest.raises(NotFittedError):
        check_is_fitted(made(name))
    check_is_fitted(made(name).fit(cloud))


@every
def test_what_is_wrong_is_a_value_error_as_well(name, cloud):
    with pytest.raises(ValueError, match="must be positive"):
        made(name, temperature=0).fit(cloud)
    with pytest.raises(ValueError, match="1 dimension"):
        made(name).fit(cloud[:, 0])


@every
def test_random_states_of_sample(name, cloud):
    """An integer repeats, None does not, a generator goes on."""
    sampler = made(name, random_state=3).fit(cloud)
    same = np.testing.assert_array_equal
    same(sampler.sample(20, random_state=5), sampler.sample(20, 5))
    same(sampler.sample(20, seed=5), sampler.sample(20, 5))
    same(sampler.sample(20, np.random.default_rng(5)), sampler.sample(20, 5))
    same(sampler.sample(20), sampler.sample(20, 3))
    generator = np.random.default_rng(5)
    assert (sampler.sample(20, generator) != sampler.sample(20, generator)).any()
    old = np.random.RandomState(5)
    first = sampler.sample(20, old)
    assert (first != sampler.sample(20, old)).any()
    same(first, sampler.sample(20, np.random.RandomState(5)))
    sampler.set_params(random_state=None)
    assert (sampler.sample(20) != sampler.sample(20)).any()
    sampler.set_params(random_state=np.random.default_rng(3))
    same(sampler.sample(20), sampler.set_params(random_state=3).sample(20))
    assert sampler.sample().shape == (1, 5)


@pytest.mark.parametrize("name", sorted(FIT_DRAWS))
def test_random_states_of_fit(name):
    x = correlated(400, 3)
    x[:, 1] += x[:, 0] ** 2  # of a normal cloud there may be nothing to learn, whatever was drawn
    few = FEW_STEPS.get(name, {})

    def drawn(random_state: object) -> np.ndarray:
        return made(name, **(few | {"random_state": random_state})).fit(x).sample(30, 0)

    np.testing.assert_array_equal(drawn(4), drawn(4))
    if name == "mixture":  # one component, whatever is held out
        return
    assert (drawn(4) != drawn(5)).any()
    assert (drawn(None) != drawn(None)).any()
    generator = np.random.default_rng(4)
    assert (drawn(generator) != drawn(generator)).any()


@pytest.mark.parametrize("random_state", [-1, 1.5, "0", True, [1, 2]])
def test_random_states_that_are_none(random_state, cloud):
    for act in (lambda: generator_of(random_state), lambda: Normal().fit(cloud).sample(2, random_state)):
        with pytest.raises(UsageError) as refused:
            act()
        assert "random_state" in line(refused.value)


def test_two_words_for_the_seed_are_refused(cloud):
    with pytest.raises(UsageError, match="give one"):
        Normal().fit(cloud).sample(2, 1, seed=2)


@every
def test_tables_arrays_files_and_sets_are_the_same(name, cloud, tmp_path):
    names = [f"z{c}" for c in range(5)]
    table = pd.DataFrame(cloud, columns=names)
    table.to_parquet(tmp_path / "z.parquet")
    array = made(name, random_state=0).fit(cloud)
    assert array.n_features_in_ == 5
    assert not hasattr(array, "feature_names_in_")
    fitted = made(name, random_state=0).fit(table)
    assert list(fitted.feature_names_in_) == names
    for source in (table, str(tmp_path / "z.parquet"), tmp_path / "z.parquet", LatentSet.open(cloud)):
        other = made(name, random_state=0).fit(source)
        np.testing.assert_allclose(other.sample(9, 1), array.sample(9, 1), rtol=1e-5)
    assert not hasattr(fitted.fit(cloud), "feature_names_in_")
    if name in WITHOUT_DENSITY:
        return
    score = array.score_samples(cloud[:20])
    assert array.score(cloud[:20]) == array.score(cloud[:20], np.zeros(20)) == score.mean()
    np.save(tmp_path / "few.npy", cloud[:20])
    for source in (cloud[:20].tolist(), table[:20], tmp_path / "few.npy", LatentSet.open(cloud[:20])):
        np.testing.assert_allclose(array.score_samples(source), score, rtol=1e-9)


@every
def test_names_of_columns_are_kept_in_the_file_and_asked_for(name, cloud, tmp_path):
    names = [f"z{c}" for c in range(5)]
    table = pd.DataFrame(cloud, columns=names)
    made(name, random_state=np.random.default_rng(0)).fit(table).save(tmp_path / "s.npz")
    loaded = SAMPLERS[name].load(tmp_path / "s.npz")
    assert list(loaded.feature_names_in_) == names
    assert loaded.n_features_in_ == 5
    assert loaded.random_state is None
    if name in WITHOUT_DENSITY:
        return
    for wrong, why in ((table[names[::-1]], "another order"), (table.rename(columns={"z3": "age"}), "age")):
        with pytest.raises(ArrayError) as refused:
            loaded.score_samples(wrong)
        assert why in line(refused.value)


@pytest.mark.parametrize(
    ("z", "why"),
    [
        ([[np.nan] * 5], "vector 0, component 0 is nan"),
        ([["a"] * 5], "not numeric"),
        ([[1j] * 5], "not numeric"),
        (np.zeros((2, 4)), "4 features"),
        ([[1.0], [2.0, 3.0]], "row 1 has shape (2,)"),
    ],
)
def test_what_cannot_be_scored(z, why, cloud):
    with pytest.raises(ArrayError) as refused:
        Normal().fit(cloud).score_samples(z)
    assert why in line(refused.value)


def test_a_file_of_the_time_when_random_state_was_called_seed(cloud, tmp_path):
    path = tmp_path / "s.npz"
    Kernel(random_state=3).fit(cloud).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    head = json.loads(str(arrays["head"]))
    head["settings"]["seed"] = head["settings"].pop("random_state")
    np.savez(path, **(arrays | {"head": np.array(json.dumps(head))}))
    assert Sampler.load(path).random_state == 3


class Shifted(Normal):
    """A sampler of a notebook, in no registry."""

    name = "shifted"


def test_a_sampler_that_is_not_installed_is_loaded_by_its_own_class_only(cloud, tmp_path):
    Shifted(temperature=0.5).fit(cloud).save(tmp_path / "s.npz")
    assert type(Shifted.load(tmp_path / "s.npz")) is Shifted
    with pytest.raises(UsageError) as refused:
        Sampler.load(tmp_path / "s.npz")
    assert "unknown sampler 'shifted'" in line(refused.value)
    assert "s.npz" in str(refused.value)


@every
def test_the_summary_tells_the_settings(name):
    text = zpoints.samplers.by_name(name, sigma=2.5).description
    assert text.endswith(".")
    assert "{" not in text
    assert ("2.5" in text) == (name in ("ellipse", "ellipse-pairs"))


def test_a_grid_search_chooses_by_held_out_density():
    from sklearn.model_selection import GridSearchCV

    x = correlated(600, 3)
    search = GridSearchCV(Mixture(components=1, random_state=0), {"temperature": [0.3, 1.0, 3.0]}, cv=3).fit(
        x
    )
    assert search.best_params_ == {"temperature": 1.0}


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("ellipse", {"sgima": 3}, "did you mean 'sigma'?"),
        ("normal", {"xyzzy": 3}, "it has random_state, temperature"),
        ("ellipse", {"sigma": "wide"}, "sigma='wide'; it must be positive"),
        ("ellipse", {"order": ["exact"]}, "order=['exact']; it must be exact, variance or random"),
        ("kernel", {"width": 1.5}, 'width=1.5; it must lie in (0, 1], or be "auto"'),
        ("kernel", {"most": 2.5}, "most=2.5; it must be a whole number from 2 on"),
        ("mixture", {"components": True}, 'from 1 on, or "auto"'),
        ("flow", {"dropout": 1}, "dropout=1; it must lie in [0, 1)"),
        ("flow", {"device": "abacus"}, "device='abacus'"),
        ("core", {"share": float("nan")}, "share=nan"),
        ("elipse", {}, "did you mean 'ellipse'?"),
    ],
)
def test_options_that_cannot_be_meant(name, options, why):
    with pytest.raises(UsageError) as refused:
        zpoints.samplers.by_name(name, options)
    assert why in line(refused.value)


def test_options_go_before_what_holds_for_all():
    sampler = zpoints.samplers.by_name("ellipse", {"sigma": 4, "random_state": 9}, sigma=2.0, temperature=0.5)
    assert sampler.get_params() == {
        "sigma": 4,
        "order": "exact",
        "draws": "normal",
        "temperature": 0.5,
        "random_state": 9,
    }


def test_the_list_of_samplers_loads_none():
    code = """
import sys
from zpoints.samplers import SAMPLERS
print(*SAMPLERS.names())
print(*(name for name in ("numba", "sklearn", "scipy", "pandas") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [" ".join(SAMPLERS.names()), ""]
