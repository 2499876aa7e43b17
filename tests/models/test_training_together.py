"""Several processes train as one does, end together, and go on as another number of them.

Most pairs are started as torchrun starts them, by the environment, from a process that has imported all already.
"""

import itertools
import json
import signal
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import processes
from support import blobs, line
from zpoints.config import AutoencoderSettings, ImageSettings, TrainingSettings
from zpoints.errors import StageError, UsageError
from zpoints.images.prepare import prepare
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder import together
from zpoints.models.autoencoder.checkpoint import load_autoencoder
from zpoints.models.autoencoder.codec import NetworkCodec
from zpoints.models.autoencoder.ranks import Ranks
from zpoints.models.autoencoder.step import Learner
from zpoints.models.autoencoder.training import train
from zpoints.system.device import Device
from zpoints.system.place import Place

NETWORK = AutoencoderSettings(channels=(8, 12), latent=6)
# 153 pictures: four batches of 31, whose slices of 15 and 16 pictures count differently; a large step, so that what
# is missing shows.
TRAINING = TrainingSettings(epochs=3, batch=31, learning_rate=5e-3, start="random", precision="float32")
STEPS = 4
RANK = """
import os, signal, sys
os.environ.update(RANK="{rank}", WORLD_SIZE="2", LOCAL_RANK="{rank}", LOCAL_WORLD_SIZE="2")
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="{port}")
sys.argv[0] = "zpoints"
from zpoints.models.autoencoder import training
from zpoints.models.autoencoder.step import Learner
training.KEEP_SECONDS = {keep}
original, steps = Learner.step, 0
def step(self, block):
    global steps
    steps += 1
    {fault}
    return original(self, block)
Learner.step = step
from zpoints.cli.commands import main
main()
"""
KILL = "if steps == {step}: os.kill(os.getpid(), signal.SIGKILL)"
FILL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500 if steps >= {step} else -1, -1))"
INTERRUPT = "if steps == {step}: signal.raise_signal(signal.SIGINT)"
SPOIL = "if steps == {step}: return original(self, block) * float('nan')"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    folder = tmp_path_factory.mktemp("small")
    np.save(folder / "blobs.npy", blobs(170, 16, 16, 3))
    settings = ImageSettings(source=str(folder / "blobs.npy"), validation=0.1, test=0.0)
    return prepare(settings, folder / "images")


