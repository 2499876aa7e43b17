"""Settings: one tree, one TOML file, and errors that say what was meant."""

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import line
from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.files.settings import load_settings, save_settings, with_changes

some_settings = st.builds(
    lambda name, seed, images, autoencoder, training, methods, sigma: Settings.model_validate(
        {
            "name": name,
            "seed": seed,
            "images": images,
            "autoencoder": autoencoder,
            "training": training,
            "samples": {"methods": methods, "sigma": sigma},
        }
    ),
    name=st.from_regex(r"\.{0,2}[A-Za-z0-9_-][A-Za-z0-9_.-]*", fullmatch=True),
    seed=st.integers(0, 2**63 - 1),
    images=st.fixed_dictionaries(
        {
            "source": st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            "count": st.just("auto") | st.integers(1, 10**9),
            "size": st.just("auto") | st.tuples(st.integers(1, 999), st.integers(1, 999)),
            "crop": st.sampled_from(["auto", "none", "square", (0, 1, 20, 30)]),
            "validation": st.floats(0, 0.99),
        }
    ),
    autoencoder=st.fixed_dictionaries(
        {
            "channels": st.lists(st.integers(1, 512), min_size=1, max_size=5).map(tuple),
            "batch_norm": st.booleans(),
        }
    ),
    training=st.fixed_dictionaries({"learning_rate": st.floats(1e-12, 1e3)}),
    methods=st.permutations(["normal", "ellipse", "independent"]).map(tuple),
    sigma=st.floats(1e-300, 1e300),
)


@given(some_settings)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_saved_is_loaded(tmp_path, chosen):
    save_settings(tmp_path / "config.toml", chosen)
    assert load_settings(tmp_path / "config.toml") == chosen


def test_the_file_holds_every_default(tmp_path):
    path = tmp_path / "config.toml"
    save_settings(path, Settings())
    tree = tomllib.loads(path.read_text())
    assert tree["training"]["epochs"] == Settings().training.epochs
    assert set(tree) == set(Settings.model_fields)
    for name, section in tree.items():
        if isinstance(section, dict):
            assert set(section) == set(type(getattr(Settings(), name)).model_fields)


def test_what_a_file_leaves_out_has_its_default(tmp_path):
    (tmp_path / "c.toml").write_text("[training]\nepochs = 3\n")
    found = load_settings(tmp_path / "c.toml")
    assert found.training.epochs == 3
    assert found == with_changes(Settings(), ["training.epochs=3"])
    (tmp_path / "empty.toml").write_text("")
    assert load_settings(tmp_path / "empty.toml") == Settings()


def test_settings_cannot_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[training]\nepoch = 3", ["'training.epoch'", "did you mean 'epochs'"]),
        ("nam = 'x'", ["'nam'", "did you mean 'name'"]),
        ("[trainng]\nepochs = 3", ["'trainng'", "did you mean 'training'"]),
        ("[training]\nxyzzy = 3", ["'training.xyzzy'", "known here", "epochs"]),
        ("[training]\nepochs = 'many'", ["'training.epochs'", "'many'", "integer"]),
        ("[training]\nepochs = 2.5", ["'training.epochs'", "2.5"]),
        ("[training]\nepochs = -1", ["'training.epochs'", "-1", "greater than or equal to 0"]),
        ("[images]\nvalidation = 1.0", ["'images.validation'", "less than 1"]),
        ("[images]\nsize = [64]", ["'images.size'", "[64]"]),
        ("[images]\ncrop = [5, 0, 5, 9]", ["'images.crop'", "left < right"]),
        ("[images]\ncolour = 'blue'", ["'images.colour'", "'rgb'"]),
        ("[samples]\nsigma = 0", ["'samples.sigma'", "greater than 0"]),
        ("[samples]\nsigma = nan", ["'samples.sigma'"]),
        ("[training]\nlearning_rate = inf", ["'training.learning_rate'"]),
        ("[analysis]\nbin_width = 0.0", ["'analysis.bin_width'", "greater than 0"]),
        ("seed = -1", ["'seed'"]),
        ("name = 'a/b'", ["'name'"]),
        ("training = 3", ["'training'"]),
        ("[training\nepochs = 3", ["not valid TOML"]),
        ("seed = 1\nseed = 2", ["not valid TOML"]),
    ],
)
def test_mistakes_in_a_file_are_named_in_one_line(tmp_path, text, parts):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    assert refused.value.exit_status == 2
    assert line(refused.value).startswith(f"{path}: ")
    for part in parts:
        assert part in line(refused.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"name = '\xff'")
    for path, part in [
        (tmp_path / "none.toml", "no such file"),
        (tmp_path, "cannot be read"),
        (tmp_path / "latin.toml", "cannot be read"),
    ]:
        with pytest.raises(UsageError, match=part) as refused:
            load_settings(path)
        assert str(path) in line(refused.value)


