"""The faces that half of a style GAN draws."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from processes import MAIN
from support import line
from zpoints.config import ImageSettings
from zpoints.errors import UsageError
from zpoints.files.wheels import RANDOM_FACE, Wheel
from zpoints.images.sources import open_source, photo_faces
from zpoints.images.sources.photo_faces import (
    SHARD,
    Painter,
    PhotoFaceSource,
    load_network,
    noise_of,
    openvino_core,
)
from zpoints.system.progress import Silent

pytest.importorskip("openvino")


@pytest.fixture
def cache(downloaded: Callable[[Wheel], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel where it is, and an empty place for what is drawn."""
    downloaded(RANDOM_FACE)
    monkeypatch.setattr(photo_faces, "cache_folder", lambda: tmp_path / "wheels")
    return tmp_path


def faces(start: int, stop: int, seed: int = 0, count: int = 5000, side: int = 64) -> np.ndarray:
    source = PhotoFaceSource(count, seed, side, Silent())
    return np.stack([np.asarray(opener()) for opener in source.openers(start, stop)])


def test_faces_are_colour_pictures_that_differ(cache: Path) -> None:
    block = faces(0, 16)
    assert block.shape == (16, 64, 64, 3)
    assert block.dtype == np.uint8
    assert block.std(axis=0).mean() > 30
    # A face, not noise: neighbouring pixels are alike.
    assert np.abs(np.diff(block.astype(int), axis=2)).mean() < 15


@pytest.mark.parametrize("side", [64, 128])
def test_it_gives_what_the_whole_network_draws(cache: Path, side: int) -> None:
    """Against full pictures of 1024x1024, scaled down: the root mean square error that the docstring states."""
    painter, noise = Painter(side, Silent()), noise_of(5, 0, 4)
    whole = openvino_core().compile_model(load_network("SynthesisNetwork", Silent()), "CPU")
    for style, face in zip(painter.styles(noise), painter.paint(noise), strict=True):
        image = whole([style[None]])["img"][0].transpose(1, 2, 0)
        picture = Image.fromarray(np.rint((image.clip(-1, 1) + 1) * 127.5).astype(np.uint8))
        full = np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS), float)
        assert np.sqrt(((face - full) ** 2).mean()) < 30


def test_what_was_drawn_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = faces(SHARD - 3, SHARD + 3)
    monkeypatch.setattr(Painter, "paint", None)
    np.testing.assert_array_equal(faces(SHARD - 3, SHARD + 3), first)
    np.testing.assert_array_equal(faces(SHARD - 3, SHARD, count=SHARD), first[:3])
    kept = sorted(path.name for path in cache.rglob("*.npy"))
    assert kept == ["000000.npy", "000001.npy"]


@pytest.mark.slow
def test_a_damaged_shard_is_drawn_again(cache: Path) -> None:
    before = faces(0, 4)
    (path,) = cache.rglob("*.npy")
    for damage in (b"", path.read_bytes()[:1000], b"{["):
        path.write_bytes(damage)
        np.testing.assert_array_equal(faces(0, 4), before)


@pytest.mark.slow
def test_the_seed_and_the_side_decide(cache: Path) -> None:
    assert not np.array_equal(faces(0, 2), faces(0, 2, seed=1))
    assert faces(0, 2, side=128).shape == (2, 128, 128, 3)
    keys = {PhotoFaceSource(9, seed, side, Silent()).fingerprint() for seed in (0, 1) for side in (64, 128)}
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("size", "side"), [("auto", 64), ((64, 64), 64), ((48, 40), 64), ((96, 96), 128), ((218, 178), 128)]
)
def test_the_size_chooses_the_side(size: str | tuple[int, int], side: int) -> None:
    source = open_source(ImageSettings(source="photo-faces", size=size), seed=3)
    assert len(source) == 5000
    assert source.natural_size == (side, side)
    assert all(text in source.describe() for text in ("random-face", "Apache-2.0", "FFHQ", "non-commercial"))


def test_where_nothing_can_be_kept_it_draws_all_the_same(
    downloaded: Callable[[Wheel], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded(RANDOM_FACE)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(photo_faces, "cache_folder", lambda: tmp_path / "file" / "wheels")
    assert faces(0, 2).shape == (2, 64, 64, 3)
    assert (tmp_path / "file").read_text() == "in the way"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zpoints.system.extras.have", lambda _: False)
    with pytest.raises(UsageError) as caught:
        open_source(ImageSettings(source="photo-faces"))
    assert "zpoints[photo-faces]" in line(caught.value)
    assert "'faces'" in str(caught.value)


@pytest.mark.slow
def test_signals_are_heard_after_painters_have_come_and_gone(cache: Path) -> None:
    """OpenVINO's runtimes, several of them, left a dangling stack for signals: the next one killed the process."""
    code = (
        "import gc, signal\n"
        "from zpoints.images.sources.photo_faces import Painter\n"
        "from zpoints.system.progress import Silent\n"
        "one = Painter(64, Silent()); two = Painter(64, Silent()); del one; gc.collect(); del two; gc.collect()\n"
        "heard = []\n"
        "signal.signal(signal.SIGINT, lambda *_: heard.append(1))\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "assert heard == [1]\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
def test_killed_while_drawing_it_goes_on_and_draws_nothing_twice(
    downloaded: Callable[[Wheel], Path], tmp_path: Path
) -> None:
    wheel = downloaded(RANDOM_FACE)
    for name in ("killed", "undisturbed"):
        (tmp_path / name / "wheels").mkdir(parents=True)
        (tmp_path / name / "wheels" / wheel.name).symlink_to(wheel)

    def command(cache: str, out: str) -> subprocess.Popen[bytes]:
        arguments = ["prepare", "photo-faces", str(tmp_path / out), "-q", "--set", "images.count=320"]
        environment = os.environ | {"ZPOINTS_CACHE": str(tmp_path / cache)}
        return subprocess.Popen([sys.executable, "-c", MAIN, *arguments], env=environment)

    def kept(cache: str) -> dict[str, tuple[int, bytes]]:
        paths = sorted((tmp_path / cache).glob("photo-faces-*/0*.npy"))
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    process = command("killed", "a")
    while process.poll() is None and len(kept("killed")) < 2:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = kept("killed")
    assert command("killed", "a").wait() == 0
    after = kept("killed")
    assert len(after) == 5
    assert {name: after[name] for name in before} == before, "what was drawn is not drawn again"
    assert command("undisturbed", "b").wait() == 0
    assert {name: data for name, (_, data) in kept("undisturbed").items()} == {
        name: data for name, (_, data) in after.items()
    }
    for name in ("pixels.npy", "index.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