@pytest.fixture(scope="module")
def alone(small: ImageStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    train(small, folder, NETWORK, TRAINING)
    return folder


def curve(folder: Path) -> np.ndarray:
    history = pd.read_csv(folder / "history.csv")
    return history[["epoch", "train_loss", "validation_loss", "learning_rate"]].to_numpy()


def pictures(store: ImageStore, folder: Path) -> np.ndarray:
    codec = NetworkCodec(load_autoencoder(folder)[0], Device("cpu", bfloat16=False))
    return codec.decode(codec.encode(store.pixels[:40])).astype(int)


def check_same(store: ImageStore, folder: Path, alone: Path) -> None:
    np.testing.assert_allclose(curve(folder), curve(alone), rtol=1e-3)
    assert abs(pictures(store, folder) - pictures(store, alone)).max() <= 1


def pair(
    store: ImageStore, out: Path, faults: dict[int, str] | None = None, keep: float = 120.0, **changes: object
) -> list[tuple[int, str]]:
    """Exit status and words of two processes that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {f"training.{name}": value for name, value in (TRAINING.model_dump() | changes).items()}
    given |= {f"autoencoder.{name}": value for name, value in NETWORK.model_dump(exclude={"model"}).items()}
    sets = [("--set", f"{name}={json.dumps(value)}") for name, value in given.items()]
    out.parent.mkdir(exist_ok=True)
    started = []
    for rank in (0, 1):
        said = out.parent / f"{out.name}-{rank}.txt"
        said.write_bytes(b"")
        fault = (faults or {}).get(rank, "pass")
        code = RANK.format(rank=rank, port=port, keep=keep, fault=fault)
        arguments = ["train", store.folder, out, *itertools.chain(*sets)]
        started.append((processes.start(code, arguments, stdout=said, stderr=said), said))
    return [(process.wait(120.0), said.read_text(encoding="utf-8")) for process, said in started]


def errors(said: str) -> list[str]:
    return [text for text in said.splitlines() if text.startswith("error: ")]


def test_two_processes_train_as_one(small: ImageStore, alone: Path, tmp_path: Path) -> None:
    (first, said), (second, silent) = pair(small, tmp_path / "model")
    assert (first, second) == (0, 0), said + silent
    assert silent == ""
    assert "reconstructions" in said
    check_same(small, tmp_path / "model", alone)


def test_a_process_is_killed_and_one_or_two_others_take_over(
    small: ImageStore, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands in for SIGKILL."""

    original, count = Learner.step, itertools.count(1)

    def dying(self: Learner, block: object) -> object:
        if next(count) == STEPS + 2:
            raise Killed
        return original(self, block)  # type: ignore[arg-type]

    out = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr(Learner, "step", dying)
        with pytest.raises(Killed):
            train(small, out, NETWORK, TRAINING)
    assert len(curve(out)) == 1
    # It goes on in the second epoch; the third one's first step is kept, and the next one kills.
    (status, said), (killed, _) = pair(small, out, {1: KILL.format(step=STEPS + 2)}, keep=0.0)
    assert killed == -signal.SIGKILL
    assert status == 1
    (told,) = errors(said)
    assert "one has ended" in told
    assert "epoch 2 and 1 steps of the next is kept" in told
    assert not (out / "model.json").exists()
    train(small, out, NETWORK, TRAINING)
    check_same(small, out, alone)


@pytest.mark.slow
def test_asked_to_stop_all_stop_at_the_same_step(small: ImageStore, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    # Process 1 is asked in the second epoch's first step, where all look at what the others want.
    both = pair(small, out, {1: INTERRUPT.format(step=STEPS + 1)})
    assert [status for status, _ in both] == [130, 130]
    for _, said in both:
        assert len(errors(said)) == 1
    (first, _), (second, _) = pair(small, out)
    assert (first, second) == (0, 0)
    check_same(small, out, alone)


@pytest.mark.slow
def test_a_bad_loss_of_one_stops_both_and_with_retries_both_go_back(
    small: ImageStore, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    both = pair(small, out, {1: SPOIL.format(step=STEPS + 1)})
    assert [status for status, _ in both] == [1, 1]
    assert all("learning_rate" in errors(said)[0] for _, said in both)
    assert len(curve(out)) == 1
    (first, said), (second, _) = pair(small, out, {1: SPOIL.format(step=2)}, retries=1)
    assert (first, second) == (0, 0), said
    assert "going back to epoch 1, and on at a peak rate of 0.0025" in said
    assert np.isfinite(curve(out)).all()
    assert len(curve(out)) == TRAINING.epochs


@pytest.mark.slow
def test_a_full_disk_stops_both_and_costs_nothing(small: ImageStore, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    (first, said), (second, other) = pair(small, out, {0: FILL.format(step=STEPS + 2)})
    assert (first, second) == (1, 1)
    assert "make room" in errors(said)[0]
    assert len(errors(said)) == len(errors(other)) == 1
    assert "epoch 1 is kept" in errors(other)[0]
    train(small, out, NETWORK, TRAINING)
    check_same(small, out, alone)


def test_the_calling_process_starts_the_others_itself(small: ImageStore, alone: Path, tmp_path: Path) -> None:
    train(small, tmp_path, NETWORK, TRAINING.model_copy(update={"devices": 2}))
    check_same(small, tmp_path, alone)
    assert not list(tmp_path.glob(".lock*"))


@pytest.mark.slow
def test_a_helper_that_is_killed_is_named_and_the_next_start_goes_on(
    small: ImageStore, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[together._Helpers] = []
    original, count = Learner.step, itertools.count(1)
    init = together._Helpers.__init__

    def noted(self: together._Helpers, *given: object) -> None:
        started.append(self)
        init(self, *given)  # type: ignore[arg-type]

    def killing(self: Learner, block: object) -> object:
        if next(count) == STEPS + 2:
            started[0].processes[0].kill()
        return original(self, block)  # type: ignore[arg-type]

    two = TRAINING.model_copy(update={"devices": 2})
    with monkeypatch.context() as patched:
        patched.setattr(together._Helpers, "__init__", noted)
        patched.setattr(Learner, "step", killing)
        with pytest.raises(StageError) as caught:
            train(small, tmp_path, NETWORK, two)
    told = line(caught.value)
    assert "training process 1 of 0 to 1 has ended (killed by SIGKILL)" in told
    assert "epoch 1 is kept" in told
    train(small, tmp_path, NETWORK, two)
    check_same(small, tmp_path, alone)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(10))
def test_killed_anywhere_it_ends_with_the_same_curve(
    small: ImageStore, alone: Path, tmp_path: Path, turn: int
) -> None:
    out, rank = tmp_path / "model", turn % 2
    step = int(np.random.default_rng(turn).integers(1, 3 * STEPS + 1))
    both = pair(small, out, {rank: KILL.format(step=step)}, keep=0.0)
    assert both[rank][0] == -signal.SIGKILL
    assert both[1 - rank][0] == 1
    assert len(errors(both[1 - rank][1])) == 1
    if turn % 3:
        assert [status for status, _ in pair(small, out)] == [0, 0]
    else:
        train(small, out, NETWORK, TRAINING)
    check_same(small, out, alone)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"loss": "mse"}, {"start": "auto"}, {"batch": 30, "mirror": False}])
def test_other_settings_are_shared_out_as_well(small: ImageStore, tmp_path: Path, changes: dict) -> None:
    train(small, tmp_path / "alone", NETWORK, TRAINING.model_copy(update=changes))
    assert [status for status, _ in pair(small, tmp_path / "model", **changes)] == [0, 0]
    check_same(small, tmp_path / "model", tmp_path / "alone")


@pytest.mark.parametrize("count", [1, 2, 7, 31, 32])
@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_the_parts_of_a_batch_are_the_batch(count: int, world: int) -> None:
    parts = [Ranks(Place(rank, world)).part(count) for rank in range(world)]
    rows = np.arange(count)
    np.testing.assert_array_equal(np.concatenate([rows[part] for part in parts]), rows)
    sizes = [len(rows[part]) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_how_many_processes_there_are_changes_no_key() -> None:
    other = TRAINING.model_copy(update={"devices": 4, "nodes": 2, "device": "cpu", "retries": 3})
    assert other.result() == TRAINING.result()


def test_wrong_numbers_are_refused_in_one_line(
    small: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, place = Device("cpu", bfloat16=False), Place(0, 4, 0, 2)
    for settings, words in (
        ({"nodes": 2}, "torchrun --nnodes 2"),
        ({"devices": 3, "device": "cuda"}, "GPUs"),
    ):
        monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
        device = Device("cuda", bfloat16=True) if "device" in settings else cpu
        with pytest.raises(UsageError, match=words) as caught:
            together._processes(TrainingSettings.model_validate(settings), device)
        line(caught.value)
    with pytest.raises(UsageError, match="each of 2 hosts"):
        together._check_torchrun(TrainingSettings(devices=3), place)
    together._check_torchrun(TrainingSettings(devices=2, nodes=2), place)
    together._check_torchrun(TrainingSettings(devices="auto"), place)
    assert together._processes(TrainingSettings(devices="auto"), cpu) == 1


def test_what_the_environment_says_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}
    assert Place.here(said) == Place(1, 2, 0, 1)
    assert Place.here({"RANK": "1", "WORLD_SIZE": "2"}).alone  # of another tool
    for wrong in ({"RANK": "2"}, {"WORLD_SIZE": "many"}, {"LOCAL_RANK": "1"}):
        with pytest.raises(UsageError) as caught:
            Place.here(said | wrong)
        line(caught.value)


def test_only_the_training_may_be_started_several_times(tmp_path: Path) -> None:
    code = "import os\nos.environ.update(RANK='0', WORLD_SIZE='2', MASTER_ADDR='a', MASTER_PORT='1')\n"
    done = processes.run(code + processes.MAIN, ["run", "--out", tmp_path / "run"])
    assert done.returncode == 2
    assert "`zpoints train` alone" in errors(done.stderr)[0]
    assert not any(tmp_path.iterdir())