def test_a_file_of_windows_is_read(tmp_path):
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf[images]\r\nsource = 'C:\\Users\\me'\r\n")
    assert load_settings(path).images.source == "C:\\Users\\me"
    path.write_bytes('[images]\r\nsource = "orl"\r\n'.encode("utf-16"))
    with pytest.raises(UsageError, match="save it as UTF-8"):
        load_settings(path)


@pytest.mark.parametrize("written", ["C:\\Users\\me", "c:\\temp\\new", "D:\\new", "C:\\faces\\big"])
def test_a_path_of_windows_in_double_quotes_is_explained(tmp_path, written):
    path = tmp_path / "c.toml"
    path.write_text(f'[images]\nsource = "{written}"\n')
    with pytest.raises(UsageError, match="a path of Windows is written in single quotes: 'C:") as refused:
        load_settings(path)
    assert line(refused.value).startswith(f"{path}: ")
    path.write_text(f"[images]\nsource = '{written}'\n")
    assert load_settings(path).images.source == written


def test_other_mistakes_say_nothing_of_windows(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('[images]\nsource = "C:\\\\Users"\nsize = [1,\n')
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    assert "Windows" not in line(refused.value)


def test_options_of_single_samplers(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(
        '[samples.options.ellipse]\norder = "variance"\n[samples.options.ellipse-pairs]\nsweeps = 9\n'
    )
    chosen = load_settings(path)
    assert chosen.samples.options == {"ellipse": {"order": "variance"}, "ellipse-pairs": {"sweeps": 9}}
    by_hand = ["samples.options.ellipse.order=variance", "samples.options.ellipse-pairs.sweeps=9"]
    assert with_changes(Settings(), by_hand) == chosen
    assert (
        with_changes(Settings(), ["samples.options={ellipse={order='variance'},ellipse-pairs={sweeps=9}}"])
        == chosen
    )
    save_settings(path, chosen)
    assert load_settings(path) == chosen
    assert Settings().samples.options == {}
    for wrong in ("samples.options.ellipse=3", "samples.options=3", "samples.option.ellipse.order=variance"):
        with pytest.raises(UsageError, match=r"samples\.option"):
            with_changes(Settings(), [wrong])


def test_changes_on_the_command_line():
    changed = with_changes(
        Settings(),
        [
            "training.epochs=20",
            "images.source=my pictures/x.zip",
            "images.size=[64, 48]",
            "autoencoder.batch_norm=true",
            " training.loss = l1 ",
            "name=run-2",
            "samples.methods=['normal']",
        ],
    )
    assert changed.training.epochs == 20
    assert changed.images.source == "my pictures/x.zip"
    assert changed.images.size == (64, 48)
    assert changed.autoencoder.batch_norm is True
    assert changed.training.loss == "l1"
    assert changed.name == "run-2"
    assert changed.samples.methods == ("normal",)
    assert changed.training.batch == Settings().training.batch
    assert Settings().training.epochs == "auto", "the settings given are left alone"
    assert with_changes(changed, []) == changed


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("training.epochs", "NAME=VALUE"),
        ("training.epoch=3", "did you mean 'epochs'"),
        ("trainig.epochs=3", "no section for 'trainig.epochs'"),
        ("training.epochs.more=3", "no section for 'training.epochs.more'"),
        ("training.epochs=many", "'many'"),
        ("training=3", "'training'"),
        ("=3", "unknown setting"),
        ("training.epochs=-1", "greater than or equal to 0"),
    ],
)
def test_changes_that_make_no_sense(change, part):
    with pytest.raises(UsageError) as refused:
        with_changes(Settings(), [change])
    assert part in line(refused.value)
    assert "--set" in line(refused.value)
    assert refused.value.exit_status == 2
